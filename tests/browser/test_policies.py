"""Promises in the browser: written from a template, reviewed, scheduled, met by a fan who is paying, read by staff."""

import re
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import Group, User
from playwright.sync_api import Browser, Dialog, Page, expect

from drops.models import Drop
from merchant.clock import now
from merchant.models import JournalEntry
from merchant.roles import OWNER, POLICY_EDITOR, POLICY_REVIEWER
from policies.models import Acceptance, Policy, PolicyVersion
from policies.publishing import new_draft, publish
from policies.rule_publishing import new_draft as new_rule_draft
from policies.rules_models import Rule
from policies.tests.test_rendering import VECTORS
from tests.browser.buyer import Buyer
from tests.running_shop import RunningShop
from tests.waiting import until

pytestmark = pytest.mark.browser

PASSWORD = "a password of the tests"


def signed_in(page: Page, role: str) -> Page:
    """The desk of somebody with this role."""
    name = role.lower().replace(" ", "-")
    if not User.objects.filter(username=name).exists():
        User.objects.create_user(name, password=PASSWORD, is_staff=True).groups.add(Group.objects.get(name=role))
    page.goto("/admin/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Today")).to_be_visible()
    return page


@pytest.fixture
def reviewer_page(browser: Browser, base_url: str) -> Page:
    """Another person's browser."""
    return browser.new_context(base_url=base_url).new_page()


def find(desk: Page, label: str, name: str) -> None:
    """Choose ``name`` in a searchable list, by keyboard alone."""
    part = desk.locator(".scope-part").filter(has=desk.get_by_text(label, exact=True))
    part.get_by_role("combobox").first.focus()
    desk.keyboard.press("Enter")
    desk.keyboard.type(name)
    expect(desk.get_by_role("option", name=name, exact=True)).to_be_visible()
    desk.keyboard.press("Enter")


def test_a_merchant_chooses_a_drop_and_a_country_by_their_names(
    shop: RunningShop, robe: Drop, page: Page, complaints: list[str]
) -> None:
    robe.title = "Robe for Travellers"  # of the drops of all tests the only one that is called so
    robe.save(update_fields=["title"])
    desk = signed_in(page, OWNER)
    desk.goto("/admin/policies/policy/add/")
    desk.get_by_label("Title").fill("Care abroad")
    find(desk, "Drop", robe.title)
    find(desk, "Shipped to", "Germany")
    desk.get_by_role("combobox", name="State or region").focus()
    expect(desk.locator("#scope-regions option[value=Bayern]")).to_have_count(1)
    desk.get_by_role("combobox", name="State or region").fill("Bavaria")
    desk.get_by_role("button", name="Save", exact=True).click()
    expect(
        desk.get_by_text("There is no state or region “Bavaria” in Germany. Choose one that the field proposes.")
    ).to_be_visible()

    desk.get_by_role("combobox", name="State or region").fill("")
    desk.get_by_role("button", name="Save", exact=True).click()
    expect(desk.get_by_text(f"Applies to the drop “{robe.title}”, shipped to Germany.")).to_be_visible()
    policy = Policy.objects.get(title="Care abroad")
    assert policy.scope == f"drop:{robe.slug} + country:DE"
    desk.goto("/admin/policies/policy/?q=Care+abroad")
    expect(desk.get_by_text(f"The drop “{robe.title}”, shipped to Germany")).to_be_visible()


