"""Thieves who try stolen cards are slowed down; fans who mistype are not; nobody loses an order by it."""

import json
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from django.test import Client
from redis import RedisError

from checkout import attempts, expiry, fallback, gateway, payments, settle
from checkout.errors import Invalid, KeyReused, NothingToPay, TooManyCards
from checkout.models import Order, OrderState
from checkout.ordering import order_once
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_pages import agree, with_cart
from checkout.tests.test_payments import clock, fresh, later, states
from checkout.tests.test_place_order_races import together
from checkout.tests.test_storefront_api import API, body_of, quoted
from checkout.tokens import order_token
from drops.models import Drop
from merchant import moving_windows
from merchant.models import JournalEntry
from merchant.tests.staff import signed_in
from policies.models import AcceptancePerson, Policy
from policies.publishing import new_draft, publish
from segments.models import Message

pytestmark = pytest.mark.django_db(transaction=True)
HERE, ELSEWHERE = str(fan.PERSON.ip), "198.51.100.9"


@pytest.fixture(autouse=True)
def _few(settings: Any) -> None:
    settings.CARDS_PER_ORDER, settings.REFUSALS_PER_ADDRESS_AN_HOUR, settings.REFUSALS_PER_CARD_AN_HOUR = 3, 4, 2


@pytest.fixture
def texts(robe: Drop) -> None:
    """A promise that is accepted with the order."""
    returns = Policy.objects.create(slug="returns", kind="returns", title="Returns")
    draft = new_draft(returns, "staff:owner")
    draft.source, draft.summary, draft.box_wording = "30 days.", "30 days.", "I know."
    draft.save()
    publish(draft, by="staff:owner", now=clock())


def refused(robe: Drop, sandbox: SandboxServer, number: int = 0) -> Order:
    order = fan.placed(
        robe,
        at=clock(),
        confirmation_token=fan.card(sandbox, "pm_card_chargeDeclined"),
        contact=fan.somebody(f"fan{number}@example.com"),
    )
    payments.drain(clock)
    return fresh(order)


def another(order: Order, sandbox: SandboxServer, card: str = "pm_card_chargeDeclined") -> None:
    payments.use_card(order.pk, fan.card(sandbox, card), now=clock())
    payments.drain(clock)


def at(ip: str) -> Client:
    """A browser with this address."""
    browser = Client()
    browser.defaults["REMOTE_ADDR"] = ip
    return browser


def pages(order: Order) -> str:
    return f"/orders/{order_token(order.token_nonce)}/"


def test_an_order_takes_so_many_cards_and_no_more(robe: Drop, sandbox: SandboxServer) -> None:
    order = refused(robe, sandbox)
    for _ in range(2):
        another(order, sandbox)
    with pytest.raises(TooManyCards) as refusal:
        another(order, sandbox, "pm_card_visa")
    assert refusal.value.retry_after is None
    with pytest.raises(TooManyCards):
        fallback.open_session(order.pk, now=clock())
    assert len([charge for charge in sandbox.charges(order.reference) if not charge["paid"]]) == 3
    assert (fresh(order).state, fan.counts()) == (OrderState.ACTION_REQUIRED, (1, 0, 4)), "it stays until its time"
    assert states(order).count("cards_used_up") == 1
    assert expiry.sweep(later(minutes=30)) == 1
    assert fan.counts() == (0, 0, 5)


def test_a_card_that_fails_at_its_bank_is_a_refused_one(robe: Drop, sandbox: SandboxServer) -> None:
    order = fan.placed(robe, at=clock(), confirmation_token=fan.card(sandbox, "pm_card_threeDSecure2Required"))
    payments.drain(clock)
    for _ in range(2):
        _fails_at_the_bank(order, sandbox)
        another(order, sandbox, "pm_card_threeDSecure2Required")
    _fails_at_the_bank(order, sandbox)
    assert fresh(order).payment.cards_refused == 3, "each once, however often it is heard of"
    with pytest.raises(TooManyCards):
        another(order, sandbox)


def _fails_at_the_bank(order: Order, sandbox: SandboxServer) -> None:
    sandbox.authenticate(fresh(order).payment.intent_id, passed=False)
    for _ in range(2):
        payments.look_again(order.pk, now=clock())
        payments.drain(clock)
        settle.settle_intent(order.pk, gateway.retrieve_intent(fresh(order).payment.intent_id), now=clock())


def test_made_up_cards_come_to_an_end_and_are_nobody_elses_fault(robe: Drop, sandbox: SandboxServer) -> None:
    order = fan.placed(robe, at=clock(), confirmation_token="ctoken_made_up")
    payments.drain(clock)
    for _ in range(2):
        payments.use_card(order.pk, "ctoken_made_up", now=clock())
        payments.drain(clock)
    with pytest.raises(TooManyCards):
        payments.use_card(order.pk, "ctoken_made_up", now=clock())
    assert states(order).count("cards_used_up") == 1
    asked = [call for call in sandbox.requests("payment_intents.confirm") if order.reference in call["idempotency_key"]]
    assert len(asked) == 3
    attempts.require_address(HERE)  # no bank said no, so nobody else there waits for it


