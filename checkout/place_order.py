"""One request, one commit: from an agreed quote to a placed order with its units held.

The order of the steps is the design. The idempotency key comes first, so that a twin waits for us and then repeats our
answer. The stock rows come last: during a drop everybody wants the same one, and its lock must be held for as short as
possible. The payment provider is not called here at all; a worker is woken after the commit.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

from checkout import allowances, free, pickup
from checkout.carts import Clock, become_order, clock_of, contents, lock_cart, refuse_closed
from checkout.contact import Contact
from checkout.errors import Busy, CheckoutError, Invalid, KeyInFlight, KeyReused, PoliciesChanged
from checkout.models import Cart, IdempotencyKey, Order, OrderLine, OrderState, Payment
from checkout.pricing import Wanted, merged
from checkout.quote import PICKUP, Agreed, Quote, agree, language_of, quote
from checkout.tokens import body_hmac, hashed, new_nonce, new_reference, order_token
from drops import stock, terms as drop_terms, windows
from drops.models import Drop, OwnerKind
from drops.stock import Owner
from drops.terms import Terms
from merchant import journal, rows
from merchant.money import Money
from merchant.wake import wake
from policies import acceptance, seen
from policies.acceptance import Answer, Occasion, Person
from policies.errors import PolicyChanged, PolicyUnanswered
from policies.models import Surface
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
    seen: str = ""  # what a refusal for a changed text gave back: the answers before

    def fingerprint(self) -> str:
        """Tells one body from another. Without the payment token: a retry may bring a new one, the first is used."""
        return body_hmac(repr(replace(self, confirmation_token="", idempotency_key="")))


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
    PoliciesChanged, PolicyUnanswered, AlreadyOrdered, HoldEnded, SoldOut and Busy.
    """
    if not 1 <= len(request.idempotency_key) <= MAX_KEY or not request.idempotency_key.isprintable():
        raise Invalid({"idempotency_key": f"Between 1 and {MAX_KEY} printable characters."})
    if not PAYMENT_TOKEN.fullmatch(request.confirmation_token):
        raise Invalid({"confirmation_token": "This is not a payment token. Enter your card again."})
    with _waiting_means(Busy()), transaction.atomic(durable=True):
        key_id = _claim_key(drop, request)
        if key_id is None:
            return _replay(drop, request)
        wake("payments")  # once it has committed
        return _place(drop, request, key_id, person, now)


def _claim_key(drop: Drop, request: OrderRequest) -> int | None:
    """Insert the key; None when it stands already. A twin in flight is waited for on the unique index.

    From here on no lock of this transaction is waited for longer than ``LOCK_TIMEOUT``.
    """
    sql = """WITH patience AS (SELECT set_config('lock_timeout', %s, true))
             INSERT INTO checkout_idempotencykey (drop_id, key, body_hmac) SELECT %s, %s, %s FROM patience
             ON CONFLICT (drop_id, key) DO NOTHING RETURNING id"""
    with connection.cursor() as cursor, _waiting_means(KeyInFlight()):
        cursor.execute(sql, [LOCK_TIMEOUT, drop.pk, request.idempotency_key, request.fingerprint()])
        row = cursor.fetchone()
    return row[0] if row else None


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


def _place(drop: Drop, request: OrderRequest, key_id: int, person: Person, now: datetime) -> Placed:
    terms = drop_terms.read(drop.pk)
    drop = terms.drop
    windows.require_open(drop, now, terms.windows)
    wanted = merged(request.lines)
    fresh = quote(
        drop,
        wanted,
        country=request.contact.address.country,
        region=request.contact.address.region,
        shipping_option=request.shipping_option,
        now=now,
        terms=terms,
        language=language_of(request.quote),
    )
    agreed = agree(drop, request.quote, request.agreed_total, fresh)
    kept_until = _kept_until(drop, request)
    shown = _shown_texts(drop, fresh, agreed, request, now)
    cart = _locked_cart(request, wanted)
    allowances.take(fresh.lines, request.contact)
    order = _order(drop, request, fresh, key_id=key_id, cart=cart, now=now)
    proofs = acceptance.proofs(
        order.reference,
        shown,
        request.answers,
        Occasion(request.surface, shown_at=agreed.shown_at, answered_at=now, person=person),
        seen.read(drop.slug, request.seen),
    )
    order.pk = _write(order, fresh, request.confirmation_token, proofs)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # every check done before the hot rows are touched
    _take_units(order, cart, fresh, terms, now)
    if kept_until is not None:
        pickup.confirm(order, kept_until, now=now)
    elif not order.total_minor:
        free.confirm(order, now=now)
    return Placed(order_token(order.token_nonce), order.placed_reply, replayed=False)


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
        subtotal_minor=fresh.subtotal_minor,
        shipping_minor=fresh.shipping_minor,
        tax_minor=fresh.tax_minor,
        total_minor=fresh.total_minor,
        currency=fresh.currency,
        placed_reply=_reply(fresh, clock, request),
        placed_at=now,
        state_since=now,
        hold_expires_at=clock.expires_at,
        hard_cap_at=clock.hard_cap_at,
        deferral_ends_at=now + timedelta(minutes=drop.deferral_minutes),
    )


def _write(order: Order, fresh: Quote, confirmation_token: str, proofs: dict[str, rows.Insert]) -> int:
    """The order, its lines, its payment, the proof of what was shown and its line in the journal: one statement."""
    lines = [
        OrderLine(
            offer_id=line.offer_id,
            sku=line.sku,
            title=line.title,
            unit_price_minor=line.unit_minor,
            quantity=line.quantity,
            tax_minor=line.tax_minor,
        )
        for line in fresh.lines
    ]
    payment = Payment(confirmation_token=confirmation_token, due_at=order.placed_at)
    its_order = rows.Parent("order_id", "(SELECT id FROM placed)")
    return rows.write(
        placed=rows.insert([order]),
        lines=rows.insert(lines, its_order),
        payment=rows.insert([payment], its_order),
        deed=journal.deed(order.subject, "placed", actor=journal.FAN),
        **proofs,
    )


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
