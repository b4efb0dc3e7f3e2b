"""A guest's cart in one drop. Adding takes the hold where the drop says so; editing never lengthens it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from checkout import deadlocks, orders
from checkout.errors import AlreadyOrdered, HoldEnded
from checkout.models import Cart, CartLine, Order
from checkout.pricing import Wanted, merged, price_lines
from checkout.tokens import hashed, new_cart_token
from drops import awaited, stock, terms, windows
from drops.errors import HoldExpired, SoldOut
from drops.models import Drop, HoldFrom, OwnerKind
from drops.stock import Owner
from policies.models import Surface


@dataclass(frozen=True, slots=True)
class Clock:
    """When a hold that starts at ``start`` ends, and the latest it may ever end."""

    expires_at: datetime
    hard_cap_at: datetime

    @classmethod
    def starting(cls, drop: Drop, start: datetime) -> "Clock":
        return cls(start + timedelta(minutes=drop.hold_minutes), start + timedelta(minutes=drop.hard_cap_minutes))


def owner_of(cart: Cart) -> Owner:
    return Owner(OwnerKind.CART, str(cart.pk))


def holds_units(cart: Cart, drop: Drop) -> bool:
    """Whether what is in it is held: as the drop says, and always what the waiting list offered."""
    return cart.offered or drop.hold_from == HoldFrom.CART


def open_cart(token: str, drop: Drop) -> Cart | None:
    """The guest's open cart in this drop, or None."""
    return Cart.objects.filter(token_hash=hashed(token), drop=drop, closed_at=None).first() if token else None


def by_token(token: str) -> Cart | None:
    """The cart whose secret this is, one that became an order too, or None."""
    return Cart.objects.select_related("drop").filter(token_hash=hashed(token)).first() if token else None


def ordered_from(token: str, drop: Drop) -> Order | None:
    """The order that the guest's cart in this drop became, or None."""
    return Order.objects.filter(cart__token_hash=hashed(token), cart__drop=drop).first() if token else None


@deadlocks.tried_again
def add(drop: Drop, sku: str, quantity: int, *, token: str, now: datetime, first_token: str = "") -> tuple[Cart, str]:
    """Put ``quantity`` more of a SKU into the guest's cart, starting one where there is none; return it and its token.

    ``first_token``: the token that a first cart of this browser gets, whichever of its clicks comes first, so that two
    at once, when neither knows of a cart yet, fill the same one instead of holding units twice.

    Raises NotOpen, UnknownOffer, LimitReached, SoldOut, Invalid, and HoldExpired where the cart's time is up and
    somebody waits for what it kept; then nothing has changed.
    """
    windows.require_open(drop, now)
    with transaction.atomic(durable=True):
        cart = open_cart(token, drop)
        if cart is None:
            cart, token = _start(drop, first_token)
        cart = lock_cart(cart.pk)
        refuse_closed(cart)
        wanted = {line.sku: line.quantity for line in contents(cart)}
        wanted[sku] = wanted.get(sku, 0) + quantity
        _rewrite(cart, wanted, now)
    return cart, token


@deadlocks.tried_again
def start(drop: Drop, wanted: Sequence[Wanted], *, now: datetime) -> tuple[Cart, str]:
    """A new cart with all of this in it, or none at all, for a front end at the API; return it and its token. Raises
    what ``add`` raises."""
    windows.require_open(drop, now)
    token = new_cart_token()
    with transaction.atomic(durable=True):
        cart = lock_cart(Cart.objects.create(token_hash=hashed(token), drop=drop, surface=Surface.API).pk)
        _rewrite(cart, _by_sku(wanted), now)
    return cart, token


@deadlocks.tried_again
def fill(cart: Cart, wanted: Sequence[Wanted], *, now: datetime) -> None:
    """Make this, and nothing else, what the cart holds; nothing at all frees its units. Raises what ``add`` raises."""
    if wanted:
        windows.require_open(cart.drop, now)
    with transaction.atomic(durable=True):
        cart = lock_cart(cart.pk)
        refuse_closed(cart)
        if _by_sku(wanted) != _by_sku(contents(cart)):
            _rewrite(cart, _by_sku(wanted), now)


def _start(drop: Drop, first_token: str) -> tuple[Cart, str]:
    if first_token:
        # A twin waits on the unique index, and then finds this very cart.
        cart, _ = Cart.objects.get_or_create(token_hash=hashed(first_token), defaults={"drop": drop})
        if cart.closed_at is None:
            return cart, first_token
    token = new_cart_token()
    return Cart.objects.create(token_hash=hashed(token), drop=drop), token


@deadlocks.tried_again
def change(cart: Cart, sku: str, quantity: int, *, now: datetime) -> None:
    """Set how many of a SKU the cart holds; 0 takes the line out. Raises what ``add`` raises."""
    with transaction.atomic(durable=True):
        cart = lock_cart(cart.pk)
        refuse_closed(cart)
        wanted = {line.sku: line.quantity for line in contents(cart)}
        before = wanted.get(sku, 0)
        if before == quantity:
            return
        if quantity > before:  # what is in it may be taken out at any time
            windows.require_open(cart.drop, now)
        wanted[sku] = quantity
        _rewrite(cart, {sku: number for sku, number in wanted.items() if number != 0}, now)


