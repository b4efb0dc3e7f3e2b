"""The stand-in for Stripe.js in a real browser, on a page whose policy allows nothing inline."""

from collections.abc import Iterator

import pytest
import stripe
from playwright.sync_api import FrameLocator, Locator, Page, expect

from checkout.sandbox.testing import SandboxServer
from checkout.sandbox.tests.host_page import HostPage
from checkout.sandbox.tests.steps import unpaid
from tests.waiting import until

pytestmark = pytest.mark.browser

CARD_FRAME = "iframe[title='Secure card form']"
BANK_FRAME = "iframe[title='Your bank: 3-D Secure']"


@pytest.fixture
def shop(sandbox: SandboxServer, page: Page) -> Iterator[Page]:
    """The shop's page with its card form ready; no error and no breach of the policy may reach the console."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    with HostPage(sandbox.base_url) as host:
        page.goto(host.url)
        expect(page.locator("#state")).to_have_text("ready")
        yield page
    assert complaints == []


def form(shop: Page) -> FrameLocator:
    return shop.frame_locator(CARD_FRAME)


def type_card(shop: Page, number: str) -> None:
    form(shop).get_by_label("Card number").press_sequentially(number)
    form(shop).get_by_label("Expiration date").press_sequentially("1234")
    form(shop).get_by_label("Security code").press_sequentially("123")
    form(shop).get_by_label("ZIP code").press_sequentially("94103")


def token_of(shop: Page) -> str:
    shop.get_by_role("button", name="Pay").click()
    expect(shop.locator("#state")).to_contain_text("ctoken_")
    return shop.locator("#state").inner_text()


def pay(shop: Page, client: stripe.StripeClient) -> stripe.PaymentIntent:
    return client.v1.payment_intents.confirm(unpaid(client), {"confirmation_token": token_of(shop)})


def test_a_typed_card_becomes_a_token_that_pays(shop: Page, client: stripe.StripeClient) -> None:
    type_card(shop, "4242424242424242")
    expect(form(shop).get_by_label("Card number")).to_have_value("4242 4242 4242 4242")
    expect(form(shop).get_by_label("Expiration date")).to_have_value("12 / 34")
    expect(shop.locator("body")).to_have_attribute("data-complete", "true")

    intent = pay(shop, client)

    assert intent.status == "succeeded"
    method = client.v1.payment_methods.retrieve(str(intent.payment_method))
    assert (method.billing_details.email, method.billing_details.address.postal_code) == ("fan@example.com", "94103")  # type: ignore[union-attr]


def test_an_incomplete_card_is_explained_at_its_field(shop: Page) -> None:
    form(shop).get_by_label("Card number").press_sequentially("4242")
    shop.get_by_role("button", name="Pay").click()

    expect(shop.locator("#state")).to_have_text("Your card number is incomplete.")
    expect(form(shop).get_by_label("Card number")).to_have_attribute("aria-invalid", "true")
    expect(form(shop).locator("#cvc-problem")).to_have_text("Your card's security code is incomplete.")


def test_a_test_card_is_filled_in_by_one_click(shop: Page, client: stripe.StripeClient) -> None:
    form(shop).get_by_role("button", name="is declined").click()
    with pytest.raises(stripe.CardError, match="declined"):
        pay(shop, client)


def test_the_form_wears_the_look_of_the_shop(shop: Page) -> None:
    box = form(shop).get_by_label("Card number")
    expect(box).to_have_css("border-radius", "3px")
    until(lambda: height(shop.locator(CARD_FRAME)) == pytest.approx(height(form(shop).locator("form")), abs=2))


def height(of: Locator) -> float:
    box = of.bounding_box()
    assert box is not None
    return box["height"]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("Complete authentication", "succeeded"),
        ("Fail authentication", "We are unable to authenticate your payment method."),
    ],
)
def test_the_bank_is_answered_in_a_dialog(shop: Page, client: stripe.StripeClient, answer: str, told: str) -> None:
    ask_the_bank(shop, client)
    button = shop.frame_locator(BANK_FRAME).get_by_role("button", name=answer)
    button.focus()
    button.press("Enter")

    expect(shop.locator("#state")).to_contain_text(told)
    expect(shop.get_by_role("dialog")).to_have_count(0)


def test_escape_refuses_the_bank(shop: Page, client: stripe.StripeClient) -> None:
    ask_the_bank(shop, client)
    expect(shop.frame_locator(BANK_FRAME).get_by_role("button", name="Complete authentication")).to_be_focused()
    shop.keyboard.press("Escape")
    expect(shop.locator("#state")).to_contain_text("We are unable to authenticate your payment method.")


def ask_the_bank(shop: Page, client: stripe.StripeClient) -> None:
    form(shop).get_by_role("button", name="asks 3-D Secure").click()
    intent = pay(shop, client)
    assert intent.next_action is not None
    assert (intent.status, intent.next_action.type) == ("requires_action", "use_stripe_sdk")
    shop.evaluate("secret => { document.body.dataset.clientSecret = secret; }", intent.client_secret)
    shop.get_by_role("button", name="Answer the bank").click()
