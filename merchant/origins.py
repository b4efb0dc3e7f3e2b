"""Origins of other sites, as browsers send them: scheme, host, and the port where it is not the scheme's own."""

import re
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

HOST = re.compile(r"(?=.{1,190}$)[a-z0-9-]+(\.[a-z0-9-]+)*")
OWN_PORTS = {"https": 443, "http": 80}
THIS_MACHINE = {"localhost", "127.0.0.1"}


def origin_of(address: str) -> str:
    """``https://Brand.example/shop?x`` → ``https://brand.example``. Raises ValidationError with a reason."""
    wrong = ValidationError(f"“{address[:80]}” is not a site's address. Write it like https://brand.example.")
    try:
        parts = urlsplit(address)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except (ValueError, UnicodeError) as error:
        raise wrong from error
    if parts.scheme not in OWN_PORTS or not HOST.fullmatch(host):
        raise wrong
    if parts.scheme == "http" and host not in THIS_MACHINE:
        raise ValidationError(f"“{address[:80]}” must begin with https://: people pay on its pages.")
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != OWN_PORTS[parts.scheme] else "")
