"""``<frontrow-drop>`` in somebody else's page, whose browser keeps no cookie of third parties."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from playwright.sync_api import BrowserContext, BrowserType, Locator, Page, Route, expect

from checkout.models import Cart, Order, OrderState
from checkout.tests import fan
from checkout.totals.tables import FRESH_SECONDS
from conftest import BROWSER_FLAGS, chromium
from drops import scheduling
from drops.models import Drop, DropState, StockItem
from merchant.clock import now
from policies.models import Acceptance, Policy, Surface
from policies.publishing import new_draft, publish
from policies.rules_models import Proof
from tests.browser.buyer import ASKS_BACK, DECLINED, GOOD, Buyer
from tests.browser.conftest import SO_HIGH_THAT_NOTHING_SCROLLS
from tests.browser.held_back import hold_back
from tests.browser.other_site import OtherSite
from tests.browser.terms_of_sale import prices, sold_from_18
from tests.browser.test_pressed_early import ENDLESS_PATIENCE
from tests.running_shop import RunningShop
from tests.waiting import known_everywhere, until

pytestmark = pytest.mark.browser
PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>A blog</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="blog.css">
<script type="module" src="{shop}/embed/v1.js"></script></head>
<body><h1>A blog about robes</h1><frontrow-drop slug="{slug}"></frontrow-drop></body></html>"""
PROBE = (
    """document.cookie = "probe=1; SameSite=None; Secure"; document.body.textContent = `cookies: ${document.cookie}`;"""
)


@pytest.fixture
def context(browser_type: BrowserType, base_url: str) -> Iterator[BrowserContext]:
    """A browser that blocks the cookies of third parties, as Safari and Firefox do by themselves."""
    args = [*BROWSER_FLAGS, "--test-third-party-cookie-phaseout"]
    browser = browser_type.launch(executable_path=chromium(), args=args)
    yield browser.new_context(base_url=base_url, viewport=SO_HIGH_THAT_NOTHING_SCROLLS)
    browser.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def blog(other_site: OtherSite, buyer: Buyer) -> Buyer:
    """Somebody who reads a blog that sells the drop."""
    return reads(other_site, buyer)


def reads(site: OtherSite, buyer: Buyer, style: str = "") -> Buyer:
    site.pages |= {"blog.html": PAGE.format(shop=site.shop.url, slug=buyer.drop.slug), "blog.css": style}
    buyer.page.goto(f"{site.url}/blog.html")
    return buyer


def embed(buyer: Buyer) -> Locator:
    return buyer.page.locator("frontrow-drop")


def headline(buyer: Buyer) -> Locator:
    return embed(buyer).locator("h3").first


def orders(buyer: Buyer, card: str = GOOD) -> None:
    embed(buyer).get_by_role("button", name="Buy now").click()
    buyer.fills_in_the_address()
    buyer.types_card(card)
    buyer.pay_button.click()


def test_this_browser_keeps_no_cookie_of_a_third_party(other_site: OtherSite, page: Page) -> None:
    other_site.frames = other_site.third_party
    other_site.pages = {
        "probe.html": "<!DOCTYPE html><body></body><script src=probe.js></script>",
        "probe.js": PROBE,
        "around.html": f"<!DOCTYPE html><iframe src='{other_site.third_party}/probe.html'></iframe>",
    }
    page.goto(f"{other_site.third_party}/probe.html")
    expect(page.locator("body")).to_have_text("cookies: probe=1")
    page.goto(f"{other_site.url}/around.html")
    expect(page.frame_locator("iframe").locator("body")).to_have_text("cookies:")


