"""What somebody does who buys on the shop's pages."""

from dataclasses import dataclass

from playwright.sync_api import FrameLocator, Locator, Page, expect

from checkout.models import Order
from drops.models import Drop

GOOD, DECLINED, ASKS_BACK = "4242 4242 4242 4242", "4000 0000 0000 0002", "4000 0027 6000 3184"
BANK_FRAME = "iframe[title='Your bank: 3-D Secure']"


@dataclass
class Buyer:
    """One browser page and the drop it buys from."""

    page: Page
    drop: Drop
    email: str = ""

    def __post_init__(self) -> None:
        self.email = self.email or f"{self.drop.slug}@example.com"

    @property
    def sku(self) -> str:
        return self.drop.offers.get().variant.sku

    def opens_the_drop(self) -> None:
        self.page.goto(f"/drops/{self.drop.slug}/")

    def buys_now(self) -> None:
        """From the drop's page to the checkout page."""
        self.opens_the_drop()
        self.page.get_by_role("button", name="Buy now").click()
        expect(self.page.get_by_role("heading", name="Checkout")).to_be_visible()

    def fills_in_the_address(self) -> None:
        for label, value in {
            "E-mail": self.email,
            "Name": "A Fan",
            "Street and number": "Long Street 1",
            "Postal code": "12345",
            "City": "Springfield",
        }.items():
            self.page.get_by_label(label, exact=True).fill(value)
        self.page.get_by_label("I know that I have 30 days").check()

    def types_card(self, number: str) -> None:
        """Key by key, as a person does: the form formats while one types and moves on by itself."""
        self.card_form.get_by_label("Card number").press_sequentially(number.replace(" ", ""))
        self.card_form.get_by_label("Expiration date").press_sequentially("1234")
        self.card_form.get_by_label("Security code").press_sequentially("123")
        self.card_form.get_by_label("ZIP code").press_sequentially("94103")

    def pays(self, number: str = GOOD) -> None:
        """From the drop's page to the order's page."""
        self.buys_now()
        self.fills_in_the_address()
        self.types_card(number)
        self.pay_button.click()
        expect(self.headline).to_be_visible()

    def pays_with_another(self, number: str) -> None:
        """From an order's page that asks for a card back to it."""
        self.page.get_by_role("link", name="Pay $54.00").click()
        self.types_card(number)
        self.pay_button.click()

    @property
    def card_form(self) -> FrameLocator:
        return self.page.frame_locator("iframe[title='Secure card form']")

    @property
    def bank(self) -> FrameLocator:
        return self.page.frame_locator(BANK_FRAME)

    @property
    def pay_button(self) -> Locator:
        return self.page.get_by_role("button", name="Pay $54.00", exact=True)

    @property
    def headline(self) -> Locator:
        """What the order's page says first."""
        return self.page.locator("#headline")

    @property
    def timeline(self) -> Locator:
        return self.page.locator(".timeline li > span")

    @property
    def order(self) -> Order:
        """As the database has it; fails unless there is exactly one."""
        return Order.objects.select_related("payment").get(drop=self.drop)