@deadlocks.tried_again
def extend(cart: Cart, *, now: datetime) -> datetime:
    """The fan asks for more time: what is held stays held for the drop's hold time from now, at most to the hard cap.

    Returns when it ends now, never earlier than before. Raises HoldExpired when nothing is held any more.
    """
    with transaction.atomic(durable=True):
        cart = lock_cart(cart.pk)
        refuse_closed(cart)
        if cart.expires_at is None or cart.expires_at <= now:
            raise HoldExpired
        cart.expires_at = stock.prolong(owner_of(cart), now + timedelta(minutes=cart.drop.hold_minutes))
        cart.save(update_fields=["expires_at"])
        return cart.expires_at


def keep(cart: Cart, *, now: datetime) -> None:
    """Keep what is held for longer, up to the hard cap; take again what ended. Raises what ``add`` raises."""
    try:
        extend(cart, now=now)
    except HoldExpired:
        take_again(cart, now=now)


@deadlocks.tried_again
def take_again(cart: Cart, *, now: datetime) -> None:
    """The hold ended: take what is in the cart once more, with a new clock. Raises what ``add`` raises."""
    windows.require_open(cart.drop, now)
    with transaction.atomic(durable=True):
        cart = lock_cart(cart.pk)
        refuse_closed(cart)
        _rewrite(cart, {line.sku: line.quantity for line in contents(cart)}, now)


def contents(cart: Cart) -> tuple[Wanted, ...]:
    """What is in the cart, by SKU."""
    lines = cart.lines.order_by("offer__variant__sku").values_list("offer__variant__sku", "quantity")
    return tuple(Wanted(sku, quantity) for sku, quantity in lines)


def become_order(cart: Cart, order: Order, needs: list[stock.Need], *, now: datetime) -> None:
    """Hand a locked, open cart's holds to the order that it becomes. Where they were freed they are taken again, and
    whatever of ``needs`` they do not cover, because carts of this drop did not hold when it was put in, is taken now.

    Raises HoldEnded when the stock does not allow them any more, or their time is up and somebody waits for them, and
    SoldOut for what was never held.
    """
    ended = cart.expires_at is not None and cart.expires_at <= now
    if ended and awaited.claimed_here(need.stock_item_id for need in needs):
        raise HoldEnded  # however soon after: the sweep has only not come yet
    Cart.objects.filter(pk=cart.pk).update(closed_at=now, expires_at=None)
    to = orders.owner_of(order)
    try:
        stock.hand_over(owner_of(cart), to, expires_at=order.hold_expires_at, hard_cap_at=order.hard_cap_at)
    except HoldExpired:
        _hold_anew(cart, to, order, needs)
    else:
        stock.change(needs, owner=to, expires_at=order.hold_expires_at, hard_cap_at=order.hard_cap_at)


def _hold_anew(cart: Cart, to: Owner, order: Order, needs: list[stock.Need]) -> None:
    try:
        stock.hold(needs, owner=to, expires_at=order.hold_expires_at, hard_cap_at=order.hard_cap_at)
    except SoldOut as sold_out:
        if holds_units(cart, cart.drop):
            raise HoldEnded from sold_out
        raise


def clock_of(cart: Cart | None, drop: Drop, now: datetime) -> Clock:
    """The clock an order inherits: the cart's where it holds units, else one that starts now."""
    if cart is None or not holds_units(cart, drop) or cart.expires_at is None or cart.expires_at <= now:
        return Clock.starting(drop, now)
    started = cart.expires_at - timedelta(minutes=drop.hold_minutes)  # true of a cart that was never extended
    return Clock(cart.expires_at, cart.hard_cap_at or started + timedelta(minutes=drop.hard_cap_minutes))


def lock_cart(cart_id: int) -> Cart:
    return Cart.objects.select_for_update(of=("self",)).select_related("drop").get(pk=cart_id)


def refuse_closed(cart: Cart) -> None:
    """Raise AlreadyOrdered for a cart that has become an order, HoldEnded for an offer whose fan left the list."""
    if not cart.closed_at:
        return
    order = Order.objects.filter(cart=cart).first()
    raise AlreadyOrdered(order) if order else HoldEnded


def _by_sku(wanted: Sequence[Wanted]) -> dict[str, int]:
    return {line.sku: line.quantity for line in (merged(wanted) if wanted else ())}


def _rewrite(cart: Cart, wanted: dict[str, int], now: datetime) -> None:
    merged_lines = merged([Wanted(*pair) for pair in wanted.items()]) if wanted else ()
    lines = price_lines(terms.read(cart.drop_id), merged_lines) if wanted else ()
    cart.lines.all().delete()
    CartLine.objects.bulk_create(CartLine(cart=cart, offer_id=line.offer_id, quantity=line.quantity) for line in lines)
    if holds_units(cart, cart.drop):
        _rewrite_holds(cart, [(line.offer_id, line.quantity) for line in lines], now)


def _rewrite_holds(cart: Cart, lines: list[tuple[int, int]], now: datetime) -> None:
    clock, owner = clock_of(cart, cart.drop, now), owner_of(cart)  # the clock of the first unit goes on
    times = {"expires_at": clock.expires_at, "hard_cap_at": clock.hard_cap_at}
    if lines and cart.expires_at is not None and cart.expires_at <= now:  # ended but not yet freed
        if awaited.claimed_here(kept.stock_item_id for kept in stock.holds_of(owner)):
            raise HoldExpired  # it is theirs who wait for it
        with suppress(HoldExpired):
            stock.hand_over(owner, owner, **times)  # taken again, with a new clock
    stock.change(stock.needs(lines), owner=owner, **times)
    cart.expires_at, cart.hard_cap_at = (clock.expires_at, clock.hard_cap_at) if lines else (None, None)
    cart.save(update_fields=["expires_at", "hard_cap_at"])
