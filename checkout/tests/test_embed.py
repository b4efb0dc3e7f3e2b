"""The embed's addresses: a small script that any page may load, and a demo under a policy of its own."""

import gzip
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client

from checkout.tests import fan
from checkout.views import embed
from merchant.models import StoreProfile

pytestmark = pytest.mark.django_db
DOCS = settings.BASE_DIR / "docs/embed.md"
PARTS = [Path(settings.BASE_DIR) / f"static/js/{name}.js" for name in (*embed.MODULES, *embed.SHARED)]


def test_the_script_may_be_loaded_by_any_page_and_is_kept() -> None:
    answer = Client().get("/embed/v1.js")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer["Cache-Control"] == "public, max-age=300, stale-while-revalidate=86400"
    assert answer.cookies == {}
    again = Client().get("/embed/v1.js", headers={"if-none-match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_it_names_every_part_so_that_all_are_fetched_at_once() -> None:
    named = re.findall(r'"/static/([^"]+)"', Client().get("/embed/v1.js").text)
    assert [name for name in named if finders.find(name) is None] == []
    wanted = {
        (path.parent / each).resolve() for path in PARTS for each in re.findall(r'from "(\.[^"]+)"', path.read_text())
    }
    assert {path.relative_to(settings.BASE_DIR / "static") for path in wanted} <= {Path(name) for name in named}


def test_all_of_it_is_small() -> None:
    assert sum(path.stat().st_size for path in PARTS) < 50_000
    assert sum(len(gzip.compress(path.read_bytes())) for path in PARTS) < 22_000


def test_it_needs_nothing_that_a_strict_policy_forbids() -> None:
    source = "\n".join(path.read_text() for path in PARTS)
    assert (
        re.findall(
            r"eval\(|new Function|document\.write|setAttribute\(\"style|createElement\(\"style|h\(\"style|javascript:",
            source,
        )
        == []
    )
    assert source.count("innerHTML") == 1, "the shop's own texts, which it made safe"
    assert "document.cookie" not in source


def test_every_property_of_the_look_is_documented() -> None:
    used = set(re.findall(r"var\((--frontrow-[\w-]+)", "\n".join(path.read_text() for path in PARTS)))
    told = set(re.findall(r"`(--frontrow-[\w-]+)`", DOCS.read_text()))
    assert used == told


def test_the_demo_sends_the_policy_that_the_guide_tells_sites_to_send(shop: StoreProfile) -> None:
    fan.live_drop()
    answer = Client().get("/embed/demo/")
    assert answer.status_code == 200
    assert answer.text.count('<frontrow-drop slug="winter-robe">') == 2
    sent = answer["Content-Security-Policy"]
    assert "default-src 'none'" in sent
    assert "unsafe" not in sent
    directives = {each.split()[0] for each in sent.split("; ")}
    told = set(re.findall(r"^ *([a-z]+-(?:src|uri|action|ancestors)) ", DOCS.read_text(), re.MULTILINE))
    assert directives == told | {"form-action", "frame-ancestors", "base-uri", "sandbox"}


def test_the_demo_is_in_a_sandbox(shop: StoreProfile) -> None:
    directives = Client().get("/embed/demo/")["Content-Security-Policy"].split("; ")
    sandbox = next(each for each in directives if each.startswith("sandbox ")).split()[1:]
    assert "allow-scripts" in sandbox
    refused = {"allow-modals", "allow-downloads", "allow-top-navigation", "allow-top-navigation-by-user-activation"}
    assert refused.isdisjoint(sandbox)


def test_the_demo_without_a_drop_and_with_one_that_is_none(shop: StoreProfile) -> None:
    for nothing in ("", "?drop=%00"):
        assert "Nothing is on sale or coming up" in Client().get(f"/embed/demo/{nothing}").text
    for slug in ("no-such-drop", "x" * 500):
        assert Client().get(f"/embed/demo/?drop={slug}").status_code == 404