def test_c31_buys_in_another_sites_page_with_third_party_cookies_blocked(shop: RunningShop, blog: Buyer) -> None:
    expect(embed(blog).get_by_role("radio")).to_be_checked()
    expect(embed(blog).locator(".left")).to_have_text("5 left")
    orders(blog)
    expect(headline(blog)).to_have_text("Yours.")
    expect(headline(blog)).to_be_focused()
    expect(embed(blog).get_by_role("status")).to_contain_text("Yours.")
    order = blog.order
    assert (order.state, order.captured_minor, order.cart is not None) == (OrderState.CONFIRMED, 5400, True)
    assert fan.counts(blog.sku) == (0, 1, 4)
    accepted = Acceptance.objects.get(order_ref=order.reference)
    assert (accepted.accepted, accepted.surface) == (True, Surface.API)
    assert blog.page.context.cookies(shop.url) == [], "the shop set none"
    embed(blog).get_by_role("button", name="Back to the drop").click()
    expect(embed(blog).locator(".left")).to_have_text("4 left")


def test_a_declined_card_then_one_whose_bank_asks(shop: RunningShop, blog: Buyer) -> None:
    orders(blog, DECLINED)
    expect(headline(blog)).to_have_text("That card did not work")
    blog.types_card(ASKS_BACK)
    blog.pay_button.click()
    blog.bank.get_by_role("button", name="Complete authentication").click()
    expect(headline(blog)).to_have_text("Yours.")
    assert [charge["paid"] for charge in shop.sandbox.charges(blog.order.reference)] == [False, True]


def test_a_provider_in_trouble_defers_and_it_confirms_by_itself(shop: RunningShop, blog: Buyer) -> None:
    shop.sandbox.fail("payment_intents.*", 500)
    orders(blog)
    expect(headline(blog)).to_contain_text("Held for you until")
    expect(embed(blog).get_by_text("You have not been charged").first).to_be_visible()
    shop.sandbox.clear()
    expect(headline(blog)).to_have_text("Yours.", timeout=60_000)
    assert [charge["amount"] for charge in shop.sandbox.charges(blog.order.reference)] == [5400]


def test_without_the_card_form_the_order_goes_first(other_site: OtherSite, buyer: Buyer, complaints: list[str]) -> None:
    ordered: list[str] = []  # until then Stripe's script cannot be had
    buyer.page.on("request", lambda asked: ordered.append(asked.url) if asked.url.endswith("/orders") else None)
    buyer.page.route("**/stripe.js", lambda route: route.continue_() if ordered else route.abort())
    reads(other_site, buyer)
    embed(buyer).get_by_role("button", name="Buy now").click()
    expect(buyer.page.get_by_text("The card form cannot be reached.")).to_be_visible()
    buyer.fills_in_the_address()
    buyer.pay_button.click()
    expect(headline(buyer)).to_have_text("One step left: pay for your order")
    assert complaints
    assert all("stripe.js" in complaint for complaint in complaints)
    complaints.clear()
    buyer.types_card(GOOD)
    buyer.pay_button.click()
    expect(headline(buyer)).to_have_text("Yours.")


def test_a_total_that_changed_is_agreed_to_anew(blog: Buyer) -> None:
    embed(blog).get_by_role("button", name="Buy now").click()
    blog.fills_in_the_address()
    blog.types_card(GOOD)
    blog.drop.offers.update(price_minor=5000)
    blog.pay_button.click()
    expect(embed(blog).get_by_role("alert")).to_contain_text("The total is $56.00 now")
    expect(blog.page.get_by_label("City")).to_have_value("Springfield")
    blog.page.get_by_role("button", name="Pay $56.00", exact=True).click()
    expect(headline(blog)).to_have_text("Yours.")
    assert blog.order.total_minor == 5600


def test_the_page_around_gives_it_its_look(other_site: OtherSite, buyer: Buyer) -> None:
    style = "frontrow-drop{--frontrow-accent:rgb(12,34,56);--frontrow-on-accent:rgb(250,240,230);--frontrow-radius:3px;"
    reads(other_site, buyer, style + "--frontrow-surface:rgb(1,2,3);--frontrow-font:Georgia}")
    button = embed(buyer).get_by_role("button", name="Buy now")
    expect(button).to_have_css("background-color", "rgb(12, 34, 56)")
    expect(button).to_have_css("color", "rgb(250, 240, 230)")
    expect(button).to_have_css("border-radius", "3px")
    expect(embed(buyer).locator(".frame")).to_have_css("background-color", "rgb(1, 2, 3)")
    expect(embed(buyer).locator(".frame")).to_have_css("font-family", "Georgia")
    reads(other_site, buyer, "frontrow-drop{color-scheme:dark}")
    expect(button).not_to_have_css("background-color", "rgb(12, 34, 56)")
    expect(embed(buyer).locator(".frame")).to_have_css("background-color", "rgb(31, 28, 25)")


