"""The waiting list of what is sold out: joining, leaving, one's place. ``waiting_offers`` gives what comes back.

A place is a standing claim on stock (``drops.awaited``): what comes free is kept for those who wait in the very commit
that frees it, so nobody can buy it past them. One person has one place for an offer; joining again changes nothing.
Whoever types an address need not be its owner: what becomes of the wish is told by e-mail alone. The order is strict:
who came first is asked first, and a late payment, whose fan has paid already, before all of them. A group is served
whole or not at all.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from limits import RateLimitItemPerHour

from checkout import allowances, authorisations, deadlocks, notify, pieces, waiting_mail
from checkout.errors import Invalid, NotWaiting, TooManyJoins, WaitingListOff
from checkout.models import Allowance, Cart, Order
from checkout.tokens import hashed, new_nonce, place_token
from checkout.waiting_models import PlaceState, WaitingPlace
from drops import awaited, stock, terms
from drops.errors import NotOpen, UnknownOffer
from drops.models import Drop, OwnerKind
from drops.stock import Need, Owner
from drops.terms import OfferTerms
from drops.windows import Phase, phase_of
from merchant import journal, moving_windows
from merchant.store import current_store
from segments import opt_in

OPEN = (PlaceState.WAITING, PlaceState.OFFERED)
NAME, ADDRESS = "waiting", "address"


@dataclass(frozen=True, slots=True)
class Joined:
    """What became of a wish to wait; for the owner of the address, never for who typed it.

    ``place``: None where they have as many as one person may. ``is_new``: False where they had it before.
    """

    place: WaitingPlace | None
    is_new: bool = False


def join(drop: Drop, sku: str, quantity: int, email: str, *, now: datetime) -> Joined:
    """Put a person on the list for ``quantity`` of a SKU, once, and tell them by e-mail; who is on it stays where they
    are, and who has as many as one person may is not put on it.

    ``email`` has been checked by the door. Raises WaitingListOff, NotOpen, UnknownOffer, Invalid and StillThere (it can
    simply be bought), none of which depends on the person; then nothing has changed. To who is on the list, or may not
    be, one mail goes out in ten minutes.
    """
    sold = terms.read(drop.pk)
    drop = sold.drop
    if not drop.waiting_list:
        raise WaitingListOff
    _require_going_on(drop, now)
    offer = sold.offers.get(sku)
    if offer is None:
        raise UnknownOffer(f"{sku} is not sold in {drop}.")
    if not 1 <= quantity <= offer.limit:
        raise Invalid({"quantity": f"Choose a number from 1 to {offer.limit}."})
    mark, needs, each = person_key(email), sold.needs([(sku, quantity)]), dict(offer.parts)
    writes = opt_in.may_write(f"{NAME}:{offer.offer_id}", email)
    before = _open_place(offer, mark)
    if before is not None or _has_enough(offer, quantity, mark):
        awaited.require_gone(needs, each=each)  # as everybody is told
        return _told(Joined(before), drop, offer, email, writes=writes, now=now)
    try:
        with transaction.atomic(durable=True):
            place = _write(drop, email, mark, quantity, offer_id=offer.offer_id, since=now)
            waiting_mail.joined(place, number(place))
            awaited.claim(needs, owner=owner_of(place), each=each, now=now)  # hot rows last
    except IntegrityError:  # a twin was faster
        twin = _open_place(offer, mark)
        if twin is None:
            raise
        return Joined(twin)
    return Joined(place, is_new=True)


def _told(joined: Joined, drop: Drop, offer: OfferTerms, email: str, *, writes: bool, now: datetime) -> Joined:
    """Write what is particular to the owner of the address, unless we have just written."""
    if writes and joined.place is not None:
        waiting_mail.again(joined.place, number(joined.place), now)
    elif writes:
        waiting_mail.enough(drop, offer, email)
    return joined


def queue_paid(order: Order, *, now: datetime) -> WaitingPlace:
    """Give an order that was paid too late the head of the list, in its transaction, and tell its fan; its money goes
    back, or what its bank set aside is let go, at ``refund_by`` if nothing came. The caller holds its lock and has
    found that it cannot be served now."""
    lines = list(order.lines.all())
    needs = pieces.of_lines((line, line.quantity) for line in lines)
    place = _write(
        order.drop,
        order.email,
        person_key(order.email),
        sum(line.quantity for line in lines),
        order=order,
        since=now,
        refund_by=_refund_by(order, now),
    )
    notify.waiting(order)
    awaited.claim(needs, owner=owner_of(place), each={need.stock_item_id: need.quantity for need in needs}, now=now)
    return place


def _refund_by(order: Order, now: datetime) -> datetime:
    """As the shop says; never later than the bank keeps an amount for us that is not charged."""
    until = now + timedelta(days=current_store().late_payment_days)
    return min(until, authorisations.ends(order.payment)) if order.payment.is_authorised else until


def leave(place_id: int, *, now: datetime) -> None:
    """The fan does not want it any more; an offer goes to the next. Raises NotWaiting when the place is over."""
    end(place_id, PlaceState.LEFT, actor=journal.FAN, why="", now=now)


def remove(place_id: int, *, by: str, why: str, now: datetime) -> None:
    """Staff take a person off the list. Raises NotWaiting when the place is over, and for one that has paid."""
    end(place_id, PlaceState.REMOVED, actor=by, why=why, now=now)


def end(place_id: int, into: PlaceState, *, actor: str, why: str, now: datetime) -> None:
    """Close an open place of somebody who has not paid: what it claims, or holds in its offer, is the next one's."""
    while not _ended(place_id, into, actor=actor, why=why, now=now):
        pass


