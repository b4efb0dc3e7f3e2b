"""The order's page looks again every two seconds: whoever is about to press something on it is not disturbed."""

import pytest
from playwright.sync_api import expect

from tests.browser.buyer import DECLINED, Buyer

pytestmark = pytest.mark.browser


def test_the_focus_stays_while_nothing_has_changed(buyer: Buyer) -> None:
    buyer.pays(DECLINED)
    expect(buyer.headline).to_have_text("That card did not work")
    cancel = buyer.page.get_by_role("button", name="Cancel the order")
    cancel.focus()
    for _ in range(2):
        buyer.page.wait_for_event("response", lambda answer: "seen=" in answer.url)
    expect(cancel).to_be_focused()