def test_stock_that_falls_elsewhere_falls_here(blog: Buyer) -> None:
    StockItem.objects.filter(code=blog.sku).update(total=2)
    blog.page.reload()
    expect(embed(blog).locator(".left")).to_have_text("2 left")
    fan.placed(blog.drop, (blog.sku, 2), at=now())
    expect(embed(blog).locator(".left")).to_have_text("In carts, may come back")
    expect(embed(blog).get_by_text("In other carts", exact=True)).to_be_visible()
    expect(embed(blog).get_by_role("button", name="Buy now")).to_be_hidden()


def test_what_is_wrong_is_said_at_its_field(blog: Buyer) -> None:
    embed(blog).get_by_role("button", name="Buy now").click()
    expect(embed(blog).get_by_role("heading", name="Checkout")).to_be_focused()
    blog.pay_button.click()
    email = blog.page.get_by_label("E-mail")
    expect(email).to_be_focused()
    expect(email).to_have_accessible_description("Enter an e-mail address, like name@example.com.")
    expect(embed(blog).get_by_role("alert")).to_contain_text("things to mend")
    assert Order.objects.filter(drop=blog.drop).count() == 0


def test_offline_during_the_click_and_back(blog: Buyer, complaints: list[str]) -> None:
    embed(blog).get_by_role("button", name="Buy now").click()
    blog.fills_in_the_address()
    blog.types_card(GOOD)
    expect(blog.pay_button).to_be_enabled()
    blog.page.context.set_offline(True)
    blog.pay_button.click()
    expect(embed(blog).get_by_role("alert")).to_contain_text("You are offline")
    complaints.clear()
    blog.page.context.set_offline(False)
    expect(headline(blog)).to_have_text("One step left: pay for your order")
    assert Order.objects.filter(drop=blog.drop).count() == 1


def test_a_reload_finds_the_cart_and_then_the_order_again(blog: Buyer) -> None:
    embed(blog).get_by_role("button", name="Buy now").click()
    expect(embed(blog).get_by_text("Held for you for")).to_be_visible()
    blog.page.reload()
    expect(embed(blog).get_by_role("heading", name="Checkout")).to_be_visible()
    blog.fills_in_the_address()
    blog.types_card(GOOD)
    blog.pay_button.click()
    expect(headline(blog)).to_have_text("Yours.")
    blog.page.reload()
    expect(headline(blog)).to_have_text("Yours.")
    assert Order.objects.filter(drop=blog.drop).count() == 1


def test_letting_go_frees_the_units(blog: Buyer) -> None:
    embed(blog).get_by_role("button", name="Buy now").click()
    expect(embed(blog).get_by_role("heading", name="Checkout")).to_be_visible()
    expect(blog.card_form.get_by_label("Card number")).to_be_visible()
    assert fan.counts(blog.sku) == (1, 0, 4)
    embed(blog).get_by_role("button", name="Back, and let it go").click()
    expect(embed(blog).locator(".left")).to_have_text("5 left")
    assert fan.counts(blog.sku) == (0, 0, 5)


def test_a_hold_that_ended_is_taken_again(blog: Buyer) -> None:
    embed(blog).get_by_role("button", name="Buy now").click()
    expect(embed(blog).get_by_text("Held for you for")).to_be_visible()
    Cart.objects.filter(drop=blog.drop).update(expires_at=now() - timedelta(seconds=1))
    until(lambda: fan.counts(blog.sku) == (0, 0, 5))
    blog.page.reload()
    expect(embed(blog).get_by_text("Your hold ended", exact=True)).to_be_visible()
    embed(blog).get_by_role("button", name="Take it again").click()
    expect(embed(blog).get_by_text("Held for you for")).to_be_visible()
    assert fan.counts(blog.sku) == (1, 0, 4)