def test_a_merchant_chooses_the_places_of_a_rule_by_their_names(
    shop: RunningShop, page: Page, complaints: list[str]
) -> None:
    rule = Rule.objects.create(slug="blades", title="Blades")
    draft = new_rule_draft(rule, "staff:owner")
    desk = signed_in(page, OWNER)
    desk.goto(f"/admin/policies/ruleversion/{draft.pk}/change/")
    for label, name in (("Countries", "Switzerland"), ("States and regions", "California (United States)")):
        part = desk.locator(".scope-part").filter(has=desk.get_by_text(label, exact=True))
        part.get_by_role("searchbox").focus()
        desk.keyboard.type(name)
        expect(desk.get_by_role("option", name=name, exact=True)).to_be_visible()
        desk.keyboard.press("Enter")
    desk.get_by_role("textbox", name="Postal codes").fill("Utah")
    desk.get_by_label("What a refused fan reads").fill("Not there.")
    desk.get_by_role("button", name="Save and continue editing").click()
    expect(desk.get_by_text("UTAH: write the country, then postal codes: US 99500-99999, or GB BT.")).to_be_visible()

    desk.get_by_role("textbox", name="Postal codes").fill("United States 995-999")
    desk.get_by_role("button", name="Save and continue editing").click()
    said = "in Switzerland, California (United States) and postal codes 995–999 of the United States."
    expect(desk.get_by_text(said)).to_be_visible()
    draft.refresh_from_db()
    assert draft.places == ["CH", "US-CA", "US 995-999"]


def test_an_editor_starts_from_a_template_and_a_reviewer_approves_with_a_schedule(
    shop: RunningShop, page: Page, complaints: list[str], reviewer_page: Page
) -> None:
    editor = signed_in(page, POLICY_EDITOR)
    editor.goto("/admin/policies/policy/")
    editor.get_by_role("link", name=re.compile("Start from a template")).click()
    editor.get_by_role("button", name="Start from Made with a creator, Anywhere").click()
    expect(editor.get_by_text("not legal advice")).to_be_visible()

    editor.get_by_label("Text").fill("## Who earns\n\nThe creator gets **a tenth**. Made for {{ dorp }}.")
    expect(editor.get_by_text("Nothing can fill in {{ dorp }}. Did you mean {{ drop }}?").first).to_be_visible()
    editor.get_by_label("Text").fill("## Who earns\n\nThe creator gets **a tenth**. Made for {{ drop }}.")
    expect(editor.get_by_text("Saved as you type")).to_be_visible()
    expect(editor.locator("#policy-live").get_by_text("Nothing can fill in")).to_have_count(0)
    preview = editor.frame_locator("iframe[title='At checkout']")
    expect(preview.get_by_text("a tenth", exact=True)).to_be_visible()

    draft = PolicyVersion.objects.select_related("policy").get(policy__kind="creator")
    until(lambda: "{{ drop }}" in PolicyVersion.objects.get(pk=draft.pk).source)
    editor.reload()  # nothing was pressed, and all is there
    expect(editor.get_by_label("Text")).to_have_value(re.compile("a tenth"))
    editor.get_by_role("link", name="Send to review").click()
    editor.get_by_role("button", name="Send to review").click()
    expect(editor.get_by_text("is in review")).to_be_visible()

    reviewer = signed_in(reviewer_page, POLICY_REVIEWER)
    reviewer.goto(f"/admin/policies/policyversion/{draft.pk}/change/")
    expect(reviewer.get_by_text("asked for a review")).to_be_visible()
    reviewer.get_by_role("link", name="Approve").click()
    reviewer.get_by_label("Now, to take effect at the time below").check()
    day = now().date() + timedelta(days=3)
    reviewer.locator("[name=effective_at_0]").fill(day.isoformat())
    reviewer.locator("[name=effective_at_1]").fill("00:00:00")
    reviewer.get_by_role("button", name="Approve").click()
    expect(reviewer.get_by_text("Scheduled", exact=True).first).to_be_visible()
    expect(reviewer.get_by_text("is public. It takes effect")).to_be_visible()

    reviewer.goto("/policies/changelog/")
    entry = reviewer.get_by_role("article").filter(has_text="Made with a creator, version 1")
    expect(entry).to_contain_text("Takes effect")
    assert list(
        JournalEntry.objects.filter(subject="policy:made-with-a-creator", verb__in=["review_asked", "approved"])
        .order_by("id")
        .values_list("verb", "actor")
    ) == [("review_asked", "staff:policy-editor"), ("approved", "staff:policy-reviewer")]