def test_the_last_card_allowed_may_be_the_good_one(robe: Drop, sandbox: SandboxServer) -> None:
    order = refused(robe, sandbox)
    another(order, sandbox)
    another(order, sandbox, "pm_card_visa")
    assert fresh(order).state == OrderState.CONFIRMED


def test_a_provider_in_trouble_uses_up_no_cards(robe: Drop, sandbox: SandboxServer) -> None:
    """Each 500 makes another attempt under another key; no bank has refused anything."""
    order = fan.placed(robe, at=clock(), confirmation_token=fan.card(sandbox, "pm_card_chargeDeclined"))
    sandbox.fail("payment_intents.confirm", 500, times=4)
    for minutes in range(6):
        payments.drain(lambda at=minutes: later(minutes=2 * at))  # type: ignore[misc]  # bound now
    found = fresh(order).payment
    assert (found.attempt, found.cards_refused) == (5, 1)
    another(order, sandbox, "pm_card_visa")
    assert fresh(order).state == OrderState.CONFIRMED


def test_cards_pressed_at_once_count_one_each(robe: Drop, sandbox: SandboxServer) -> None:
    order = refused(robe, sandbox)

    def press(_: int) -> str:
        try:
            payments.use_card(order.pk, "ctoken_x", now=clock())
        except NothingToPay:
            return "one is on its way"
        return "taken"

    assert together(press, 8) == {"taken": 1, "one is on its way": 7}
    assert fresh(order).payment.attempt == 2


def test_the_page_says_what_to_do(robe: Drop, sandbox: SandboxServer) -> None:
    order = refused(robe, sandbox)
    for _ in range(2):
        another(order, sandbox)
    answer = Client().post(f"{pages(order)}card", {"confirmation_token": "ctoken_x"})
    assert (answer.status_code, answer["Retry-After"]) == (429, "3600")
    looked = Client().get(f"{pages(order)}pay")
    assert looked.status_code == 200, "to look is no mistake"
    for page in (answer, looked):
        told = page.content.decode()
        assert "no more are tried. It stays held until its time is up. Write to us if you want it." in told
        assert "help@example.com" in told
        assert "Pay on the payment provider" not in told
    story = Client().get(pages(order)).content.decode()
    assert "No more cards are tried" in story
    assert "Write to help@example.com if you want it." in story
    assert "Use another card" not in story
    assert f"{pages(order)}pay" not in story
    mail = Message.objects.filter(kind="order_pay").latest("pk")
    assert "Write to help@example.com if you want it." in mail.text
    for said in (mail.text, mail.html):
        assert "/pay" not in said
    groups = signed_in("Support").get("/admin/checkout/order/trouble/").context["groups"]
    assert "cards-used-up" in [group.kind.slug for group in groups]


def test_an_address_that_was_refused_often_has_to_wait_everywhere(
    robe: Drop, sandbox: SandboxServer, texts: None
) -> None:
    orders = [refused(robe, sandbox, number) for number in range(4)]
    answer = at(HERE).post(f"{pages(orders[0])}card", {"confirmation_token": "ctoken_x"})
    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= 3600
    assert "Too many cards were refused from where you are." in answer.content.decode()
    assert at(HERE).post(f"{pages(orders[0])}pay").status_code == 429
    assert fresh(orders[0]).payment.attempt == 1, "its card was not even taken"
    Drop.objects.update(hold_from="cart")
    told = agree(placing(robe), robe, confirmation_token="ctoken_x")
    assert (told.status_code, "<p data-detail>Too many cards were refused" in told.content.decode()) == (429, True)
    assert int(told["Retry-After"]) >= 1
    assert JournalEntry.objects.filter(verb="refused_often_address").count() == 1
    other = at(ELSEWHERE).post(f"{pages(orders[0])}card", {"confirmation_token": "ctoken_x"})
    assert other.status_code == 302, "the same order, from elsewhere"


def placing(robe: Drop) -> Client:
    browser = with_cart(robe)
    browser.defaults["REMOTE_ADDR"] = HERE
    return browser


def test_the_api_answers_slow_down(robe: Drop, sandbox: SandboxServer, texts: None) -> None:
    for number in range(4):
        refused(robe, sandbox, number)
    agreed = fan.quoted(robe, at=clock())
    body = {
        "quote": agreed.token,
        "agreed_total": agreed.total.as_json(),
        "lines": [{"sku": "ROBE-M", "quantity": 1}],
        "email": "new@example.com",
        "name": "New",
        "address": {"line1": "x", "city": "x", "postal_code": "1", "country": "US"},
        "policies": [{"id": text.id, "sha256": text.sha256, "accepted": True} for text in agreed.policies],
        "confirmation_token": "ctoken_x",
    }
    address = f"/api/v1/drops/{robe.slug}/orders"
    browser = at(HERE)
    answer = browser.post(address, body, content_type="application/json", headers={"Idempotency-Key": "one"})
    assert (answer.status_code, answer.json()["type"]) == (429, "slow-down")
    assert int(answer["Retry-After"]) >= 1
    without = body | {"confirmation_token": None}
    placed = browser.post(address, without, content_type="application/json", headers={"Idempotency-Key": "two"})
    assert placed.status_code == 201, "an order that brings no card is taken"


