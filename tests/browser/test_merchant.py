"""The merchant at the desk: what they change is what fans see."""

import re

import pytest
from django.contrib.auth.models import Group, User
from playwright.sync_api import APIResponse, Page, Route, expect

from drops.models import Drop, StockItem
from merchant.clock import now
from merchant.roles import OWNER
from policies.models import Policy
from policies.publishing import new_draft, publish
from tests.browser.buyer import Buyer
from tests.running_shop import RunningShop
from tests.waiting import until

pytestmark = pytest.mark.browser

PASSWORD = "a password of the tests"


@pytest.fixture
def desk(shop: RunningShop, page: Page, complaints: list[str]) -> Page:
    """The desk of somebody who owns the shop and has just signed in."""
    if not User.objects.filter(username="owner").exists():
        User.objects.create_user("owner", password=PASSWORD, is_staff=True).groups.add(Group.objects.get(name=OWNER))
    page.goto("/admin/")
    page.get_by_label("Username").fill("owner")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Today")).to_be_visible()
    return page


def test_edits_a_drop(desk: Page, robe: Drop, shop: RunningShop) -> None:
    sku = Buyer(desk, robe).sku
    fan_screen = desk.context.new_page()
    fan_screen.goto(f"/drops/{robe.slug}/")
    expect(fan_screen.locator("[data-stock]")).to_have_text("5 left")

    desk.goto(f"/admin/drops/drop/{robe.pk}/change/")
    desk.get_by_label("Title").fill("Winter Robe, lined")
    desk.locator("[name=offers-0-price_minor]").fill("52.50")
    desk.locator("[name=offers-0-units]").fill("3")
    desk.get_by_role("button", name="Save and continue editing").click()
    expect(desk.get_by_text("was changed successfully")).to_be_visible()

    assert StockItem.objects.get(code=sku).total == 8
    expect(fan_screen.locator("[data-stock]")).to_have_text("8 left")  # by itself

    def shows_the_edit() -> bool:  # a price on the page is at most some seconds old
        fan_screen.reload()
        return fan_screen.locator(".decision-head .price").text_content() == "$52.50"

    until(shows_the_edit)
    expect(fan_screen.get_by_role("heading", level=1)).to_have_text("Winter Robe, lined")


def test_pauses_and_resumes_a_drop(desk: Page, robe: Drop) -> None:
    fan_screen = desk.context.new_page()
    fan_screen.goto(f"/drops/{robe.slug}/")
    label = fan_screen.locator("[data-phase-label]")
    desk.goto(f"/admin/drops/drop/{robe.pk}/change/")
    desk.get_by_role("link", name=re.compile("Pause$")).click()
    desk.get_by_role("button", name="Pause", exact=True).click()
    expect(label).to_have_text("Paused for a moment")
    expect(fan_screen.get_by_role("button", name="Buy now")).to_have_count(0)
    desk.get_by_role("link", name=re.compile("Resume$")).click()
    desk.get_by_role("button", name="Resume", exact=True).click()
    expect(label).to_have_text("Live now")


def test_who_saves_while_what_was_typed_is_being_saved_is_not_in_their_own_way(desk: Page, robe: Drop) -> None:
    """The server has it and its answer is still under way: the form goes when it is here, with what it says."""
    wool = Policy.objects.create(slug="wool", kind="terms", title="Wool", scope=f"drop:{robe.slug}")
    draft = new_draft(wool, "staff:owner")
    desk.goto(f"/admin/policies/policyversion/{draft.pk}/change/")
    answers: list[tuple[Route, APIResponse]] = []

    def keep_the_first(route: Route) -> None:
        if answers:
            route.continue_()
        else:
            answers.append((route, route.fetch()))

    desk.route("**/live/", keep_the_first)
    with desk.expect_request("**/live/"):
        desk.get_by_label("Text").press_sequentially("Wash it cold.")
    until(lambda: bool(desk.evaluate("1")) and len(answers) == 1)
    desk.get_by_role("button", name="Save and continue editing").click()
    [(route, answer)] = answers
    route.fulfill(response=answer)
    expect(desk.get_by_text("was changed successfully")).to_be_visible()
    draft.refresh_from_db()
    assert draft.source == "Wash it cold."


def test_publishes_a_disclaimer(desk: Page, robe: Drop) -> None:
    """A draft, read in its changes and published, stands in the changelog, on the drop's page and at checkout."""
    care = Policy.objects.create(slug="care", kind="terms", title="Care", scope=f"drop:{robe.slug}")
    first = new_draft(care, "staff:owner")
    first.source, first.summary = "Wash it cold.", "Wash it cold."
    first.save()
    publish(first, by="staff:owner", now=now())

    desk.goto(f"/admin/policies/policy/{care.pk}/change/")
    desk.get_by_role("link", name="Start a new version").click()
    desk.get_by_role("button", name="Open the draft").click()
    desk.get_by_label("In one sentence").fill("Wash it cold, dry it flat.")
    desk.get_by_label("Text").fill("Wash it cold.\n\nDry it **flat**. <script>alert(1)</script>")
    desk.get_by_label("What changed, in plain words").fill("Says how to dry it.")
    desk.get_by_role("button", name="Save and continue editing").click()
    expect(desk.get_by_text("was changed successfully")).to_be_visible()
    desk.get_by_role("link", name="Publish this version").click()
    expect(desk.get_by_text("It can never be edited again")).to_be_visible()
    desk.get_by_role("button", name="Publish for good").click()
    expect(desk.get_by_text(re.compile(r"Care v2 is public\. It takes effect \w{3} \d"))).to_be_visible()
    expect(desk.get_by_text("A published text is never edited")).to_be_visible()

    fan_screen = desk.context.new_page()
    fan_screen.goto("/policies/changelog/")
    entry = fan_screen.get_by_role("article").filter(has_text="Care, version 2")
    expect(entry).to_contain_text("Says how to dry it.")
    fan_screen.goto(f"/drops/{robe.slug}/")
    known = fan_screen.locator("details.know").filter(has_text="Care.")
    expect(known).to_contain_text("Wash it cold, dry it flat.")
    known.locator("summary").click()
    expect(known.get_by_text("flat", exact=True)).to_be_visible()
    expect(known.get_by_role("link", name="Version 2")).to_be_visible()
    Buyer(fan_screen, robe).buys_now()
    expect(fan_screen.locator("#agree")).to_contain_text("Wash it cold, dry it flat.")
