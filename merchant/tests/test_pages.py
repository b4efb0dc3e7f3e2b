"""What every answer carries: a policy for what it may run, a request id, and pictures that run nothing."""

import json
import logging
import logging.config
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from merchant.middleware import RequestId

pytestmark = pytest.mark.django_db


def policy(answer: Any) -> dict[str, list[str]]:
    directives = (part.split() for part in answer["Content-Security-Policy"].split(";") if part.strip())
    return {name: sources for name, *sources in directives}


class TestTwoPolicies:
    @pytest.mark.parametrize("path", ["/", "/no-such-page/", "/healthz"])
    def test_a_fans_page_runs_nothing_inline_and_evaluates_nothing(self, client: Client, path: str) -> None:
        said = policy(client.get(path))

        everything = {source for sources in said.values() for source in sources}
        assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "http:", "https:"} & everything
        assert said["default-src"] == ["'self'"]
        assert (said["object-src"], said["base-uri"], said["frame-ancestors"]) == (["'none'"],) * 3

    def test_a_fans_page_may_hear_the_live_process(self, client: Client, settings: Any) -> None:
        assert settings.LIVE_URL in policy(client.get("/"))["connect-src"]

    def test_the_desk_gets_what_its_library_needs_and_nothing_from_outside(self, client: Client) -> None:
        said = policy(client.get("/admin/login/"))

        assert said["script-src"] == ["'self'", "'unsafe-eval'", "'unsafe-inline'"]
        everything = {source for sources in said.values() for source in sources}
        assert everything == {"'self'", "'unsafe-eval'", "'unsafe-inline'", "'none'", "data:"}

    def test_no_address_of_ours_is_told_to_others(self, client: Client) -> None:
        assert client.get("/")["Referrer-Policy"] == "same-origin"


class TestGuests:
    def test_get_no_session(self, client: Client) -> None:
        client.get("/")
        assert "sessionid" not in client.cookies


class TestRequestId:
    def test_every_answer_has_its_own(self, client: Client) -> None:
        one, other = client.get("/healthz")["X-Request-Id"], client.get("/healthz")["X-Request-Id"]

        assert re.fullmatch("[0-9a-f]{32}", one)
        assert one != other

    def test_stands_in_what_is_logged_meanwhile_and_not_after(self) -> None:
        seen: list[Any] = []

        def view(_: HttpRequest) -> HttpResponse:
            logging.getLogger("merchant").info("a view works")
            seen.append(structlog.contextvars.get_contextvars()["request_id"])
            return HttpResponse()

        answer = RequestId(view)(RequestFactory().get("/"))

        assert seen == [answer["X-Request-Id"]]
        assert "request_id" not in structlog.contextvars.get_contextvars()


class TestLogs:
    def test_a_fault_is_one_line_with_its_traceback(self, settings: Any) -> None:
        formatter = logging.config.DictConfigurator(settings.LOGGING).configure_formatter(
            settings.LOGGING["formatters"]["structured"]
        )
        try:
            raise LookupError("nothing there")
        except LookupError:
            record = logging.LogRecord("merchant", logging.ERROR, __file__, 1, "a fault", None, sys.exc_info())

        line = formatter.format(record)

        assert json.loads(line)["event"] == "a fault"
        assert "LookupError: nothing there" in json.loads(line)["exception"]


class TestMedia:
    @pytest.fixture(autouse=True)
    def _picture(self, settings: Any, tmp_path: Path) -> None:
        settings.MEDIA_ROOT = tmp_path / "media"
        settings.MEDIA_ROOT.mkdir()
        (settings.MEDIA_ROOT / "robe.svg").write_text(
            "<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>"
        )
        (tmp_path / "secret.txt").write_text("secret")

    def test_a_picture_that_is_opened_by_itself_runs_nothing(self, client: Client) -> None:
        answer = client.get("/media/robe.svg")
        answer.close()

        assert answer.status_code == 200
        said = policy(answer)
        assert said == {"default-src": ["'none'"], "style-src": ["'unsafe-inline'"], "sandbox": []}
        assert answer["X-Content-Type-Options"] == "nosniff"

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("../secret.txt", 400),
            ("%2e%2e/secret.txt", 400),
            ("..%2fsecret.txt", 400),
            ("/etc/passwd", 404),
            ("", 404),
        ],
    )
    def test_gives_nothing_from_elsewhere(self, client: Client, path: str, status: int) -> None:
        assert client.get(f"/media/{path}").status_code == status
