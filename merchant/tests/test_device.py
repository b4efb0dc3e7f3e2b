"""What a fan's device keeps of the shop: how the worker is served, and how much the scripts weigh."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client

from merchant import device

pytestmark = pytest.mark.django_db
JS = settings.BASE_DIR / "static/js"


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    device._script.cache_clear()
    yield
    device._script.cache_clear()


def test_the_worker_is_served_from_the_root_and_asked_for_anew(client: Client) -> None:
    answer = client.get("/sw.js")
    assert answer["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer["Cache-Control"] == "no-cache"
    assert "worker-src 'self'" in answer["Content-Security-Policy"]


def test_every_file_of_the_shell_is_there(client: Client) -> None:
    script = client.get("/sw.js").content.decode()
    shell = re.findall(r'"(/static/[^"]+)"', script)
    assert "/static/css/desk.css" not in shell
    assert {"/static/js/drop.js", "/static/css/tokens.css", "/static/vendor/htmx/htmx.min.js"} <= set(shell)
    assert [path for path in shell if finders.find(path.removeprefix("/static/")) is None] == []


def test_a_changed_file_is_a_new_version(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    before = client.get("/sw.js").content
    monkeypatch.setattr(device, "_files", lambda: [JS / "drop.js"])
    device._script.cache_clear()
    assert client.get("/sw.js").content != before


def test_turned_off_the_worker_says_farewell(client: Client, settings: Any) -> None:
    assert "data-worker" in client.get("/offline/").content.decode()
    settings.SERVICE_WORKER = False
    assert client.get("/sw.js").content.decode() == (JS / "farewell.js").read_text()
    assert "data-worker" not in client.get("/offline/").content.decode()


@pytest.mark.parametrize("address", ["/offline/", "/offline/checkout/"])
def test_a_page_without_a_network_knows_nobody(client: Client, address: str) -> None:
    assert f'"{address}"' in client.get("/sw.js").content.decode()
    answer = client.get(address)
    assert answer.cookies == {}
    assert "csrf" not in answer.content.decode()


def loaded_by(name: str) -> set[Path]:
    """A script and what it imports."""
    found, ahead = set(), [JS / name]
    while ahead:
        path = ahead.pop()
        found.add(path)
        ahead += [
            JS / imported
            for imported in re.findall(r'from "\./([\w.]+)"', path.read_text())
            if JS / imported not in found
        ]
    return found


@pytest.mark.parametrize("page", ["drop.js", "checkout.js"])
def test_the_scripts_of_a_page_stay_small(page: str) -> None:
    files = loaded_by(page) | loaded_by("device.js")
    assert sum(path.stat().st_size for path in files) < 60_000
