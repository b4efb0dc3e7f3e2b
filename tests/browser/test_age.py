"""A thing that is sold from an age on: the fan is asked on the page, and the server decides."""

import pytest
from playwright.sync_api import expect

from merchant.clock import now
from tests.browser.buyer import Buyer
from tests.browser.terms_of_sale import sold_from_18

pytestmark = pytest.mark.browser


def test_the_date_of_birth_is_asked_for_and_decides(buyer: Buyer, complaints: list[str]) -> None:
    buyer.buys_now()
    expect(buyer.page.get_by_label("Date of birth")).to_have_count(0)
    sold_from_18(buyer)  # while the fan looks at the page
    buyer.fills_in_the_address()
    buyer.types_card("4242 4242 4242 4242")
    place = buyer.page.locator("#place")
    place.click()
    born = buyer.page.get_by_label("Date of birth")  # put in place; what was typed is still there
    expect(born).to_be_visible()
    expect(buyer.page.get_by_role("alert").get_by_text("you must be 18 or older")).to_be_visible()
    expect(buyer.page.get_by_label("Name", exact=True)).to_have_value("A Fan")
    born.fill(f"{now().year - 10}-01-01")
    place.click()
    expect(buyer.page.get_by_text("Gin is for people of 18 and older.").first).to_be_visible()
    assert complaints
    assert all("403" in each for each in complaints)
    complaints.clear()
    born.fill("1990-12-31")
    place.click()
    expect(buyer.headline).to_be_visible()
