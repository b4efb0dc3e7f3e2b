"""What a log line must not say."""

import re
from typing import Any

# An address that is a key: whoever reads it can act for the fan. A signed one has colons.
_PAGES = "orders|preferences|unsubscribe|waiting|waiting-list|tell-me|news/confirm|news/leave"
SECRET_ADDRESS = re.compile(rf"(/(?:{_PAGES})/)[\w:-]+")


def hidden(text: str) -> str:
    """The same text, with secret addresses cut short."""
    return SECRET_ADDRESS.sub(r"\1…", text)


def without_secrets(logger: object, name: str, line: dict[str, Any]) -> dict[str, Any]:
    """A structlog processor: secret addresses are cut short, also in the request that Django logs beside its words."""
    said = {key: repr(value) if key == "request" else value for key, value in line.items()}
    return {key: hidden(value) if isinstance(value, str) else value for key, value in said.items()}