def test_a_pause_says_so_in_the_buttons_place_and_ends_by_itself(blog: Buyer) -> None:
    expect(embed(blog).get_by_role("radio")).to_be_enabled()
    scheduling.pause(blog.drop, actor="staff:owner", now=now())
    expect(embed(blog).get_by_text("Paused for a moment", exact=True)).to_be_visible()
    expect(embed(blog).get_by_role("status")).to_contain_text("Paused for a moment")
    expect(embed(blog).get_by_role("button", name="Buy now")).to_be_hidden()
    expect(embed(blog).get_by_role("radio")).to_be_disabled()
    expect(embed(blog).locator(".left")).to_have_text("5 left")
    blog.drop.refresh_from_db()
    scheduling.resume(blog.drop, actor="staff:owner", now=now())
    expect(embed(blog).get_by_role("button", name="Buy now")).to_be_visible()
    expect(embed(blog).get_by_text("Paused for a moment", exact=True)).to_be_hidden()


def test_nothing_in_it_moves_for_whom_asks_for_less_motion(other_site: OtherSite, buyer: Buyer) -> None:
    reads(other_site, buyer)
    parts = [embed(buyer).locator(".size"), embed(buyer).get_by_role("button", name="Buy now")]
    for part in parts:
        expect(part).to_have_css("transition-duration", "0.16s, 0.16s")
    buyer.page.emulate_media(reduced_motion="reduce")
    for part in parts:
        expect(part).to_have_css("transition-duration", "0s")
    assert buyer.page.evaluate("() => document.getAnimations().length") == 0


def test_before_it_opens_after_it_closed_and_where_there_is_none(
    other_site: OtherSite, buyer: Buyer, complaints: list[str]
) -> None:
    start = now() + timedelta(days=2)
    Drop.objects.filter(pk=buyer.drop.pk).update(state=DropState.SCHEDULED, starts_at=start)
    reads(other_site, buyer)
    expect(embed(buyer).get_by_role("timer", name="Time until it opens")).to_be_visible()
    expect(embed(buyer).get_by_role("button", name="Buy now")).to_be_hidden()
    Drop.objects.filter(pk=buyer.drop.pk).update(state=DropState.CLOSED)
    reads(other_site, buyer)
    expect(embed(buyer).get_by_text("This drop is over", exact=True)).to_be_visible()
    other_site.pages["blog.html"] = PAGE.format(shop=other_site.shop.url, slug="no-such-drop")
    buyer.page.goto(f"{other_site.url}/blog.html")
    expect(embed(buyer).get_by_text("There is no such drop", exact=True)).to_be_visible()
    complaints.clear()  # of the 404


def test_the_demo_sells_under_its_own_policy_in_its_sandbox(
    shop: RunningShop, buyer: Buyer, complaints: list[str]
) -> None:
    buyer.page.goto(f"/embed/demo/?drop={buyer.drop.slug}")
    assert buyer.page.evaluate("() => confirm('?')") is False, "no dialog is opened"
    assert all("allow-modals" in each for each in complaints)
    complaints.clear()
    plain, night = embed(buyer).first, embed(buyer).last
    accents = [part.get_by_role("button", name="Buy now") for part in (plain, night)]
    expect(accents[1]).to_have_css("background-color", "rgb(124, 224, 184)")
    expect(accents[0]).not_to_have_css("background-color", "rgb(124, 224, 184)")
    accents[0].click()
    buyer.fills_in_the_address()
    buyer.types_card(GOOD)
    buyer.pay_button.click()
    expect(plain.locator("h3").first).to_have_text("Yours.")


