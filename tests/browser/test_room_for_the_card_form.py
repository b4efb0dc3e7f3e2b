"""The card form comes a moment after the page: what stands below it has its place already."""

from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.browser.buyer import Buyer
from tests.waiting import until

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_moves_when_the_card_form_comes(buyer: Buyer, width: int) -> None:
    buyer.page.set_viewport_size({"width": width, "height": 800})
    held_back: list[Route] = []
    buyer.page.route("**/sandbox/**/card_form.js", lambda route: held_back.append(route))
    buyer.buys_now()
    expect(buyer.card_form.get_by_label("Card number")).to_be_visible()
    before = box(buyer.pay_button)

    until(lambda: buyer.page.evaluate("true") and held_back != [])
    held_back[0].continue_()
    frame = buyer.page.locator("#payment-element iframe")
    until(lambda: box(frame)["height"] == pytest.approx(box(buyer.card_form.locator("form"))["height"], abs=1))

    assert box(buyer.pay_button) == before


def box(of: Any) -> dict[str, float]:
    found: dict[str, float] = of.bounding_box()
    return found
