"""The total is asked for anew while a fan fills in the form: what they do meanwhile is not undone by the answer."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from drops.models import Drop
from merchant.clock import now
from policies.models import Policy
from policies.publishing import new_draft, publish
from tests.browser.buyer import Buyer
from tests.browser.shifts import WATCH, shifts
from tests.waiting import known_everywhere, until

pytestmark = pytest.mark.browser
QUOTE = "**/checkout/quote/"
NO_LIMIT = "() => { htmx.config.timeout = 0; }"  # for how long the page waits for an answer that a test holds back
RETURNS = "I know that I have 30 days"


def chooses_germany(buyer: Buyer) -> Callable[[], None]:
    """Returns what lets the answer through that the page waits for."""
    expect(buyer.card_form.get_by_label("Card number")).to_be_visible()  # by then the page's scripts run
    buyer.page.evaluate(NO_LIMIT)
    asked: list[Route] = []
    buyer.page.route(QUOTE, lambda route: asked.append(route))  # a builtin takes none of its marks
    buyer.page.get_by_label("Country").select_option("DE")
    until(lambda: buyer.page.evaluate("true") and asked != [])  # its news comes while we speak to the browser
    return asked[0].continue_


def test_what_the_answer_does_not_change_is_left_alone(buyer: Buyer) -> None:
    buyer.buys_now()
    box = buyer.page.get_by_label(RETURNS)
    before = box.element_handle()
    answer = chooses_germany(buyer)
    buyer.page.locator("#agree summary").first.click()
    answer()
    expect(buyer.page.locator("#total-news")).not_to_be_empty()
    assert before.evaluate("box => box.isConnected"), "a click that had begun would have been lost"
    expect(buyer.page.locator("#agree details").first).to_have_attribute("open", "")


def test_a_tick_is_kept_beside_a_text_that_comes_with_the_answer(buyer: Buyer, robe: Drop) -> None:
    there = Policy.objects.create(
        slug=robe.slug[:60], kind="terms", title="Customs", scope=f"drop:{robe.slug} + country:DE"
    )
    draft = new_draft(there, "staff:owner")
    draft.source, draft.summary, draft.change_summary = "The customs office may ask.", "Customs.", "New."
    draft.box_wording = "I know that the customs office may ask."
    draft.save()
    publish(draft, by="staff:owner", now=now())
    known_everywhere()
    buyer.buys_now()
    answer = chooses_germany(buyer)
    buyer.page.get_by_label(RETURNS).check()
    answer()
    expect(buyer.page.get_by_label("I know that the customs office may ask")).not_to_be_checked()
    expect(buyer.page.get_by_label(RETURNS)).to_be_checked()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_moves_when_the_card_form_comes(buyer: Buyer, width: int) -> None:
    def without_test_cards(route: Route) -> None:  # which are the sandbox's own: no fan of Stripe's sees them
        style = route.fetch()
        route.fulfill(response=style, body=style.text() + ".tests{display:none !important}")

    buyer.page.route("**/card_form.css", without_test_cards)
    buyer.page.set_viewport_size({"width": width, "height": 844})
    buyer.page.add_init_script(f"({WATCH})()")
    buyer.buys_now()
    buyer.page.get_by_label(RETURNS).scroll_into_view_if_needed()
    expect(buyer.card_form.get_by_label("Card number")).to_be_visible()
    expect(buyer.page.locator("#payment-element.waiting")).to_have_count(0)
    assert shifts(buyer.page) == []
