"""One request, one commit: from an agreed quote to a placed order with its units held.

The order of the steps is the design. The idempotency key comes first, so that a twin waits for us and then repeats our
answer. The stock rows come last: during a drop everybody wants the same one, and its lock must be held for as short as
possible. The payment provider is not called here at all; a worker is woken after the commit.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction

from checkout import deadlocks, free, order_keys, order_rows, pickup
from checkout.carts import become_order, contents, lock_cart, refuse_closed
from checkout.errors import Busy, Invalid, PoliciesChanged, QuoteExpired, Restricted, TotalChanged
from checkout.models import Cart, Order
from checkout.order_request import PAYMENT_TOKEN, OrderRequest, Placed
from checkout.orders import owner_of
from checkout.pricing import merged
from checkout.quote import LIFETIME, PICKUP, Agreed, Opened, Quote, agree, open_token, quote
from checkout.tokens import order_token
from checkout.totals import discounts, redemptions, tables as totals_tables
from drops import stock, windows
from drops.models import Drop
from drops.terms import Terms
from merchant.wake import wake
from policies import acceptance, decisions, meanwhile, seen
from policies.acceptance import Occasion, Person
from policies.errors import PolicyChanged, PolicyUnanswered
from policies.places import Where
from policies.rules import Asked
from policies.shown import ShownPolicy


def place_order(
    drop: Drop, request: OrderRequest, *, person: Person, now: datetime, quote_lasts: timedelta = LIFETIME
) -> Placed:
    """Place the order once, hold its units, and wake the worker who pays.

    The same key and body again get the identical answer. Any refusal undoes everything, the key included.
    ``quote_lasts``: how old its quote may be, where all that was agreed to still holds.

    Raises KeyReused, KeyInFlight, NotOpen, Invalid, UnknownOffer, LimitReached, Restricted, QuoteExpired, TotalChanged,
    PoliciesChanged, PolicyUnanswered, AgeRequired, AlreadyOrdered, HoldEnded, SoldOut and Busy. What a rule refused is
    on record, and so are the texts that a refusal asks to be agreed to.
    """
    order_keys.require(request)
    if not PAYMENT_TOKEN.fullmatch(request.confirmation_token):
        raise Invalid({"confirmation_token": "This is not a payment token. Enter your card again."})
    try:
        with order_keys.waiting_means(Busy()):
            return _place_once(drop, request, person, now, quote_lasts=quote_lasts)
    except (QuoteExpired, TotalChanged, PoliciesChanged) as refusal:
        meanwhile.keep(refusal.fresh.policies)
        raise
    except Restricted as refusal:
        decisions.refused(refusal.verdict, now=now)
        raise


@deadlocks.tried_again
def _place_once(drop: Drop, request: OrderRequest, person: Person, now: datetime, *, quote_lasts: timedelta) -> Placed:
    with transaction.atomic(durable=True):
        claimed, terms = order_keys.claim(drop, request)
        if claimed is None:
            return order_keys.replay(drop, request)
        wake("payments")  # once it has committed
        return _place(terms, request, claimed, person, now, quote_lasts=quote_lasts)


def _place(
    terms: Terms,
    request: OrderRequest,
    claimed: tuple[int, int],
    person: Person,
    now: datetime,
    *,
    quote_lasts: timedelta,
) -> Placed:
    key_id, tables_version = claimed
    drop = terms.drop
    windows.require_open(drop, now, terms.windows)
    opened = open_token(request.quote)
    quoted = _quoter(terms, request, opened, tables_version=tables_version, person=person, now=now)
    fresh = quoted(withheld=opened.withheld)
    agreed = agree(drop, opened, request.agreed_total, fresh, lasts=quote_lasts)
    kept_until = _kept_until(drop, request)
    shown = _shown_texts(drop, fresh, agreed, request, now)
    cart = _locked_cart(request)
    if refused := redemptions.take(fresh.discounts, request.contact.email):
        raise TotalChanged(quoted(withheld=opened.withheld | refused), discounts.why_not(fresh.discounts, refused))
    order = order_rows.new_order(drop, request, fresh, key_id=key_id, cart=cart, now=now)
    occasion = Occasion(request.surface, shown_at=agreed.shown_at, answered_at=now, person=person)
    earlier = seen.read(drop.slug, request.seen)
    proofs = acceptance.proofs(order.reference, shown, request.answers, occasion, earlier)
    proofs |= decisions.proof(order.reference, fresh.verdict, now=now)
    order.pk = order_rows.write(order, fresh, request, proofs, ip=person.ip)
    needs = terms.needs((line.sku, line.quantity) for line in fresh.lines)
    at_once = _confirm_at_once(order, kept_until, needs, now)
    _take_units(order, cart, needs, now)
    if at_once:
        stock.commit(owner_of(order))
    return Placed(order_token(order.token_nonce), order.placed_reply, replayed=False)


def _quoter(
    terms: Terms, request: OrderRequest, opened: Opened, *, tables_version: int, person: Person, now: datetime
) -> Callable[..., Quote]:
    """What this order costs now; to be asked again without the discounts that are ``withheld``."""
    address = request.contact.address
    return partial(
        quote,
        terms.drop,
        merged(request.lines),
        country=address.country,
        region=address.region,
        postal_code=address.postal_code,
        shipping_option=request.shipping_option,
        discount_code=request.discount_code,
        now=now,
        terms=terms,
        tables=totals_tables.at(tables_version),
        ask_tax=opened.tax_of,
        asked=_asked(request, person),
        language=opened.language,
    )


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
        drop.slug,
        answers,
        fresh.policies,
        shown_at=agreed.shown_at,
        answered_at=now,
        asked_language=fresh.language,
        before=request.seen,
    )
    return PoliciesChanged(fresh, before, answers)


def _locked_cart(request: OrderRequest) -> Cart | None:
    if request.cart_id is None:
        return None
    cart = lock_cart(request.cart_id)
    refuse_closed(cart)
    if contents(cart) != merged(request.lines):
        raise Invalid({"lines": "Your cart changed in another tab. Look at it again, then order."})
    return cart


def _confirm_at_once(order: Order, kept_until: datetime | None, needs: list[stock.Need], now: datetime) -> bool:
    """Whether its units are sold with the order: nothing of it has to be paid now. Its fan's row, which the receipt
    finds or makes, comes before the hot ones, as wherever an order is confirmed."""
    if kept_until is None and order.total_minor:
        return False
    if order.cart_id is None:
        stock.require_there(needs)  # or a mail would be written for each who comes when all is gone
    if kept_until is not None:
        pickup.confirm(order, kept_until, now=now)
    else:
        free.confirm(order, now=now)
    return True


def _take_units(order: Order, cart: Cart | None, needs: list[stock.Need], now: datetime) -> None:
    if cart is not None:
        become_order(cart, order, needs, now=now)
        return
    stock.hold(needs, owner=owner_of(order), expires_at=order.hold_expires_at, hard_cap_at=order.hard_cap_at)
