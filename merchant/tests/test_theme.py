"""The shop's accent stays itself where it can be read, and is shifted where it cannot."""

import colorsys

import pytest
from django.conf import settings
from django.test import Client
from hypothesis import given, strategies as st

from merchant.models import StoreProfile
from merchant.store import forget_store
from merchant.theme import DARK_PAPER, LIGHT_PAPER, contrast, ink_on, readable, stylesheet

colours = st.from_regex(r"\A#[0-9a-f]{6}\Z")


def test_contrast_of_black_and_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@given(colours)
def test_any_accent_reads_on_both_papers_and_carries_a_readable_ink(accent: str) -> None:
    for paper in (LIGHT_PAPER, DARK_PAPER):
        shown = readable(accent, paper)
        assert contrast(shown, paper) >= 4.5
        assert contrast(shown, ink_on(shown)) >= 4.5


def test_a_readable_accent_is_left_alone() -> None:
    assert readable("#8a3b2e", LIGHT_PAPER) == "#8a3b2e"


def test_a_shifted_accent_keeps_its_hue() -> None:
    def hue(colour: str) -> float:
        return colorsys.rgb_to_hls(*(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)))[0]

    assert hue(readable("#8a3b2e", DARK_PAPER)) == pytest.approx(hue("#8a3b2e"), abs=0.01)


def test_the_papers_are_those_of_the_tokens() -> None:
    tokens = (settings.BASE_DIR / "static/css/tokens.css").read_text()
    assert [tokens.count(f"--paper:{paper};") for paper in (LIGHT_PAPER, DARK_PAPER)] == [1, 1]


@pytest.mark.django_db
def test_the_stylesheet_follows_the_profile_and_answers_304_to_who_knows_it(client: Client) -> None:
    StoreProfile.objects.update_or_create(pk=1, defaults={"name": "A shop", "accent": "#1d4ed8"})
    forget_store()
    first = client.get("/theme.css")
    assert first.content.decode() == stylesheet("#1d4ed8")
    assert first["Content-Type"] == "text/css; charset=utf-8"
    assert client.get("/theme.css", headers={"If-None-Match": first["ETag"]}).status_code == 304
    forget_store()