def test_two_people_who_write_the_same_draft_are_told(shop: RunningShop, page: Page, reviewer_page: Page) -> None:
    policy = Policy.objects.create(slug="two-writers", kind="terms", title="Two writers", scope="drop:two-writers")
    draft = new_draft(policy, "staff:owner")
    address = f"/admin/policies/policyversion/{draft.pk}/change/"
    first, second = signed_in(page, POLICY_EDITOR), signed_in(reviewer_page, OWNER)
    first.goto(address)
    second.goto(address)
    first.get_by_label("Text").fill("The first writes this.")
    expect(first.get_by_text("Saved as you type")).to_be_visible()
    second.get_by_label("Text").fill("The second writes that.")
    expect(second.get_by_text("wrote in this draft after you opened it")).to_be_visible()
    expect(second.locator("#policy-live del", has_text="first")).to_be_visible()
    until(lambda: PolicyVersion.objects.get(pk=draft.pk).source == "The first writes this.")


def test_a_fan_who_is_checking_out_meets_the_change(buyer: Buyer, robe: Drop) -> None:
    care = Policy.objects.create(slug=robe.slug[:60], kind="terms", title="Repairs", scope=f"drop:{robe.slug}")
    says(care, "We mend it for 30 days.")
    buyer.buys_now()
    buyer.fills_in_the_address()
    buyer.types_card("4242 4242 4242 4242")
    buyer.page.get_by_label("I know how long you mend it").check()

    changed_at = now()
    says(care, "We mend it for 14 days.")
    until(lambda: now() - changed_at > timedelta(seconds=2))  # what a process remembers is that old at most
    buyer.pay_button.click()
    changed = buyer.page.locator("#agree .changed")
    expect(changed).to_contain_text("Repairs changed while you were here.")
    expect(changed.locator("del").first).to_have_text("30")
    expect(changed.locator("ins").first).to_have_text("14")
    box = buyer.page.get_by_label("I know how long you mend it")
    expect(box).not_to_be_checked()
    box.check()
    buyer.page.get_by_label("I know that I have 30 days").check()
    buyer.pay_button.click()
    expect(buyer.headline).to_be_visible()
    answered = Acceptance.objects.filter(order_ref=buyer.order.reference, rendering__version__policy=care)
    assert list(answered.order_by("pk").values_list("rendering__version__number", "accepted", "replaced")) == [
        (1, True, True),
        (2, True, False),
    ]


def test_a_fan_who_is_checking_out_meets_a_later_date(buyer: Buyer, robe: Drop) -> None:
    robe.ship_date = date(2030, 12, 17)
    robe.save(update_fields=["ship_date"])
    later = Policy.objects.create(slug=robe.slug[:60], kind="pre_order", title="Pre-order", scope=f"drop:{robe.slug}")
    says(later, "It is made for you and sent on {{ ship_date }}.")
    buyer.buys_now()
    buyer.fills_in_the_address()
    buyer.types_card("4242 4242 4242 4242")
    box = buyer.page.get_by_label("I know how long you mend it")
    box.check()

    changed_at = now()
    robe.ship_date = date(2031, 2, 15)
    robe.save(update_fields=["ship_date"])
    until(lambda: now() - changed_at > timedelta(seconds=2))  # what a process remembers is that old at most
    buyer.pay_button.click()
    changed = buyer.page.locator("#agree .changed")
    expect(changed).to_contain_text("ship date 17 December 2030 → 15 February 2031")
    expect(changed.locator("del").first).to_have_text("17 December 2030")
    expect(box).not_to_be_checked()
    expect(buyer.page.get_by_label("I know that I have 30 days")).to_be_checked()  # its text is the same
    box.check()
    buyer.pay_button.click()
    expect(buyer.headline).to_be_visible()
    answered = Acceptance.objects.filter(order_ref=buyer.order.reference, rendering__version__policy=later)
    assert list(answered.order_by("pk").values_list("rendering__values__ship_date", "accepted", "replaced")) == [
        ("17 December 2030", True, True),
        ("15 February 2031", True, False),
    ]


