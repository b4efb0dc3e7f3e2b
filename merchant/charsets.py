"""Addresses and bodies are UTF-8, whatever a request says of itself."""

import re
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_CHARSET = re.compile(r";\s*charset\*?\s*=[^;]*", re.IGNORECASE)


def only_utf8(application: WSGIApplication) -> WSGIApplication:
    """The same application, told of no other encoding: neither JSON (RFC 8259, section 11) nor a form
    (https://url.spec.whatwg.org/#urlencoded-parsing, RFC 7578, section 5.1.2) takes it from a ``charset``.

    Django believes one, and fails at ``charset=rot13`` before any code of ours runs.
    """

    def told(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if ";" in (kind := environ.get("CONTENT_TYPE", "")):
            environ["CONTENT_TYPE"] = _CHARSET.sub("", kind)
        return application(environ, start_response)

    return told
