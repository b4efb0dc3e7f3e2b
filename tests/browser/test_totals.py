"""The total follows the place, the delivery and the code while one fills in the form."""

import pytest
from playwright.sync_api import Locator, expect

from checkout.models import Discount, DiscountDrop
from tests.browser.buyer import GOOD, Buyer
from tests.browser.shifts import WATCH, shifts
from tests.running_shop import RunningShop

pytestmark = pytest.mark.browser
CODE = "OPENING10"


@pytest.fixture
def code(buyer: Buyer) -> Discount:
    """Ten percent off, in this test's drop alone."""
    discount, _ = Discount.objects.get_or_create(
        code=CODE, defaults={"title": "Opening week", "basis_points": 1000, "currency": "USD"}
    )
    DiscountDrop.objects.create(discount=discount, drop=buyer.drop)
    return discount


def total(buyer: Buyer) -> Locator:
    return buyer.page.locator(".sums dd.total")


def pay(buyer: Buyer, amount: str) -> Locator:
    return buyer.page.get_by_role("button", name=f"Pay {amount}", exact=True)


def test_another_delivery_is_another_total_at_once(zones: None, shop: RunningShop, buyer: Buyer) -> None:
    buyer.buys_now()
    buyer.fills_in_the_address()
    buyer.types_card(GOOD)
    expect(total(buyer)).to_have_text("$54.00")
    express = buyer.page.get_by_label("Express")
    express.check()
    expect(total(buyer)).to_have_text("$63.00")
    expect(express).to_be_focused()
    expect(buyer.page.get_by_label("Name", exact=True)).to_have_value("A Fan")
    expect(buyer.page.locator("#total-news")).to_have_text("The total is $63.00.")
    expect(buyer.page.get_by_label("I know that I have 30 days")).to_be_checked()
    pay(buyer, "$63.00").click()
    expect(buyer.headline).to_have_text("Yours.")
    assert (buyer.order.shipping_title, buyer.order.captured_minor) == ("Express", 6300)


def test_another_country_has_its_own_options(zones: None, buyer: Buyer) -> None:
    buyer.buys_now()
    buyer.page.get_by_label("Express").check()
    expect(total(buyer)).to_have_text("$63.00")
    buyer.page.get_by_label("Country").select_option("DE")
    expect(total(buyer)).to_have_text("$73.00")
    expect(buyer.page.get_by_label("Express")).to_have_count(0)
    expect(buyer.page.get_by_label("Standard delivery")).to_be_checked()


def test_a_code_is_applied_removed_and_applied_again(code: Discount, buyer: Buyer) -> None:
    buyer.buys_now()
    buyer.fills_in_the_address()
    field = buyer.page.get_by_label("Discount code")
    field.fill("nope")
    buyer.page.get_by_role("button", name="Apply").click()
    expect(buyer.page.locator("#discount_code-error")).to_have_text(
        "We do not know this code. Look at how it is written."
    )
    expect(total(buyer)).to_have_text("$54.00")
    field.fill(CODE.lower())
    field.press("Enter")
    expect(total(buyer)).to_have_text("$49.20")
    expect(buyer.page.locator(".sums")).to_contain_text("Opening week")
    buyer.page.get_by_role("button", name="Remove").click()
    expect(total(buyer)).to_have_text("$54.00")
    field.fill(CODE)
    buyer.page.get_by_role("button", name="Apply").click()
    expect(total(buyer)).to_have_text("$49.20")
    buyer.types_card(GOOD)
    pay(buyer, "$49.20").click()
    expect(buyer.headline).to_have_text("Yours.")
    expect(buyer.page.locator(".sums")).to_contain_text("−$4.80")
    assert (buyer.order.captured_minor, buyer.order.discount_minor) == (4920, 480)


def test_enter_in_a_field_orders_and_does_not_apply(code: Discount, buyer: Buyer) -> None:
    buyer.buys_now()
    buyer.fills_in_the_address()
    buyer.types_card(GOOD)
    buyer.page.get_by_label("City", exact=True).press("Enter")
    expect(buyer.headline).to_have_text("Yours.")


def test_the_page_does_not_jump_when_the_total_changes(zones: None, buyer: Buyer) -> None:
    buyer.buys_now()
    expect(buyer.card_form.get_by_label("Card number")).to_be_visible()
    buyer.page.evaluate(WATCH)
    buyer.page.get_by_label("Express").check()
    expect(total(buyer)).to_have_text("$63.00")
    assert shifts(buyer.page) == []


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_all_of_it_without_javascript(zones: None, code: Discount, buyer: Buyer) -> None:
    buyer.buys_now()
    buyer.fills_in_the_address()
    buyer.page.get_by_label("Express").check()
    buyer.page.get_by_role("button", name="Update the total").click()
    expect(total(buyer)).to_have_text("$63.00")
    expect(buyer.page.get_by_label("City", exact=True)).to_have_value("Springfield")
    buyer.page.get_by_label("Discount code").fill(CODE)
    buyer.page.get_by_role("button", name="Apply").click()
    expect(total(buyer)).to_have_text("$58.20")
    pay(buyer, "$58.20").click()
    expect(buyer.headline).to_be_visible()
    assert buyer.order.total_minor == 5820