@deadlocks.tried_again
def _ended(place_id: int, into: PlaceState, *, actor: str, why: str, now: datetime) -> bool:
    """False when the place was offered something while we waited for its lock: that cart is to be locked first."""
    with transaction.atomic(durable=True):
        cart_id = WaitingPlace.objects.filter(pk=place_id).values_list("cart_id", flat=True).first()
        # The cart before its place, as everywhere.
        cart = Cart.objects.select_for_update().filter(pk=cart_id).first() if cart_id else None
        place = lock(place_id)
        if place.cart_id != cart_id:
            return False
        if place.state not in OPEN or place.order_id is not None or (cart is not None and cart.closed_at):
            raise NotWaiting
        move_to(place, into, actor=actor, why=why, now=now)
        if cart is not None:
            cart.closed_at, cart.expires_at = now, None
            cart.save(update_fields=["closed_at", "expires_at"])
            cart.lines.all().delete()
            stock.release(Owner(OwnerKind.CART, str(cart.pk)))
        awaited.let_go(owner_of(place))
        return True


def lock(place_id: int) -> WaitingPlace:
    """The place's row, locked to the end of the transaction."""
    return (
        WaitingPlace.objects.select_for_update(of=("self",)).select_related("drop", "offer__variant").get(pk=place_id)
    )


def move_to(place: WaitingPlace, state: PlaceState, *, actor: str, why: str = "", now: datetime) -> None:
    """Move a locked place and write its line in the journal."""
    over = {"ended_at": now} if state not in OPEN else {}
    WaitingPlace.objects.filter(pk=place.pk).update(state=state, **over)
    place.state, place.ended_at = state, over.get("ended_at")
    journal.record(place.subject, state.value, actor=actor, why=why, data={"drop": place.drop_id})


def by_token(token: str) -> WaitingPlace | None:
    """The place whose secret this is."""
    found = WaitingPlace.objects.select_related("drop", "cart", "offer__variant__product")
    return found.filter(token_hash=hashed(token), offer__isnull=False).first()


def number(place: WaitingPlace) -> int:
    """Which one it is among those who wait for the same, from 1: those with an offer are not waiting any more."""
    return 1 + ahead_of(place).count()


def ahead_of(place: WaitingPlace) -> QuerySet[WaitingPlace]:
    waiting = WaitingPlace.objects.filter(drop_id=place.drop_id, state=PlaceState.WAITING)
    before = Q(offer_id=place.offer_id, pk__lt=place.pk) | Q(order__lines__offer_id=place.offer_id)
    return waiting.filter(before).exclude(pk=place.pk).distinct()


def needs_of(place: WaitingPlace) -> list[Need]:
    """All that it wants from stock, ascending by item."""
    if place.order is not None:
        return pieces.of_order(place.order)
    return stock.needs([(place.offer_id or 0, place.quantity)])


def owner_of(place: WaitingPlace) -> Owner:
    return Owner(OwnerKind.PLACE, str(place.pk))


def person_key(email: str) -> str:
    """Finds a person again and cannot be turned back; the same as their orders are counted by."""
    return allowances.email_key(email)


def require_few(ip: str | None) -> None:
    """Count a try to join from an address. Raises TooManyJoins, which says when again: who fills the list with
    invented people would keep units from everybody."""
    if ip is None:
        return
    limit = RateLimitItemPerHour(settings.JOINS_PER_ADDRESS_AN_HOUR)
    if seconds := moving_windows.wait_for(NAME, limit, ADDRESS, person_key(ip)):
        raise TooManyJoins(seconds)


def _require_going_on(drop: Drop, now: datetime) -> None:
    phase = phase_of(drop, now)
    if phase not in (Phase.LIVE, Phase.SOLD_OUT, Phase.PAUSED):
        raise NotOpen(drop.starts_at if phase == Phase.UPCOMING else None)


def _has_enough(offer: OfferTerms, quantity: int, mark: str) -> bool:
    """Whether so many more would be above the limit for a person, earlier orders included."""
    known = Allowance.objects.filter(offer_id=offer.offer_id, person_key=mark).first()
    return known is not None and known.used + quantity > offer.limit + known.granted


def _open_place(offer: OfferTerms, mark: str) -> WaitingPlace | None:
    mine = WaitingPlace.objects.filter(offer_id=offer.offer_id, person_key=mark, state__in=OPEN)
    return mine.select_related("drop", "offer__variant__product").first()


def _write(drop: Drop, email: str, mark: str, quantity: int, **more: Any) -> WaitingPlace:
    nonce = new_nonce()
    place = WaitingPlace.objects.create(
        token_hash=hashed(place_token(nonce)),
        token_nonce=nonce,
        drop=drop,
        email=email,
        person_key=mark,
        quantity=quantity,
        **more,
    )
    actor = journal.WORKER if place.order_id else journal.FAN
    journal.record(place.subject, "joined", actor=actor, data={"drop": drop.pk, "units": quantity})
    return place