# --- what is agreed to ----------------------------------------------------------------------------------------------
def settle(buyer: Buyer) -> None:
    """A process remembers tables and rules for a second: what was written before that counts everywhere."""
    begins = now() + timedelta(seconds=FRESH_SECONDS)
    until(lambda: now() > begins)
    buyer.page.reload()
    embed(buyer).get_by_role("button", name="Buy now").click()
    expect(embed(buyer).get_by_role("heading", name="Checkout")).to_be_visible()


def sums(buyer: Buyer) -> dict[str, int]:
    """The rows as they are shown, in cents."""
    rows = embed(buyer).locator(".sums dl > div")
    expect(rows.filter(has_text="Total").first).to_be_visible()
    return {
        row.locator("dt").inner_text(): round(
            float(row.locator("dd").inner_text().replace("−", "-").replace("$", "").replace(",", "")) * 100
        )
        for row in rows.all()
    }


def adds_up(rows: dict[str, int]) -> bool:
    total = rows["Total"]
    return total == sum(
        amount for name, amount in rows.items() if name not in ("Total", "Subtotal") and "inside" not in name
    )


def test_the_rows_add_up_with_discounts_and_with_tax_inside(
    off: None, taxes: None, other_site: OtherSite, blog: Buyer
) -> None:
    prices(other_site, include_tax=True)
    settle(blog)
    blog.page.get_by_label("Country").select_option("DE")
    expect(embed(blog).locator("dt").filter(has_text="inside the total")).to_be_visible()
    rows = sums(blog)
    assert rows["Opening week"] == -480
    assert rows["Total"] == 4920
    assert adds_up(rows)


def test_a_code_is_tried_refused_and_taken(off: None, blog: Buyer) -> None:
    settle(blog)
    code = blog.page.get_by_label("Discount code (optional)")
    code.fill("nope")
    code.press("Enter")
    expect(code).to_have_accessible_description("We do not know this code. Look at how it is written.")
    assert Order.objects.filter(drop=blog.drop).count() == 0, "Enter there orders nothing"
    code.fill("friend5")
    embed(blog).get_by_role("button", name="Apply").click()
    button = embed(blog).get_by_role("button", name="Pay $44.20", exact=True)
    expect(button).to_be_visible()
    expect(embed(blog).get_by_role("status")).to_have_text("The total is $44.20.")
    rows = sums(blog)
    assert rows["A friend (FRIEND5)"] == -500
    assert adds_up(rows)
    blog.fills_in_the_address()
    blog.types_card(GOOD)
    button.click()
    expect(headline(blog)).to_have_text("Yours.")
    assert (blog.order.captured_minor, blog.order.discount_minor) == (4420, 980)


def test_where_the_shop_has_no_codes_none_is_asked_for(blog: Buyer) -> None:
    def without(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"takes_codes": False})

    blog.page.route("**/quote", without)  # the shop is shared, and others' tests have codes
    embed(blog).get_by_role("button", name="Buy now").click()
    expect(blog.pay_button).to_be_visible()
    expect(blog.page.get_by_label("Discount code (optional)")).to_be_hidden()


def test_a_region_and_a_postal_code_are_part_of_the_total(taxes: None, other_site: OtherSite, buyer: Buyer) -> None:
    prices(other_site, include_tax=False)
    reads(other_site, buyer)
    settle(buyer)
    buyer.fills_in_the_address()
    buyer.types_card(GOOD)
    expect(buyer.pay_button).to_be_visible()
    buyer.page.get_by_label("State or region (optional)").fill("CA")
    # Pressed while the question is on its way: what was agreed to is what the button said.
    buyer.pay_button.click()
    taxed = embed(buyer).get_by_role("button", name="Pay $58.46", exact=True)
    expect(taxed).to_be_visible()
    expect(embed(buyer).get_by_role("alert")).to_contain_text("The total is $58.46 now.")
    rows = sums(buyer)
    assert rows["Sales tax 8.25 %"] == 446
    assert adds_up(rows)
    taxed.click()
    expect(headline(buyer)).to_have_text("Yours.")
    assert (buyer.order.total_minor, buyer.order.captured_minor) == (5846, 5846)


