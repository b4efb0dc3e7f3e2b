"""What a request says of its encoding makes nothing fail and nothing unreadable."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.test import RequestFactory

from merchant.charsets import only_utf8

KINDS = ["{}; charset=rot13", '{}; Charset="idna"', "{}; charset*=utf-8''rot13", "{};charset=utf-16", "{}"]
FORM = b'--x\r\nContent-Disposition: form-data; name="b"\r\n\r\n\xc3\xb6\r\n--x--\r\n'


def reads(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    request = WSGIRequest(environ)
    return [request.GET["a"].encode(), request.POST.get("b", "").encode()]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("of", "body"), [("text/plain", b""), ("multipart/form-data; boundary=x", FORM)])
def test_it_is_read_as_utf_8(kind: str, of: str, body: bytes) -> None:
    environ = RequestFactory().generic("POST", "/?a=%C3%A4", body).environ | {"CONTENT_TYPE": kind.format(of)}
    read = b"".join(only_utf8(reads)(environ, None))  # type: ignore[arg-type]  # it is not asked
    assert read.decode() == ("äö" if body else "ä")


def test_without_it_a_request_fails_before_anybody_can_answer() -> None:
    environ = RequestFactory().get("/?a=1").environ | {"CONTENT_TYPE": "text/plain; charset=rot13"}
    with pytest.raises(LookupError, match="rot13"):
        reads(environ, None)  # type: ignore[arg-type]  # it is not asked
