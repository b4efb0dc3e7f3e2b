"""What every page and mail of the fan keeps to, read from the templates themselves."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings

from merchant.templatetags.shop import distance

TEMPLATES = settings.BASE_DIR / "templates"
FAN_PAGES = [
    TEMPLATES / "base.html",
    *sorted(path for app in ("drops", "checkout", "merchant") for path in (TEMPLATES / app).glob("*.html")),
]
CSS = settings.BASE_DIR / "static/css"
FAN_CSS = ("tokens", "base", "forms", "home", "drop", "checkout", "order")


@pytest.mark.parametrize("page", FAN_PAGES, ids=lambda path: path.name)
def test_a_fan_page_has_nothing_that_its_content_security_policy_forbids(page: Path) -> None:
    source = page.read_text()
    assert re.findall(r"""\sstyle=|\son\w+=|<style|javascript:|hx-on|<script(?![^>]*\ssrc=)""", source) == []


@pytest.mark.parametrize("page", FAN_PAGES, ids=lambda path: path.name)
def test_every_post_form_carries_its_token(page: Path) -> None:
    forms = re.findall(r'<form method="post".*?</form>', page.read_text(), re.DOTALL)
    assert [form for form in forms if "{% csrf_token %}" not in form] == []


def test_nothing_is_loaded_from_elsewhere() -> None:
    sources = [*FAN_PAGES, *CSS.glob("*.css"), *(settings.BASE_DIR / "static/js").glob("*.js")]
    loaded = r"""(?:src|href)=["']https?://|url\(["']?https?:|import .*["']https?:|@import"""
    assert [path.name for path in sources if re.search(loaded, path.read_text())] == []


def test_the_design_system_stays_small() -> None:
    assert sum((CSS / f"{name}.css").stat().st_size for name in FAN_CSS) < 30_000


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (30, "in less than a minute"),
        (600, "in 10 min"),
        (4740, "in 1 h 19 min"),
        (7200, "in 2 h"),
        (172800, "in 2 days"),
        (-300, "5 min ago"),
    ],
)
def test_a_time_is_also_a_distance(seconds: int, words: str) -> None:
    now = datetime(2026, 11, 20, 18, tzinfo=UTC)
    assert distance(now + timedelta(seconds=seconds), now) == words