def test_a_choice_keeps_the_focus_and_what_was_ticked(blog: Buyer) -> None:
    embed(blog).get_by_role("button", name="Buy now").click()
    box = blog.page.get_by_label("I know that I have 30 days")
    box.check()
    with blog.page.expect_response("**/quote"):
        blog.page.get_by_label("Country").select_option("DE")
    blog.page.get_by_label("Standard delivery").focus()
    with blog.page.expect_response("**/quote"):
        blog.page.get_by_label("Country").select_option("CA")
    expect(box).to_be_checked()
    expect(blog.page.get_by_label("Standard delivery")).to_be_checked()


def test_a_text_that_moved_is_told_and_ticked_anew(blog: Buyer) -> None:
    robe = blog.drop
    robe.ship_date = date(2030, 12, 17)
    robe.save(update_fields=["ship_date"])
    later = Policy.objects.create(slug=robe.slug[:60], kind="pre_order", title="Pre-order", scope=f"drop:{robe.slug}")
    draft = new_draft(later, "staff:owner")
    draft.source = draft.summary = "It is sent on {{ ship_date }}."
    draft.box_wording, draft.change_summary = "I know when it is sent.", "New."
    draft.save()
    publish(draft, by="staff:owner", now=now())
    known_everywhere()
    embed(blog).get_by_role("button", name="Buy now").click()
    blog.fills_in_the_address()
    blog.types_card(GOOD)
    box = blog.page.get_by_label("I know when it is sent")
    box.check()
    robe.ship_date = date(2031, 2, 15)
    robe.save(update_fields=["ship_date"])
    known_everywhere()
    blog.pay_button.click()
    expect(embed(blog).get_by_role("alert")).to_contain_text("ship date 17 December 2030 → 15 February 2031")
    expect(box).not_to_be_checked()
    expect(blog.page.get_by_label("I know that I have 30 days")).to_be_checked()
    box.check()
    blog.pay_button.click()
    expect(headline(blog)).to_have_text("Yours.")


def test_a_date_of_birth_is_asked_for_and_decides(blog: Buyer, complaints: list[str]) -> None:
    sold_from_18(blog)
    settle(blog)
    blog.fills_in_the_address()
    blog.types_card(GOOD)
    blog.pay_button.click()
    born = blog.page.get_by_label("Date of birth")
    expect(born).to_be_focused()
    question = "Enter your date of birth: you must be 18 or older to order this."
    expect(born).to_have_accessible_description(question)
    born.fill(f"{now().year - 10}-01-01")
    blog.pay_button.click()
    expect(embed(blog).get_by_role("alert")).to_contain_text("Gin is for people of 18 and older.")
    complaints.clear()  # of the 403
    born.fill("1990-12-31")
    blog.pay_button.click()
    expect(headline(blog)).to_have_text("Yours.")


def test_a_rule_that_begins_meanwhile_asks_for_a_tick(blog: Buyer) -> None:
    embed(blog).get_by_role("button", name="Buy now").click()
    blog.fills_in_the_address()
    blog.types_card(GOOD)
    expect(blog.pay_button).to_be_visible()
    sold_from_18(blog, Proof.ATTESTATION)
    blog.pay_button.click()
    box = blog.page.get_by_label("I am 18 or older.")
    expect(box).to_be_visible()
    expect(embed(blog).get_by_role("alert")).to_contain_text("Tick the box: you must be 18 or older")
    box.check()
    blog.pay_button.click()
    expect(headline(blog)).to_have_text("Yours.")


