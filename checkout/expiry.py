"""When time is up: close what could still be paid, then free the units. Never the other way round.

This sweep alone frees holds, because only checkout knows what a hold is waiting for.
"""

import logging
import time
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from checkout import allowances, deadlocks, fallback, notify, settle
from checkout.carts import owner_of as cart_owner
from checkout.errors import GatewayError, GatewayRefused, IllegalMove
from checkout.gateway import IntentView
from checkout.leases import give_back, is_leased, leased_until, one_more_try
from checkout.models import Cart, Order, OrderState, Payment, PaymentState
from checkout.orders import CANCELLABLE, OPEN, held_until, hold_past_the_cap, lock_both, move_to, owner_of
from checkout.totals import redemptions
from drops import stock
from drops.models import Hold, HoldState, OwnerKind, StockItem
from merchant import journal

log = logging.getLogger(__name__)
BATCH = 200
MOST_ORDERS = 1000  # a sweep; each may wait for the provider, and whoever comes next takes the rest
MOST_FAILURES = 5  # then the provider is away, and asking on would keep a worker from its other work
CLOSABLE = {OrderState.EXPIRED: OPEN, OrderState.CANCELLED: CANCELLABLE}
ASK_THE_BANK_AGAIN = timedelta(days=1)


def sweep(now: datetime) -> int:
    """Free the carts and close the orders whose time is up. Returns how many of both."""
    return free_carts(now) + close_ended(now)


def free_carts(now: datetime) -> int:
    """Free the carts whose time is up, and those that hold what is missing. Returns how many. Asks nobody."""
    freed = _free_carts_of_missing_units()
    while batch := _free_carts(now):
        freed += batch
    return freed


def close_ended(now: datetime) -> int:
    """Close the orders whose time is up, at the provider first. Returns how many.

    An order that cannot be closed keeps its units and comes last the next time.
    """
    started, closed, failed = time.monotonic(), 0, 0
    for order_id in _ended(now):
        if failed == MOST_FAILURES:
            break
        try:
            # A lease counts from the moment it is taken, however long the orders before it took.
            closed += _close_ended(order_id, now + timedelta(seconds=time.monotonic() - started))
        except GatewayError as error:  # unconfirmed: the units stay
            failed += 1
            log.warning("sweep.not_closed", extra={"order": order_id, "why": repr(error)})
            Payment.objects.filter(order_id=order_id).update(tries=one_more_try())
    return closed


def close(order_id: int, into: OrderState, *, why: str, actor: str, now: datetime) -> bool:
    """End an order as *expired* or *cancelled* once the provider has confirmed that nothing can be paid any more.

    False when it must wait: somebody is paying it right now, or it turned out to be paid. Raises GatewayError when the
    provider did not confirm it (the units stay), and IllegalMove when the order is over already.
    """
    payment = _claim(order_id, into, now)
    if payment is None:
        return False
    paying = _close_at_the_provider(payment)
    if paying is not None:
        settle.settle_intent(order_id, paying, now=now)
        _wait_for_bank(order_id, now)
        give_back(payment.pk, payment.leased_until)
        return False
    return _finish(payment, into, why=why, actor=actor, now=now)


def let_go(order_id: int, *, why: str, actor: str, now: datetime) -> bool:
    """Free the units of an order by a person's decision: the one case in which that does not wait for the provider's
    word. A bank has been paying it for days; or its time is up, and the provider says that it has nothing to close.

    It is cancelled at the provider where that is still possible. Where it is not, money that comes all the same is
    late, and goes the way that the shop has set for that. False when it turned out to be paid, or is asked about right
    now. Raises GatewayError when the provider did not answer, and IllegalMove when no bank is paying it and its time
    is not up.
    """
    payment = _claim(order_id, OrderState.EXPIRED, now, by_a_person=True)
    if payment is None:
        return False
    paying = _close_at_the_provider(payment, refused_is_closed=True)
    if paying is not None and paying.status != settle.BANK_IS_PAYING:
        settle.settle_intent(order_id, paying, now=now)
        give_back(payment.pk, payment.leased_until)
        return False
    return _finish(payment, OrderState.EXPIRED, why=why, actor=actor, now=now)


def _close_at_the_provider(payment: Payment, *, refused_is_closed: bool = False) -> IntentView | None:
    """What is being paid, or was, and cannot be closed any more. Who hears nothing leaves it to the next."""
    try:
        return fallback.close_payable(payment)
    except GatewayError as error:
        if refused_is_closed and isinstance(error, GatewayRefused):
            log.warning("order.let_go_unclosed", extra={"order": payment.order_id, "why": error.message})
            return None
        give_back(payment.pk, payment.leased_until)
        raise


