"""What comes back goes to who waits: offers with a time limit, made by the sweep, strictly in turn.

An offer is a cart of the drop with the units already held in it, whose key is in the fan's e-mail: from there on it is
the ordinary checkout, and the ordinary sweep frees it when its time is up. Then the next in turn is asked.

A group is served whole or not at all. While some of what the head of the list wants has come back, but not enough for
it, what has come is kept for it and nobody behind is asked: for the drop's *time to take it*, the same that an offer
has. After that what lies there goes to the first behind who can use it; and if nobody can, on sale to everyone, until
it is sold. The group keeps its place all the while.

Each offer is one transaction: a worker that dies leaves units that are still claimed, and the next sweep offers them.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from checkout import allowances, authorisations, cards, late_payments, orders, outcomes, refunds, waiting_mail
from checkout.errors import NotWaiting
from checkout.models import Cart, CartLine, Order, OrderState, PaymentState
from checkout.tokens import hashed, offer_token
from checkout.totals import redemptions
from checkout.waiting_list import OPEN, end, lock, move_to, needs_of, owner_of
from checkout.waiting_models import PlaceState, WaitingPlace
from drops import awaited, stock
from drops.errors import HoldExpired, SoldOut, StillThere
from drops.models import Drop, Hold, HoldState, OwnerKind, StockItem
from drops.stock import Need, Owner
from drops.windows import Phase, phase_of
from merchant import journal

BATCH = 200
SELLING = (Phase.LIVE, Phase.SOLD_OUT)  # an offer's time must not run while nobody may buy
Free = dict[int, int]  # stock item id → units that are neither held nor sold


def sweep(now: datetime) -> int:
    """Note what became of offers, end the lists of drops that are over, and make new offers. Returns how many."""
    _look_at_offers(now)
    _close_lists(now)
    _end_refunded(now)
    _give_late_money_back(now)
    _take_up_again(now)
    return serve(now)


def serve(now: datetime) -> int:
    """Offer what is there to those whose turn it is. May run twice at once: each place is claimed under its lock."""
    there = {item.pk: item.free for item in _lying()}
    WaitingPlace.objects.filter(state=PlaceState.WAITING, short_since__isnull=False, let_go_at=None).exclude(
        pk__in=_who_waits_for(there)
    ).update(short_since=None)
    served, tired = 0, []
    left = dict(there)
    for place in _in_turn(there):
        if not any(left.values()):
            break
        if phase_of(place.drop, now) not in SELLING:
            continue
        needs = needs_of(place)
        _look_up(left, needs)
        if all(left[need.stock_item_id] >= need.quantity for need in needs):
            if offer(place.pk, now=now):
                served += 1
                _less(left, needs)
            else:  # less was there than it seemed, or somebody else served it: nobody behind is asked on that ground
                left.update({need.stock_item_id: 0 for need in needs})
        elif _is_patient(place, needs, there, now):
            left.update({need.stock_item_id: 0 for need in needs})  # kept for it
        else:
            tired.append(place.pk)
    if any(left.get(item_id) for item_id in there):
        for place_id in tired:
            _let_go(place_id, now)
    return served


def offer(place_id: int, *, now: datetime, by: str = journal.WORKER) -> bool:
    """Give a place what it waits for, whole: held in a cart for the drop's time to take it, or, where it is paid
    already, sold. False when it does not wait any more or there is not enough."""
    order_id = WaitingPlace.objects.values_list("order_id", flat=True).get(pk=place_id)
    try:
        with transaction.atomic(durable=True):
            return _confirm_paid(order_id, place_id, now) if order_id else _offer(place_id, now, by)
    except (SoldOut, HoldExpired):
        return False


def give_money_back(order_id: int, *, why: str, actor: str, now: datetime) -> None:
    """End the waiting of an order that was paid too late: its money goes back, once. Raises NotWaiting."""
    with transaction.atomic(durable=True):
        order, _ = orders.lock_both(order_id)
        place_id = WaitingPlace.objects.filter(order=order).values_list("pk", flat=True).first()
        place = lock(place_id) if place_id else None
        if place is None or place.state != PlaceState.WAITING or not _is_paid_whole(order):
            raise NotWaiting
        move_to(place, PlaceState.LAPSED, actor=actor, why=why, now=now)
        late_payments.refund(order, now=now)
        awaited.let_go(owner_of(place))


def _offer(place_id: int, now: datetime, by: str) -> bool:
    place = lock(place_id)
    if place.state != PlaceState.WAITING:
        return False
    until = _offered_until(place.drop, now)
    cart = Cart.objects.create(
        token_hash=hashed(offer_token(place.token_nonce)),
        drop=place.drop,
        offered=True,
        expires_at=until,
        hard_cap_at=until,
    )
    CartLine.objects.create(cart=cart, offer_id=place.offer_id or 0, quantity=place.quantity)
    WaitingPlace.objects.filter(pk=place.pk).update(cart=cart, offered_until=until, let_go_at=None, short_since=None)
    place.offered_until = until
    move_to(place, PlaceState.OFFERED, actor=by, now=now)
    waiting_mail.offered(place, now)
    _hold(place, Owner(OwnerKind.CART, str(cart.pk)), expires_at=until, hard_cap_at=until)
    return True


def _hold(place: WaitingPlace, to: Owner, *, expires_at: datetime, hard_cap_at: datetime) -> None:
    """Hold what a locked place waits for: what is kept for it, or, where that went on sale, what is on sale."""
    if place.let_go_at is None:
        awaited.offer(needs_of(place), frm=owner_of(place), to=to, expires_at=expires_at, hard_cap_at=hard_cap_at)
    else:
        stock.hold(needs_of(place), owner=to, expires_at=expires_at, hard_cap_at=hard_cap_at)


def _offered_until(drop: Drop, now: datetime) -> datetime:
    until = now + timedelta(minutes=drop.waiting_minutes)
    return min(until, drop.ends_at) if drop.ends_at else until


def _confirm_paid(order_id: int, place_id: int, now: datetime) -> bool:
    order, _ = orders.lock_both(order_id)
    place = lock(place_id)
    if place.state != PlaceState.WAITING or not _is_paid_whole(order):
        return False
    move_to(place, PlaceState.BOUGHT, actor=journal.WORKER, now=now)
    if order.payment.card_key:
        cards.lock(order.drop_id, order.payment.card_key)
    redemptions.take_again(order)
    allowances.take_again(order)
    set_aside = order.payment.is_authorised  # held for it while a worker takes the amount, sold once it is seen
    if set_aside:
        authorisations.take(order.payment, now=now)
        order.payment.save(update_fields=["state", "due_at", "tries"])
    else:
        outcomes.confirm(order, now)
    to = orders.owner_of(order)
    _hold(place, to, expires_at=order.hold_expires_at, hard_cap_at=order.hard_cap_at)
    if not set_aside:
        stock.commit(to)
    return True


def _is_paid_whole(order: Order) -> bool:
    """Paid, or set aside by a bank, too late, and nothing of it is back, on its way back, or kept by a bank."""
    if order.payment.state == PaymentState.LETTING_GO:
        return False
    return order.state == OrderState.LATE_PAID and refunds.refundable(order) == order.captured_minor


def _end_refunded(now: datetime) -> None:
    """Who has money back, by staff or a bank, waits for nothing any more: what was kept is the next one's, and the rest
    of the money goes back too."""
    waiting = WaitingPlace.objects.filter(state=PlaceState.WAITING, order__isnull=False)
    for place_id, order_id in waiting.values_list("pk", "order_id"):
        with transaction.atomic(durable=True):
            order, _ = orders.lock_both(order_id or 0)
            place = lock(place_id)
            if place.state == PlaceState.WAITING and not _is_paid_whole(order):
                move_to(place, PlaceState.LAPSED, actor=journal.WORKER, why="its money goes back", now=now)
                if (order.state, order.payment.state) == (OrderState.LATE_PAID, PaymentState.PAID):
                    late_payments.refund(order, now=now)
                awaited.let_go(owner_of(place))


def _look_at_offers(now: datetime) -> None:
    """Taken, or not in time: the cart of each offer says which."""
    open_offers = WaitingPlace.objects.filter(state=PlaceState.OFFERED)
    for place_id in open_offers.exclude(cart__closed_at=None, cart__expires_at__gt=now).values_list("pk", flat=True):
        _look_at(place_id, now)


def _look_at(place_id: int, now: datetime) -> None:
    with transaction.atomic(durable=True):
        cart_id = WaitingPlace.objects.values_list("cart_id", flat=True).get(pk=place_id)
        cart = Cart.objects.select_for_update().filter(pk=cart_id).first()
        place = lock(place_id)
        if place.state != PlaceState.OFFERED:
            return
        if cart is not None and cart.closed_at is not None:
            move_to(place, PlaceState.BOUGHT, actor=journal.FAN, now=now)
        elif cart is None or cart.expires_at is None:  # freed by the sweep, or emptied by the fan
            move_to(place, PlaceState.LAPSED, actor=journal.WORKER, why="not taken in time", now=now)
            waiting_mail.lapsed(place)


def _close_lists(now: datetime) -> None:
    """A drop that is over gives nothing back to its list: who waits is told, who has paid gets the money back."""
    waiting = WaitingPlace.objects.filter(state__in=OPEN)
    for drop in Drop.objects.filter(pk__in=waiting.values("drop")):
        if phase_of(drop, now) != Phase.CLOSED:
            continue
        for place_id, order_id in waiting.filter(drop=drop).values_list("pk", "order_id")[:BATCH]:
            _close(place_id, order_id, now)


def _close(place_id: int, order_id: int | None, now: datetime) -> None:
    try:
        if order_id is not None:
            give_money_back(order_id, why="the drop is over", actor=journal.WORKER, now=now)
        else:
            end(place_id, PlaceState.CLOSED, actor=journal.WORKER, why="the drop is over", now=now)
            waiting_mail.closed(WaitingPlace.objects.select_related("drop", "offer__variant__product").get(pk=place_id))
    except NotWaiting:
        return  # somebody else was faster


def _give_late_money_back(now: datetime) -> None:
    due = WaitingPlace.objects.filter(state=PlaceState.WAITING, refund_by__lte=now)
    for order_id in due.values_list("order_id", flat=True)[:BATCH]:
        try:
            give_money_back(order_id or 0, why="nothing came in time", actor=journal.WORKER, now=now)
        except NotWaiting:
            continue


def _lying() -> Iterable[StockItem]:
    """Items that are waited for, with units that nobody holds."""
    return StockItem.objects.filter(awaited__gt=0, total__gt=F("held") + F("sold"))


def _who_waits_for(item_ids: Iterable[int]) -> list[int]:
    claims = Hold.objects.filter(stock_item_id__in=list(item_ids), state=HoldState.AWAITED, owner_kind=OwnerKind.PLACE)
    return [int(ref) for ref in claims.values_list("owner_ref", flat=True)]


def _in_turn(there: Free) -> Iterable[WaitingPlace]:
    if not there:
        return []
    waiting = WaitingPlace.objects.filter(pk__in=_who_waits_for(there), state=PlaceState.WAITING)
    return waiting.select_related("drop").iterator(chunk_size=BATCH)


def _look_up(left: Free, needs: list[Need]) -> None:
    """What there is of items that nobody waits for."""
    unknown = [need.stock_item_id for need in needs if need.stock_item_id not in left]
    if unknown:
        left.update({item.pk: item.free for item in StockItem.objects.filter(pk__in=unknown)})


def _less(left: Free, needs: list[Need]) -> None:
    for need in needs:
        left[need.stock_item_id] -= need.quantity


def _is_patient(place: WaitingPlace, needs: list[Need], there: Free, now: datetime) -> bool:
    """Whether what lies there is still kept for a group that it is not enough for. Counted from when it first lay."""
    if not any(there.get(need.stock_item_id) for need in needs):
        return True
    if place.short_since is None:
        WaitingPlace.objects.filter(pk=place.pk, short_since=None).update(short_since=now)
        place.short_since = now
    return now < place.short_since + timedelta(minutes=place.drop.waiting_minutes)


def _let_go(place_id: int, now: datetime) -> None:
    """Nobody behind a patient group can use it either: it is on sale, until it is sold."""
    with transaction.atomic(durable=True):
        place = lock(place_id)
        if place.state == PlaceState.WAITING and awaited.let_go(owner_of(place)):
            WaitingPlace.objects.filter(pk=place.pk).update(let_go_at=now, short_since=None)
            journal.record(place.subject, "on_sale_meanwhile", actor=journal.WORKER, data={"drop": place.drop_id})


def _take_up_again(now: datetime) -> None:
    """A group whose units went on sale claims again as soon as nothing is on sale; or has its offer, when enough is."""
    waiting = WaitingPlace.objects.filter(state=PlaceState.WAITING, let_go_at__isnull=False).select_related("drop")
    for place in waiting:
        sells = phase_of(place.drop, now) in SELLING
        if not (sells and offer(place.pk, now=now)):
            _claim_again(place.pk, now)


def _claim_again(place_id: int, now: datetime) -> None:
    try:
        with transaction.atomic(durable=True):
            place = lock(place_id)
            if place.state != PlaceState.WAITING or place.let_go_at is None:
                return
            WaitingPlace.objects.filter(pk=place.pk).update(let_go_at=None)
            needs = needs_of(place)
            each = {need.stock_item_id: 1 for need in needs}
            awaited.claim(needs, owner=owner_of(place), each=each, now=now)
    except StillThere:
        return