# --- what is gone, and who does not answer --------------------------------------------------------------------------
def test_c24_an_order_after_the_sell_out_is_led_to_the_waiting_list(blog: Buyer) -> None:
    embed(blog).get_by_role("button", name="Buy now").click()
    blog.fills_in_the_address()
    blog.types_card(GOOD)
    expect(blog.pay_button).to_be_visible()
    Cart.objects.filter(drop=blog.drop).update(expires_at=now() - timedelta(seconds=1))
    until(lambda: fan.counts(blog.sku) == (0, 0, 5))
    StockItem.objects.filter(code=blog.sku).update(total=0)
    blog.pay_button.click()
    alert = embed(blog).get_by_role("alert")
    expect(alert).to_contain_text("you have not been charged")
    link = alert.get_by_role("link", name="Join the waiting list")
    expect(link).to_have_attribute("href", re.compile(rf"/drops/{blog.drop.slug}/waiting/$"))
    expect(blog.pay_button).to_have_count(0)
    assert Order.objects.filter(drop=blog.drop).count() == 0
    embed(blog).get_by_role("button", name="Back, and let it go").click()
    expect(embed(blog).get_by_text("Sold out", exact=True).first).to_be_visible()
    expect(embed(blog).get_by_role("link", name="Join the waiting list")).to_be_visible()


def test_a_drop_without_a_waiting_list_leads_to_the_shop(other_site: OtherSite, buyer: Buyer) -> None:
    Drop.objects.filter(pk=buyer.drop.pk).update(waiting_list=False)
    StockItem.objects.filter(code=buyer.sku).update(total=0)
    reads(other_site, buyer)
    expect(embed(buyer).get_by_role("link", name="See it at the shop")).to_be_visible()
    expect(embed(buyer).get_by_role("link", name="Join the waiting list")).to_have_count(0)


# --- presses that come too early, or while something is on its way -------------------------------------------------
CARD_FORM = "**/sandbox/**/card_form.js"
INCOMPLETE = "Your card number is incomplete."


def test_a_press_waits_for_the_card_form_and_then_says_what_the_card_lacks(blog: Buyer) -> None:
    blog.page.add_init_script(ENDLESS_PATIENCE)
    blog.page.reload()
    form_comes = hold_back(blog.page, CARD_FORM)
    embed(blog).get_by_role("button", name="Buy now").click()
    blog.fills_in_the_address()
    blog.pay_button.click()
    expect(embed(blog).get_by_role("button", name="Ordering…")).to_be_visible()
    form_comes()
    expect(embed(blog).get_by_role("alert")).to_contain_text(INCOMPLETE)
    blog.types_card(GOOD)
    blog.pay_button.click()
    expect(headline(blog)).to_have_text("Yours.")


def test_an_order_that_did_not_wait_for_the_card_form_gets_another_one(blog: Buyer) -> None:
    """The first form was forgotten while it came: the next is not the one that nobody sees."""
    hold_back(blog.page, CARD_FORM)
    embed(blog).get_by_role("button", name="Buy now").click()
    blog.fills_in_the_address()
    blog.pay_button.click()
    expect(headline(blog)).to_have_text("One step left: pay for your order")
    blog.page.unroute(CARD_FORM)
    blog.types_card(GOOD)
    blog.pay_button.click()
    expect(headline(blog)).to_have_text("Yours.")


def test_a_press_after_the_order_waits_for_the_card_form_too(blog: Buyer) -> None:
    embed(blog).get_by_role("button", name="Buy now").click()
    blog.fills_in_the_address()
    blog.types_card(DECLINED)
    form_comes = hold_back(blog.page, CARD_FORM)  # the next one
    blog.pay_button.click()
    expect(headline(blog)).to_have_text("That card did not work")
    blog.pay_button.click()
    expect(embed(blog).get_by_role("button", name="Paying…")).to_be_visible()
    form_comes()
    alert = embed(blog).get_by_role("alert")
    expect(alert).to_contain_text(INCOMPLETE)
    for _ in range(2):
        with blog.page.expect_response("**/api/v1/orders/*"):
            pass
    expect(alert).to_contain_text(INCOMPLETE)  # news of the order are no reason to take it away
    blog.types_card(GOOD)
    blog.pay_button.click()
    expect(headline(blog)).to_have_text("Yours.")