def test_staff_read_the_changelog_and_compare(shop: RunningShop, page: Page, complaints: list[str]) -> None:
    policy = Policy.objects.create(slug="compared", kind="terms", title="Compared", scope="drop:compared")
    says(policy, "We mend it for 30 days.")
    says(policy, "We mend it for 14 days.")
    desk = signed_in(page, OWNER)
    desk.goto("/policies/changelog/")
    entry = desk.get_by_role("article").filter(has_text="Compared, version 2")
    expect(entry).to_contain_text("for 30 → 14 days")
    entry.get_by_text("Word by word").click()
    expect(entry.locator("del").first).to_be_visible()
    second = policy.versions.get(number=2)
    desk.goto(f"/admin/policies/policyversion/{second.pk}/compare/")
    expect(desk.get_by_text("0 orders under it").first).to_be_visible()
    expect(desk.locator(".beside del").first).to_have_text("30")
    desk.get_by_label("shown").select_option("inline")
    desk.get_by_role("button", name="Show").click()
    expect(desk.locator(".diff ins").first).to_have_text("14")


def says(policy: Policy, words: str) -> None:
    draft = new_draft(policy, "staff:owner")
    draft.source = draft.summary = words
    draft.box_wording, draft.change_summary = "I know how long you mend it.", "Other days."
    draft.save()
    publish(draft, by="staff:owner", now=now())


def test_a_policy_is_retired_with_a_reason(shop: RunningShop, page: Page, complaints: list[str]) -> None:
    policy = Policy.objects.create(slug="mending", kind="terms", title="Mending", scope="drop:mending")
    says(policy, "We mend it for 30 days.")
    desk = signed_in(page, OWNER)
    desk.goto(f"/admin/policies/policy/{policy.pk}/change/")
    expect(desk.get_by_text("Its title, kind and place are part of what was promised")).to_be_visible()
    desk.get_by_role("link", name="Retire").or_(desk.get_by_role("button", name="Retire")).first.click()
    desk.get_by_label("Why it ends, in plain words").fill("Our tailor has closed.")
    desk.get_by_role("button", name="Retire it for good").click()
    expect(desk.get_by_text("Mending ends", exact=False).first).to_be_visible()
    desk.goto("/policies/mending/")
    expect(desk.get_by_text("This policy was retired on")).to_be_visible()
    expect(desk.get_by_text("Our tailor has closed.").first).to_be_visible()


def test_a_text_full_of_attacks_is_words_on_every_page(
    shop: RunningShop, robe: Drop, page: Page, complaints: list[str]
) -> None:
    """Nothing runs, nothing loads and nothing leads away: the security policy is not even asked to stop it."""
    source = "\n\n".join(vector.replace("{{ constructor }}", "constructor") for vector in VECTORS)
    policy = Policy.objects.create(slug="attacks", title="Attacks", kind="terms", scope=f"drop:{robe.slug}")
    draft = new_draft(policy, "staff:owner")
    draft.source, draft.summary = source, "<img src=x onerror=alert(1)> All of it."
    draft.save()
    publish(draft, by="staff:owner", now=now())
    dialogs: list[str] = []

    def hear(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", hear)
    for address in ("/policies/attacks/", "/policies/attacks/v1/", "/policies/changelog/", f"/drops/{robe.slug}/"):
        page.goto(address)
        expect(page.get_by_text("All of it.").first).to_be_attached()
        for acting in page.locator("main :is(details, a, button)").all()[:40]:
            acting.dispatch_event("mouseover")
        assert page.url.endswith(address)
    page.evaluate("alert('this one is heard')")
    assert dialogs == ["this one is heard"]
