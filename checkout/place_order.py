"""One request, one commit: from an agreed quote to a placed order with its units held.

The order of the steps is the design. The idempotency key comes first, so that a twin waits for us and then repeats our
answer. The stock rows come last: during a drop everybody wants the same one, and its lock must be held for as short as
possible. The payment provider is not called here at all; a worker is woken after the commit.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Literal

from django.db import OperationalError, transaction
from psycopg.errors import LockNotAvailable

from checkout import allowances, free, pickup
from checkout.carts import Clock, become_order, clock_of, contents, lock_cart, refuse_closed
from checkout.contact import Contact
from checkout.errors import (
    Busy,
    CheckoutError,
    Invalid,
    KeyInFlight,
    KeyReused,
    PoliciesChanged,
    Restricted,
    TotalChanged,
)
from checkout.models import Cart, IdempotencyKey, Order, OrderLine, OrderState, Payment, Redemption
from checkout.pricing import Wanted, merged
from checkout.quote import PICKUP, Agreed, Quote, agree, open_token, quote
from checkout.tokens import body_hmac, hashed, new_nonce, new_reference, order_token
from checkout.totals import redemptions, tables as totals_tables
from drops import stock, terms as drop_terms, windows
from drops.models import Drop, OwnerKind
from drops.stock import Owner
from drops.terms import Terms
from merchant import journal, rows
from merchant.money import Money
from merchant.wake import wake
from policies import acceptance, decisions, seen
from policies.acceptance import Answer, Occasion, Person
from policies.errors import PolicyChanged, PolicyUnanswered
from policies.models import Surface
from policies.places import Where
from policies.rules import Asked
from policies.shown import ShownPolicy

MAX_KEY = 255
LOCK_TIMEOUT = "3s"
PaymentMethod = Literal["card", "pickup"]
PAYMENT_TOKEN = re.compile(r"[A-Za-z0-9_]{0,120}")


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """Everything a fan sends with an order, whichever door it came through."""

    idempotency_key: str
    quote: str
    agreed_total: Money
    lines: tuple[Wanted, ...]
    contact: Contact
    shipping_option: str
    answers: tuple[Answer, ...]
    confirmation_token: str
    surface: Surface
    cart_id: int | None = None
    payment_method: PaymentMethod = "card"
    discount_code: str = ""
    birth_date: date | None = None
    of_age: bool = False
    seen: str = ""  # what a refusal for a changed text gave back: the answers before

    def fingerprint(self) -> str:
        """Tells one body from another. Without the payment token: a retry may bring a new one, the first is used."""
        return body_hmac(rows.as_json(replace(self, confirmation_token="", idempotency_key="")))


@dataclass(frozen=True, slots=True)
class Placed:
    """The answer to an order. A replay gets the same one, word for word."""

    token: str
    reply: dict[str, Any]
    replayed: bool


def place_order(drop: Drop, request: OrderRequest, *, person: Person, now: datetime) -> Placed:
    """Place the order once, hold its units, and wake the worker who pays.

    The same key and body again get the identical answer. Any refusal undoes everything, the key included.

    Raises KeyReused, KeyInFlight, NotOpen, Invalid, UnknownOffer, LimitReached, Restricted, QuoteExpired, TotalChanged,
    PoliciesChanged, PolicyUnanswered, AgeRequired, AlreadyOrdered, HoldEnded, SoldOut and Busy. What a rule refused is
    on record.
    """
    _require_key(request)
    if not PAYMENT_TOKEN.fullmatch(request.confirmation_token):
        raise Invalid({"confirmation_token": "This is not a payment token. Enter your card again."})
    try:
        with _waiting_means(Busy()), transaction.atomic(durable=True):
            claimed, terms = _claim_key(drop, request)
            if claimed is None:
                return _replay(drop, request)
            wake("payments")  # once it has committed
            return _place(terms, request, claimed, person, now)
    except Restricted as refusal:
        decisions.refused(refusal.verdict, now=now)
        raise


def standing(drop: Drop, request: OrderRequest) -> Placed | None:
    """The answer that this very request got before, or None. Raises Invalid and KeyReused."""
    _require_key(request)
    stands = Order.objects.filter(idempotency_key__drop=drop, idempotency_key__key=request.idempotency_key).exists()
    return _replay(drop, request) if stands else None


def _require_key(request: OrderRequest) -> None:
    if not 1 <= len(request.idempotency_key) <= MAX_KEY or not request.idempotency_key.isprintable():
        raise Invalid({"idempotency_key": f"Between 1 and {MAX_KEY} printable characters."})


def _claim_key(drop: Drop, request: OrderRequest) -> tuple[tuple[int, int] | None, Terms]:
    """Insert the key, and read what the drop sells; nothing beside it when the key stands already.

    What is beside it: the key's id, and the version of the shop's tables of totals. A twin in flight is waited for on
    the unique index. From here on no lock of this transaction is waited for longer than ``LOCK_TIMEOUT``.
    """
    claim = f"""patience AS (SELECT set_config('lock_timeout', %s, true)),
               claimed AS (INSERT INTO checkout_idempotencykey (drop_id, key, body_hmac)
                           SELECT %s, %s, %s FROM patience
                           ON CONFLICT (drop_id, key) DO NOTHING RETURNING id),
               beside AS (SELECT ARRAY[id, {totals_tables.VERSION}] FROM claimed)"""  # noqa: S608  # our own words
    with _waiting_means(KeyInFlight()):
        values = [LOCK_TIMEOUT, drop.pk, request.idempotency_key, request.fingerprint()]
        return drop_terms.read_beside(drop.pk, claim, values)


@contextmanager
def _waiting_means(refusal: CheckoutError) -> Iterator[None]:
    """Turn a lock that was waited for too long into a refusal that says what to do."""
    try:
        yield
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise refusal from error
        raise


def _replay(drop: Drop, request: OrderRequest) -> Placed:
    key = IdempotencyKey.objects.select_related("order").get(drop=drop, key=request.idempotency_key)
    if key.body_hmac != request.fingerprint():
        raise KeyReused
    return Placed(order_token(key.order.token_nonce), key.order.placed_reply, replayed=True)


def _place(terms: Terms, request: OrderRequest, claimed: tuple[int, int], person: Person, now: datetime) -> Placed:
    key_id, tables_version = claimed
    drop = terms.drop
    windows.require_open(drop, now, terms.windows)
    wanted = merged(request.lines)
    opened = open_token(request.quote)
    quoted = partial(
        quote,
        drop,
        wanted,
        country=request.contact.address.country,
        region=request.contact.address.region,
        postal_code=request.contact.address.postal_code,
        shipping_option=request.shipping_option,
        discount_code=request.discount_code,
        now=now,
        terms=terms,
        tables=totals_tables.at(tables_version),
        ask_tax=opened.tax_of,
        asked=_asked(request, person),
        language=opened.language,
    )
    fresh = quoted(withheld=opened.withheld)
    agreed = agree(drop, opened, request.agreed_total, fresh)
    kept_until = _kept_until(drop, request)
    shown = _shown_texts(drop, fresh, agreed, request, now)
    cart = _locked_cart(request, wanted)
    if refused := redemptions.take(fresh.discounts, request.contact.email):
        raise TotalChanged(quoted(withheld=opened.withheld | refused))
    order = _order(drop, request, fresh, key_id=key_id, cart=cart, now=now)
    proofs = acceptance.proofs(
        order.reference,
        shown,
        request.answers,
        Occasion(request.surface, shown_at=agreed.shown_at, answered_at=now, person=person),
        seen.read(drop.slug, request.seen),
    )
    proofs |= decisions.proof(order.reference, fresh.verdict, now=now)
    order.pk = _write(order, fresh, request, proofs)
    _take_units(order, cart, fresh, terms, now)
    if kept_until is not None:
        pickup.confirm(order, kept_until, now=now)
    elif not order.total_minor:
        free.confirm(order, now=now)
    return Placed(order_token(order.token_nonce), order.placed_reply, replayed=False)


def _asked(request: OrderRequest, person: Person) -> Asked:
    address = request.contact.address
    where = Where(address.country, address.region, address.postal_code)
    return Asked(where, ip_place=person.place, born=request.birth_date, attested=request.of_age, whole=True)


def _kept_until(drop: Drop, request: OrderRequest) -> datetime | None:
    """For an order that is paid at pick-up: until when it is kept. Raises Invalid where that is not possible."""
    if request.payment_method == "pickup":
        return pickup.require_allowed(drop, request.shipping_option)
    if request.shipping_option == PICKUP:
        raise Invalid({"payment_method": "What you pick up is paid then: choose payment at pick-up."})
    return None


def _shown_texts(drop: Drop, fresh: Quote, agreed: Agreed, request: OrderRequest, now: datetime) -> list[ShownPolicy]:
    """What the fan was really shown. A text that came after their quote is a change, not a missing answer."""
    try:
        return acceptance.check(fresh.policies, request.answers)
    except PolicyChanged as changed:
        raise _changed(drop, fresh, agreed, request, now) from changed
    except PolicyUnanswered as unanswered:
        if any(policy.slug not in agreed.policy_slugs for policy in unanswered.missing):
            raise _changed(drop, fresh, agreed, request, now) from unanswered
        raise


def _changed(drop: Drop, fresh: Quote, agreed: Agreed, request: OrderRequest, now: datetime) -> PoliciesChanged:
    answers = tuple(answer for answer in request.answers if answer.slug in agreed.policy_slugs)
    before = seen.seal(
        drop.slug, answers, fresh.policies, shown_at=agreed.shown_at, answered_at=now, before=request.seen
    )
    return PoliciesChanged(fresh, before, answers)


def _locked_cart(request: OrderRequest, wanted: tuple[Wanted, ...]) -> Cart | None:
    if request.cart_id is None:
        return None
    cart = lock_cart(request.cart_id)
    refuse_closed(cart)
    if contents(cart) != wanted:
        raise Invalid({"lines": "Your cart changed in another tab. Look at it again, then order."})
    return cart


def _order(drop: Drop, request: OrderRequest, fresh: Quote, *, key_id: int, cart: Cart | None, now: datetime) -> Order:
    clock = clock_of(cart, drop, now)
    nonce = new_nonce()
    return Order(
        reference=new_reference(),
        token_hash=hashed(order_token(nonce)),
        token_nonce=nonce,
        idempotency_key_id=key_id,
        drop=drop,
        cart=cart,
        state=OrderState.PLACED,
        email=request.contact.email,
        name=request.contact.name,
        phone=request.contact.phone,
        address=request.contact.address.as_json(),
        shipping_option=fresh.shipping_option,
        shipping_title=fresh.shipping_title,
        subtotal_minor=fresh.subtotal_minor,
        shipping_minor=fresh.shipping_minor,
        discount_minor=fresh.discount_minor,
        tax_minor=fresh.tax_minor,
        tax_added_minor=fresh.tax_added_minor,
        tax_title=fresh.tax_title,
        total_minor=fresh.total_minor,
        currency=fresh.currency,
        placed_reply=_reply(fresh, clock, request),
        placed_at=now,
        state_since=now,
        hold_expires_at=clock.expires_at,
        hard_cap_at=clock.hard_cap_at,
        deferral_ends_at=now + timedelta(minutes=drop.deferral_minutes),
    )


def _write(order: Order, fresh: Quote, request: OrderRequest, proofs: dict[str, rows.Insert]) -> int:
    """What counts against its person, the order, its lines, its payment, the proof of what was shown and its line in
    the journal: one statement. Its foreign keys are checked with it, before the hot rows are touched.

    Raises LimitReached.
    """
    lines = [
        {
            "offer_id": line.offer_id,
            "sku": line.sku,
            "title": line.title,
            "unit_price_minor": line.unit_minor,
            "quantity": line.quantity,
            "discount_minor": line.discount_minor,
            "tax_minor": line.tax_minor,
            "tax_added_minor": line.tax_added_minor,
        }
        for line in fresh.lines
    ]
    used = [
        {"discount_id": one.discount_id, "title": one.title, "code": one.code, "amount_minor": one.amount_minor}
        for one in fresh.discounts
    ]
    payment = {"confirmation_token": request.confirmation_token, "due_at": order.placed_at}
    its_order = rows.Parent("order_id", "(SELECT id FROM placed)")
    keys = allowances.person_keys(request.contact)
    order_id, counted = rows.write(
        "SELECT id, ARRAY(SELECT offer_id FROM counted) FROM placed",
        counted=allowances.take(fresh.lines, keys),
        placed=rows.insert(Order, [rows.of(order)]),
        lines=rows.insert(OrderLine, lines, its_order),
        payment=rows.insert(Payment, [payment], its_order),
        **({"used": rows.insert(Redemption, used, its_order)} if used else {}),
        deed=journal.deed(order.subject, "placed", actor=journal.FAN),
        **proofs,
    )
    allowances.require_all(fresh.lines, keys, counted)
    return int(order_id)


def _reply(fresh: Quote, clock: Clock, request: OrderRequest) -> dict[str, Any]:
    at_once = request.payment_method == "pickup" or not fresh.total_minor
    state = OrderState.CONFIRMED if at_once else OrderState.PLACED
    return {
        "status": state.value,
        "total": fresh.total.as_json(),
        "hold_expires_at": clock.expires_at.isoformat().replace("+00:00", "Z"),
    }


def _take_units(order: Order, cart: Cart | None, fresh: Quote, terms: Terms, now: datetime) -> None:
    if cart is not None:
        become_order(cart, order, [(line.offer_id, line.quantity) for line in fresh.lines], now=now)
        return
    owner = Owner(OwnerKind.ORDER, order.reference)
    wanted = terms.needs((line.sku, line.quantity) for line in fresh.lines)
    stock.hold(wanted, owner=owner, expires_at=order.hold_expires_at, hard_cap_at=order.hard_cap_at)