def test_a_choice_without_an_answer_is_not_forgotten_by_the_press(
    zones: None, blog: Buyer, complaints: list[str]
) -> None:
    embed(blog).get_by_role("button", name="Buy now").click()
    blog.fills_in_the_address()
    blog.types_card(GOOD)
    expect(blog.pay_button).to_be_visible()
    blog.page.route("**/quote", lambda route: route.abort())
    blog.page.get_by_label("Express").check()
    expect(embed(blog).get_by_role("alert")).to_contain_text("Nobody answered")
    blog.page.unroute("**/quote")
    blog.pay_button.click()
    expect(embed(blog).get_by_role("alert")).to_contain_text("The total is $63.00 now.")
    assert not Order.objects.filter(drop=blog.drop).exists()
    blog.page.get_by_role("button", name="Pay $63.00", exact=True).click()
    expect(headline(blog)).to_have_text("Yours.")
    assert (blog.order.shipping_title, blog.order.captured_minor) == ("Express", 6300)
    complaints.clear()  # of the answer that was lost


def test_what_was_let_go_is_not_ordered_later(shop: RunningShop, blog: Buyer, complaints: list[str]) -> None:
    page, tried = blog.page, list[str]()

    def lose(route: Route) -> None:
        tried.append(route.request.url)
        route.abort()

    embed(blog).get_by_role("button", name="Buy now").click()
    blog.fills_in_the_address()
    blog.types_card(GOOD)
    page.route("**/orders", lose)
    page.clock.install()
    blog.pay_button.click()
    expect(embed(blog).get_by_role("alert")).to_contain_text("The network is slow")
    embed(blog).get_by_role("button", name="Back, and let it go").click()
    expect(embed(blog).get_by_role("button", name="Buy now")).to_be_visible()
    page.evaluate("() => dispatchEvent(new Event('online'))")  # which ends the pause before the next try
    page.clock.fast_forward("00:30")
    page.evaluate("(address) => fetch(address)", f"{shop.url}/api/v1/shop")  # what was sent before it is known by now
    assert len(tried) == 1
    complaints.clear()  # of the answer that was lost


SLEPT_AN_HOUR = """() => {
  const [clock, ticks] = [Date.now, performance.now()];
  Date.now = () => clock() + 3_600_000;
  performance.now = () => ticks; // which stands still in a sleep
}"""


def test_a_phone_that_slept_knows_that_the_hold_ended(blog: Buyer) -> None:
    embed(blog).get_by_role("button", name="Buy now").click()
    expect(embed(blog).get_by_text("Held for you for")).to_be_visible()
    blog.page.evaluate(SLEPT_AN_HOUR)
    expect(embed(blog).get_by_text("Your hold ended", exact=True)).to_be_visible()


PATIENT = """window.given = []; AbortSignal.timeout = (ms) => { const stop = new AbortController();
    window.given.push({ ms, end: () => stop.abort(new DOMException("late", "TimeoutError")) });
    return stop.signal; };"""


def test_who_hangs_has_not_answered(other_site: OtherSite, buyer: Buyer, complaints: list[str]) -> None:
    """The clock of a request is in this test's hand."""

    def hang(route: Route) -> None:
        """Neither an answer nor a refusal."""

    buyer.page.add_init_script(PATIENT)
    buyer.page.route("**/api/v1/shop", hang)
    reads(other_site, buyer)
    buyer.page.wait_for_function("() => window.given.length === 2")  # for the shop and for the drop
    assert buyer.page.evaluate("() => window.given[0].ms") == 10_000
    buyer.page.evaluate("() => window.given.forEach(({ end }) => end())")
    expect(embed(buyer).get_by_text("The shop cannot be reached", exact=True)).to_be_visible()
    buyer.page.unroute("**/api/v1/shop")
    embed(buyer).get_by_role("button", name="Try again").click()
    expect(embed(buyer).get_by_role("button", name="Buy now")).to_be_visible()
    complaints.clear()
