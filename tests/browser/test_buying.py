"""From the drop's page to a confirmed order, in a real browser, through the real processes."""

import pytest
from playwright.sync_api import expect

from checkout.models import OrderState
from checkout.tests import fan
from drops.models import Capture, Drop
from tests.browser.buyer import ASKS_BACK, DECLINED, GOOD, Buyer
from tests.running_shop import RunningShop

pytestmark = pytest.mark.browser


def test_buys_with_a_good_card(shop: RunningShop, buyer: Buyer) -> None:
    buyer.pays()
    expect(buyer.headline).to_have_text("Yours.")
    order = buyer.order
    assert (order.state, order.email, order.captured_minor) == (OrderState.CONFIRMED, buyer.email, 5400)
    assert fan.counts(buyer.sku) == (0, 1, 4)
    assert [charge["amount"] for charge in shop.sandbox.charges(order.reference)] == [5400]


def test_a_card_is_charged_once_it_is_certain(shop: RunningShop, robe: Drop, buyer: Buyer) -> None:
    """The card form is set up as the intent is, or the provider would refuse the card."""
    Drop.objects.filter(pk=robe.pk).update(capture=Capture.WHEN_CERTAIN)
    buyer.pays()
    expect(buyer.headline).to_have_text("Yours.")
    assert (buyer.order.captured_minor, fan.counts(buyer.sku)) == (5400, (0, 1, 4))
    assert [charge["paid"] for charge in shop.sandbox.charges(buyer.order.reference)] == [True]


def test_a_form_that_was_open_while_the_merchant_changed_it_asks_for_the_card_again(
    shop: RunningShop, robe: Drop, buyer: Buyer
) -> None:
    buyer.buys_now()
    buyer.fills_in_the_address()
    buyer.types_card(GOOD)
    Drop.objects.filter(pk=robe.pk).update(capture=Capture.WHEN_CERTAIN)
    buyer.pay_button.click()
    expect(buyer.headline).to_have_text("One step left: pay for your order")
    buyer.pays_with_another(GOOD)
    expect(buyer.headline).to_have_text("Yours.")
    assert buyer.order.captured_minor == 5400


def test_the_order_page_changes_by_itself(shop: RunningShop, buyer: Buyer) -> None:
    """From placed to confirmed with no reload: the worker takes its time, the page is only looked at."""
    with shop.stalled("worker"):
        buyer.pays()
        buyer.page.evaluate("() => { window.sameDocument = true; }")
        expect(buyer.headline).to_have_text("Yours for now; paying…")
    expect(buyer.headline).to_have_text("Yours.")
    assert buyer.page.evaluate("() => window.sameDocument"), "the page was loaded anew"
    expect(buyer.timeline).to_have_text(["Order placed and held for you", "Asked your bank", "Paid and confirmed"])
    expect(buyer.page.get_by_role("status")).to_contain_text("Yours.")


def test_a_declined_card_then_a_good_one(shop: RunningShop, buyer: Buyer) -> None:
    buyer.pays(DECLINED)
    expect(buyer.headline).to_have_text("That card did not work")
    expect(buyer.page.locator("#order-status")).to_contain_text("you have not been charged")
    intent = buyer.order.payment.intent_id
    buyer.pays_with_another(GOOD)
    expect(buyer.headline).to_have_text("Yours.")
    assert buyer.order.payment.intent_id == intent
    assert [charge["paid"] for charge in shop.sandbox.charges(buyer.order.reference)] == [False, True]


def test_3d_secure_is_answered_in_a_dialog(shop: RunningShop, buyer: Buyer) -> None:
    buyer.pays(ASKS_BACK)
    buyer.bank.get_by_role("button", name="Complete authentication").click()
    expect(buyer.headline).to_have_text("Yours.")
    assert [charge["paid"] for charge in shop.sandbox.charges(buyer.order.reference)] == [True]


def test_failed_3d_secure_then_another_card(shop: RunningShop, buyer: Buyer) -> None:
    buyer.pays(ASKS_BACK)
    buyer.bank.get_by_role("button", name="Fail authentication").click()
    expect(buyer.headline).to_have_text("That card did not work")
    buyer.pays_with_another(GOOD)
    expect(buyer.headline).to_have_text("Yours.")
    assert buyer.order.captured_minor == 5400


def test_pressing_pay_twice_makes_one_order(shop: RunningShop, buyer: Buyer) -> None:
    buyer.buys_now()
    buyer.fills_in_the_address()
    buyer.types_card(GOOD)
    buyer.pay_button.dblclick()
    expect(buyer.headline).to_have_text("Yours.")
    assert fan.counts(buyer.sku) == (0, 1, 4)
    assert len(shop.sandbox.charges(buyer.order.reference)) == 1