def ended(now: datetime) -> QuerySet[Order]:
    """Whose hold ended. A card, or a bank's yes, that waits for a worker is our delay, not the fan's: its order keeps
    its units until the deferral's end."""
    ended = Order.objects.filter(state__in=OPEN, hold_expires_at__lte=now)
    nobody_pays = Q(payment__leased_until=None) | Q(payment__leased_until__lte=now)
    due = Q(payment__state=PaymentState.DUE, deferral_ends_at__gt=now)
    card_waits = due & (~Q(payment__confirmation_token="") | Q(payment__capture_before__isnull=False))
    return ended.filter(nobody_pays).exclude(card_waits)


def _ended(now: datetime) -> list[int]:
    """Those that could not be closed before last."""
    closable = ended(now).order_by("payment__tries", "hold_expires_at")
    return list(closable.values_list("pk", flat=True)[:MOST_ORDERS])


def _close_ended(order_id: int, now: datetime) -> bool:
    try:
        return close(order_id, OrderState.EXPIRED, why="time is up", actor=journal.WORKER, now=now)
    except IllegalMove:
        return False  # somebody else was faster


def _free_carts(now: datetime) -> int:
    ended = Cart.objects.filter(closed_at=None, expires_at__lte=now).order_by("expires_at")
    return sum(_free_cart(cart_id, now) for cart_id in ended.values_list("pk", flat=True)[:BATCH])


def _free_carts_of_missing_units() -> int:
    """Carts keep nothing that is not there: the newest let go first, until what is missing is made up for (C27).

    Who has only put it in a cart can be told so before they pay. What was ordered is a promise that staff must see to.
    """
    freed = 0
    for item_id in StockItem.objects.filter(missing__gt=0).order_by("pk").values_list("pk", flat=True):
        carts = Hold.objects.filter(stock_item_id=item_id, state=HoldState.ACTIVE, owner_kind=OwnerKind.CART)
        for cart_id in carts.order_by("-pk").values_list("owner_ref", flat=True)[:BATCH]:
            if not StockItem.objects.filter(pk=item_id, missing__gt=0).exists():
                break
            freed += _free(Cart.objects.filter(pk=int(cart_id), closed_at=None))
    return freed


def _free_cart(cart_id: int, now: datetime) -> bool:
    return _free(Cart.objects.filter(pk=cart_id, closed_at=None, expires_at__lte=now))


@deadlocks.tried_again
def _free(ended: QuerySet[Cart]) -> bool:
    """One transaction a cart: two carts in one would lock the stock in the order of carts, not of items."""
    with transaction.atomic(durable=True):
        cart = ended.select_for_update(skip_locked=True).first()
        if cart is None:
            return False
        Cart.objects.filter(pk=cart.pk).update(expires_at=None)
        stock.release(cart_owner(cart))
        return True


def _wait_for_bank(order_id: int, now: datetime) -> None:
    """A bank whose days are over and that cannot be stopped any more has another, until it has paid or staff let go."""
    with transaction.atomic(durable=True):
        order, _ = lock_both(order_id)
        if order.state == OrderState.PROCESSING and order.hold_expires_at <= now:
            hold_past_the_cap(order, now + ASK_THE_BANK_AGAIN)
            stock.defer(owner_of(order), order.hold_expires_at)


def _claim(order_id: int, into: OrderState, now: datetime, *, by_a_person: bool = False) -> Payment | None:
    """Lease its payment. ``by_a_person``: one that a bank is paying, too, whether its time is up or not."""
    with transaction.atomic(durable=True):
        order, payment = lock_both(order_id)
        of_a_bank = by_a_person and order.state == OrderState.PROCESSING
        too_early = into == OrderState.EXPIRED and not of_a_bank and held_until(order, payment, now) > now
        if order.state not in CLOSABLE[into] or (by_a_person and too_early):
            raise IllegalMove(f"{order} is {order.state}")
        if too_early:
            return None
        if is_leased(payment, now):
            return None
        payment.leased_until = leased_until(now)
        payment.save(update_fields=["leased_until"])
        return payment


@deadlocks.tried_again
def _finish(mine: Payment, into: OrderState, *, why: str, actor: str, now: datetime) -> bool:
    with transaction.atomic(durable=True):
        order, payment = lock_both(mine.order_id)
        lost = payment.leased_until != mine.leased_until  # to a card that the fan entered meanwhile
        if lost or order.state not in CLOSABLE[into] or payment.state == PaymentState.PAID:
            return False
        payment.state, payment.leased_until, payment.confirmation_token = PaymentState.CLOSED, None, ""
        payment.save(update_fields=["state", "leased_until", "confirmation_token"])
        redemptions.give_back(order)  # before the allowances, as an order takes them
        allowances.give_back(order)
        move_to(order, into, why=why, actor=actor, now=now)
        notify.ended(order)
        stock.release(owner_of(order))  # the hot rows last
        return True
