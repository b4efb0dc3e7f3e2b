"""Form-encoded parameters as Stripe takes them: `a[b][c]=v`, `a[]=v`, `a[0][b]=v`."""

import re
from collections.abc import Iterable
from email import message_from_bytes
from email.policy import HTTP
from hashlib import sha256
from itertools import pairwise
from urllib.parse import parse_qsl

from .errors import Json, invalid

PART = re.compile(r"\[([^\[\]]*)\]")
EMAIL = re.compile(r"[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+")  # what is not ASCII it does not take
MINIMUM_AMOUNT = 50
MAXIMUM_AMOUNT = 99_999_999


def decode(text: str) -> Json:
    """Nested dictionaries and lists out of a query string or a form body; values stay strings."""
    tree: Json = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        head, _, rest = key.partition("[")
        _insert(tree, [head, *PART.findall("[" + rest)] if rest else [head], value)
    return {name: _lists(name, value) for name, value in tree.items()}


def decode_parts(content_type: str, body: bytes) -> Json:
    """The same out of a multipart body; a file becomes its name, type, size and sha256."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    values: Json = {}
    for part in message_from_bytes(head + body, policy=HTTP).iter_parts():
        name = str(part.get_param("name", header="content-disposition") or "")
        content = part.get_payload(decode=True) or b""
        assert isinstance(content, bytes)  # noqa: S101  # of a part that has no parts of its own
        if (filename := part.get_filename()) is None:
            values[name] = content.decode("utf-8", "replace")
            continue
        digest = sha256(content).hexdigest()
        values[name] = {"filename": filename, "size": str(len(content)), "sha256": digest, "magic": content[:5].hex()}
    return values


def _insert(tree: Json, path: list[str], value: str) -> None:
    for part, following in pairwise(path):
        name = part or str(len(tree))
        child = tree.setdefault(name, {})
        if not isinstance(child, dict):
            raise invalid(f"Invalid object: {part} before [{following}]", param=part)
        tree = child
    tree[path[-1] or str(len(tree))] = value


def _lists(key: str, value: object) -> object:
    # Metadata's keys are the caller's own words, and may be digits.
    if not isinstance(value, dict) or key == "metadata":
        return value
    children = {name: _lists(name, child) for name, child in value.items()}
    if children and all(name.isdigit() for name in children):
        return [children[name] for name in sorted(children, key=int)]
    return children


class Params:
    """Typed access to one request's parameters; every mistake is a 400 that names the parameter."""

    def __init__(self, values: Json, *, prefix: str = "") -> None:
        self.values = values
        self.prefix = prefix

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def _path(self, name: str) -> str:
        return f"{self.prefix}[{name}]" if self.prefix else name

    def only(self, *names: str) -> None:
        """Refuses a parameter that the real endpoint would not know: a typing mistake must not pass silently."""
        if unknown := sorted(set(self.values) - set(names)):
            path = self._path(unknown[0])
            raise invalid(f"Received unknown parameter: {path}", param=path, code="parameter_unknown")

    def text(self, name: str) -> str | None:
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            raise invalid(f"Invalid string: {value}", param=self._path(name))
        return value or None

    def email(self, name: str) -> str | None:
        value = self.text(name)
        if value is not None and not EMAIL.fullmatch(value):
            raise invalid(f"Invalid email address: {value}", param=self._path(name), code="email_invalid")
        return value

    def required(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            path = self._path(name)
            raise invalid(f"Missing required param: {path}.", param=path, code="parameter_missing")
        return value

    def choice(self, name: str, choices: Iterable[str], default: str) -> str:
        value = self.text(name) or default
        if value not in choices:
            listed = ", ".join(choices)
            raise invalid(f"Invalid {name}: must be one of {listed}", param=self._path(name))
        return value

    def integer(self, name: str, *, least: int | None = None, most: int | None = None) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(r"-?\d{1,18}", value):
            raise invalid(f"Invalid integer: {value}", param=self._path(name), code="parameter_invalid_integer")
        number = int(value)
        if (least is not None and number < least) or (most is not None and number > most):
            message = f"This value must be between {least} and {most}."
            raise invalid(message, param=self._path(name), code="parameter_invalid_integer")
        return number

    def required_integer(self, name: str, *, least: int | None = None, most: int | None = None) -> int:
        self.required(name)
        return self.integer(name, least=least, most=most) or 0

    def amount(self, name: str) -> int:
        """Minor units, at least 50 of them (Stripe's minimum for most currencies)."""
        value = self.required_integer(name)
        if value < MINIMUM_AMOUNT:
            raise invalid("Amount must be at least 50 cents.", param=self._path(name), code="amount_too_small")
        if value > MAXIMUM_AMOUNT:
            raise invalid("Amount must be no more than 99,999,999.", param=self._path(name), code="amount_too_large")
        return value

    def currency(self, name: str) -> str:
        value = self.required(name).lower()
        if not re.fullmatch(r"[a-z]{3}", value):
            raise invalid(f"Invalid currency: {value}.", param=self._path(name))
        return value

    def flag(self, name: str) -> bool | None:
        value = self.text(name)
        if value is None:
            return None
        if value not in ("true", "false"):
            raise invalid(f"Invalid boolean: {value}", param=self._path(name))
        return value == "true"

    def mapping(self, name: str) -> Json:
        value = self.values.get(name)
        if value in (None, ""):
            return {}
        if not isinstance(value, dict):
            raise invalid("Invalid object", param=self._path(name))
        return value

    def nested(self, name: str) -> "Params":
        return Params(self.mapping(name), prefix=self._path(name))

    def items(self, name: str) -> list["Params"]:
        value = self.values.get(name)
        if value in (None, ""):
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise invalid("Invalid array", param=self._path(name))
        return [Params(item, prefix=f"{self._path(name)}[{index}]") for index, item in enumerate(value)]

    def texts(self, name: str) -> list[str]:
        value = self.values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise invalid("Invalid array", param=self._path(name))
        return value

    def merge_metadata(self, current: Json) -> Json:
        """Stripe merges metadata: an empty value removes its key, an empty `metadata` removes all."""
        if self.values.get("metadata") == "":
            return {}
        merged = {**current, **self.mapping("metadata")}
        return {key: value for key, value in merged.items() if value != ""}


def unflatten_address(values: Json) -> Json:
    """An address with every key Stripe's addresses have."""
    return {name: values.get(name) or None for name in ("city", "country", "line1", "line2", "postal_code", "state")}