def test_an_order_that_stands_is_answered_again_where_no_card_is_taken(
    robe: Drop, sandbox: SandboxServer, texts: None
) -> None:
    """Its first answer was lost. Sending it again tries no card; only a new order would."""
    agreed = fan.quoted(robe, at=clock())
    wanted = fan.request(agreed, confirmation_token=fan.card(sandbox), idempotency_key="the-first")
    person = fan.PERSON
    first = order_once(robe, wanted, person=person, now=clock())
    for number in range(4):
        refused(robe, sandbox, number)
    again = order_once(robe, replace(wanted, confirmation_token="ctoken_of_the_retry"), person=person, now=clock())
    assert (again.replayed, again.token, again.reply) == (True, first.token, first.reply)
    with pytest.raises(KeyReused):
        order_once(robe, replace(wanted, contact=fan.somebody("else@example.com")), person=person, now=clock())
    with pytest.raises(TooManyCards):
        order_once(robe, replace(wanted, idempotency_key="another"), person=person, now=clock())
    with pytest.raises(Invalid):
        order_once(robe, replace(wanted, idempotency_key="\0"), person=person, now=clock())


def test_a_retry_of_the_api_gets_its_identical_201_where_no_card_is_taken(
    robe: Drop, sandbox: SandboxServer, texts: None
) -> None:
    agreed = fan.quoted(robe, at=clock())
    body = {
        "quote": agreed.token,
        "agreed_total": agreed.total.as_json(),
        "lines": [{"sku": "ROBE-M", "quantity": 1}],
        "email": "first@example.com",
        "name": "First",
        "address": {"line1": "x", "city": "x", "postal_code": "1", "country": "US"},
        "policies": [{"id": text.id, "sha256": text.sha256, "accepted": True} for text in agreed.policies],
        "confirmation_token": fan.card(sandbox),
    }
    asked = partial(at(HERE).post, f"/api/v1/drops/{robe.slug}/orders", body, content_type="application/json")
    first = asked(headers={"Idempotency-Key": "one"})
    for number in range(4):
        refused(robe, sandbox, number)
    again = asked(headers={"Idempotency-Key": "one"})
    assert (first.status_code, again.status_code, first.content) == (201, 201, again.content)
    assert asked(headers={"Idempotency-Key": "two"}).status_code == 429


def test_many_who_pay_well_behind_one_address_are_never_slowed_down(
    robe: Drop, sandbox: SandboxServer, texts: None
) -> None:
    for number in range(5):
        fan.placed(
            robe,
            at=clock(),
            confirmation_token=fan.card(sandbox),
            contact=fan.somebody(f"fan{number}@example.com"),
        )
    payments.drain(clock)
    attempts.require_address(fan.PERSON.ip)
    assert Order.objects.filter(state=OrderState.CONFIRMED).count() == 5


def test_one_card_that_is_refused_in_many_orders_is_told_to_staff_once(robe: Drop, sandbox: SandboxServer) -> None:
    for number in range(4):
        refused(robe, sandbox, number)
    entry = JournalEntry.objects.get(verb="refused_often_card")
    assert entry.why == "2 refusals of one card in an hour: somebody may be trying stolen cards"


def test_one_refusal_that_is_heard_of_twice_counts_once(robe: Drop, sandbox: SandboxServer, texts: None) -> None:
    order = refused(robe, sandbox)
    for _ in range(5):
        payments.look_again(order.pk, now=clock())
        payments.drain(clock)
    assert fresh(order).payment.cards_refused == 1
    attempts.require_address(fan.PERSON.ip)


def test_a_shop_without_a_policy_is_guarded_too(robe: Drop, sandbox: SandboxServer) -> None:
    for number in range(4):
        refused(robe, sandbox, number)
    assert not AcceptancePerson.objects.exists()
    with pytest.raises(TooManyCards):
        attempts.require_address(fan.PERSON.ip)


def test_while_redis_is_away_each_process_counts_alone(
    robe: Drop, sandbox: SandboxServer, texts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(name: str) -> None:
        raise RedisError

    monkeypatch.setattr(moving_windows, "shared", away)
    for number in range(4):
        refused(robe, sandbox, number)
    with pytest.raises(TooManyCards):
        attempts.require_address(fan.PERSON.ip)
    attempts.require_address("198.51.100.9")
    attempts.require_address(None)
    moving_windows.alone(attempts.NAME).storage.reset()


def test_the_address_of_one_link_is_kept_without_its_interface(robe: Drop, texts: None) -> None:
    """In one room a phone may come from ``fe80::1%eth0``, which is no address to the database."""
    body = json.dumps(body_of(quoted()))
    browser = Client(REMOTE_ADDR="fe80::1%eth0")
    answer = browser.post(f"{API}/orders", body, content_type="application/json", headers={"idempotency-key": "k"})
    assert answer.status_code == 201
    assert AcceptancePerson.objects.get().ip == "fe80::1"
