"""What a fan asks for after the sale, by their order's page: to withdraw, to cancel, to send something back.

A withdrawal in its time needs nobody's yes: it is accepted as it comes in (Directive 2011/83/EU, Article 11a).
The other two wait for a person. The money goes back by ``checkout.returns``, like every other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone

from checkout import notify, parcels, refunds, returns, withdrawal
from checkout.after_sale import FanRequest, FanRequestLine, RequestKind, RequestState
from checkout.errors import CannotAnswer, CannotAsk, CannotRefund
from checkout.models import Order, OrderState, Refund
from checkout.orders import lock
from checkout.withdrawal import Period
from merchant import journal
from merchant.store import store_zone
from merchant.templatetags.shop import moment
from policies.rules import DIGITAL

K, S = RequestKind, RequestState
MOVES: dict[str, frozenset[str]] = {
    S.REQUESTED: frozenset({S.ACCEPTED, S.DECLINED}),
    S.ACCEPTED: frozenset({S.RECEIVED, S.REFUNDED}),
    S.RECEIVED: frozenset({S.REFUNDED}),
    S.DECLINED: frozenset(),
    S.REFUNDED: frozenset(),
}
OPEN = (S.REQUESTED, S.ACCEPTED, S.RECEIVED)
FINAL_SALE = "final-sale"  # a product's tag: not taken back by choice of the shop; the law's right stands beside it
VERBS = {K.WITHDRAWAL: "withdrawal_declared", K.RETURN: "return_requested", K.CANCELLATION: "cancellation_requested"}
LONGEST_REASON = 500
NO_TIME = Period()


@dataclass(frozen=True, slots=True)
class LineOption:
    """How many units of a line can be asked for, and why not more."""

    line_id: int
    title: str
    units: int
    hurdle: str = ""
    period: Period = NO_TIME  # of its right to withdraw


@dataclass(frozen=True, slots=True)
class Options:
    """What an order's fan may ask for now. ``seen``: how many requests there were, to tell twins from new ones.

    ``period``: of the line that may be withdrawn from for the longest; ``sooner``: the lines whose time ends before,
    which are digital ones beside something that is sent.
    """

    lines: Mapping[str, tuple[LineOption, ...]]
    period: Period
    sooner: tuple[LineOption, ...]
    has_right: bool
    seen: int

    def may(self, kind: str) -> bool:
        return any(line.units for line in self.lines[kind])


def options(order: Order, now: datetime) -> Options:
    """What can be asked for, by kind. Ten queries, however many lines. Believe it under the order's lock only."""
    paid = order.state == OrderState.CONFIRMED and order.captured_minor > order.refunded_minor
    free, sent = _free(order), parcels.shipped_units(order)
    here = parcels.waiting(order, sent)
    country = order.address.get("country", "")
    of_goods = withdrawal.period(country, parcels.receipts(order, here))
    of_contract = withdrawal.of_contract(country, order.confirmed_at)
    has_right = withdrawal.applies(country)
    withdraw, give_back, cancel = [], [], []
    for line in order.lines.all():
        units, is_digital = free[line.pk] if paid else 0, DIGITAL in line.tags
        period = of_contract if is_digital else of_goods
        in_law = units if has_right and period.is_open(now) else 0
        no_right, final = withdrawal.excluded(line.tags), _not_taken_back(line.tags)
        withdraw.append(_option(line.pk, line.title, in_law, no_right, period=period))
        give_back.append(_option(line.pk, line.title, min(units, sent.get(line.pk, 0)), final))
        cancel.append(_option(line.pk, line.title, units if is_digital else min(units, here[line.pk]), ""))
    lines: dict[str, tuple[LineOption, ...]] = {
        K.WITHDRAWAL: tuple(withdraw),
        K.RETURN: tuple(give_back),
        K.CANCELLATION: tuple(cancel),
    }
    mine = [line for line in withdraw if free[line.line_id] and not line.hurdle]
    last = withdrawal.last_of(line.period for line in mine or withdraw)
    sooner = tuple(line for line in mine if line.period != last)
    return Options(lines, last, sooner, has_right, FanRequest.objects.filter(order=order).count())


def ask(
    order_id: int,
    kind: RequestKind,
    units: Mapping[int, int],
    *,
    name: str,
    email: str,
    reason: str,
    seen: int,
    now: datetime,
) -> FanRequest:
    """Take down a request, once, and acknowledge it by e-mail with its words and its time. Raises CannotAsk.

    A form that is sent twice is one request: the second sending gets the first's.
    """
    with transaction.atomic(durable=True):
        order = lock(order_id)
        units = {line_id: quantity for line_id, quantity in units.items() if quantity}
        if twin := _twin(order, kind, units, seen):
            return twin
        may = options(order, now)
        _refuse(may, kind, units)
        request = FanRequest.objects.create(
            order=order,
            kind=kind,
            state=S.ACCEPTED if kind == K.WITHDRAWAL else S.REQUESTED,
            name=name,
            email=email,
            reason=reason,
            statement=statement(order, kind, units, name=name, reason=reason),
            requested_at=now,
            answered_at=now if kind == K.WITHDRAWAL else None,
            key=_key(order, may.seen),
        )
        FanRequestLine.objects.bulk_create(
            FanRequestLine(request=request, line_id=line_id, quantity=quantity) for line_id, quantity in units.items()
        )
        journal.record(order.subject, VERBS[kind], actor=journal.FAN, data={"request": request.pk})
        _acknowledge(order, request)
        return request


def statement(order: Order, kind: str, units: Mapping[int, int], *, name: str, reason: str = "") -> str:
    """The fan's declaration in words, as it is shown before they confirm and quoted when it is acknowledged."""
    titles = dict(order.lines.values_list("pk", "title"))
    deed = {
        K.WITHDRAWAL: "I withdraw from the contract for",
        K.RETURN: "I ask to send back",
        K.CANCELLATION: "I ask to cancel",
    }[RequestKind(kind)]
    goods = "\n".join(f"{quantity} × {titles[line_id]}" for line_id, quantity in units.items())
    why = f"\nReason: {reason}" if reason else ""
    return f"{deed}\n{goods}\nOrder {order.reference}{why}\n{name}"


def accept(request_id: int, *, answer: str, by: str, now: datetime) -> None:
    """Say yes; the fan is told what to do next. Raises CannotAnswer when somebody has answered already."""
    with transaction.atomic(durable=True):
        order, request = _locked(request_id)
        _move(request, S.ACCEPTED, by=by, verb="request_accepted", answered_at=now, answer=answer)
        back = request.kind == K.RETURN
        said = ["Send it back to us; we refund it when it has arrived." if back else "Your money goes back to you."]
        _tell(order, request, "accepted", "We said yes", [*([answer] if answer else []), *said])


def decline(request_id: int, *, answer: str, by: str, now: datetime) -> None:
    """Say no, with the reason that the fan reads. Raises CannotAnswer; a withdrawal in its time cannot be declined."""
    with transaction.atomic(durable=True):
        order, request = _locked(request_id)
        if not answer:
            raise CannotAnswer("Write to the fan why not.")
        _move(request, S.DECLINED, by=by, verb="request_declined", answered_at=now, answer=answer)
        _tell(order, request, "declined", "We could not do what you asked", [answer])


def receive(request_id: int, *, by: str, now: datetime) -> None:
    """What the fan sent back is here. Raises CannotAnswer."""
    with transaction.atomic(durable=True):
        order, request = _locked(request_id)
        _move(request, S.RECEIVED, by=by, verb="request_received", received_at=now)
        _tell(order, request, "received", "What you sent back has arrived", ["We refund it next."])


def refund(request_id: int, *, restock: bool, by: str, now: datetime) -> Refund | None:
    """Give the money of a request's units back, once. None where it went back by another way: then they are taken back
    and it is closed.

    Raises CannotAnswer, CannotRefund.
    """
    with transaction.atomic(durable=True):
        order, request = _locked(request_id)
        if request.refund is not None:
            return request.refund
        if S.REFUNDED not in MOVES[request.state]:
            raise CannotAnswer(_not_now(request))
        units, amount = due(order, request)
        if not units or not (refunds.refundable(order) or order.disputed_minor):
            _move(request, S.REFUNDED, by=by, verb="request_closed")
            if units:
                returns.take_units(order, units, restock=restock, by=by, why="their money had gone back", now=now)
            return None
        why, key = f"{request.get_kind_display().lower()} by the fan", f"request:{request.pk}"
        if not amount:
            raise CannotRefund("Nothing of this order's money is left to give back.")
        made = returns.give_back(order, units, amount, key=key, restock=restock, by=by, why=why, now=now)
        FanRequest.objects.filter(pk=request.pk).update(state=S.REFUNDED, refund=made)
        return made


def due(order: Order, request: FanRequest) -> tuple[dict[int, int], int]:
    """What a refund would give back now: those of its units that nobody gave back meanwhile, and their money."""
    still = returns.left(order)
    units = {line_id: min(quantity, still[line_id]) for line_id, quantity in _units(request).items() if still[line_id]}
    return units, returns.worth(order, units)


def waiting() -> QuerySet[FanRequest]:
    """Requests that somebody has something to do about, oldest first."""
    return FanRequest.objects.filter(state__in=OPEN).order_by("requested_at", "pk")


def unclaimed(order: Order) -> dict[int, int]:
    """The units of each line that wait for their ship date and that no open request is about.

    A cancellation is about what waits; a withdrawal or a return first about what has left.
    """
    sent = parcels.shipped_units(order)
    here = parcels.awaited(order, sent)
    asked = FanRequestLine.objects.filter(request__order=order, request__state__in=OPEN)
    for line_id, kind, units in asked.values_list("line_id", "request__kind", "quantity").order_by("pk"):
        gone = 0 if kind == K.CANCELLATION else min(units, sent.get(line_id, 0))
        sent[line_id] = sent.get(line_id, 0) - gone
        here[line_id] = max(here[line_id] - (units - gone), 0)
    return here


def refund_due(request: FanRequest) -> datetime | None:
    """Until when the law wants a withdrawal refunded; the shop may wait for the goods or for proof that they left."""
    due = request.requested_at + timedelta(days=withdrawal.REFUND_DAYS)
    return due if request.kind == K.WITHDRAWAL and request.state in OPEN else None


def _free(order: Order) -> dict[int, int]:
    """Units of each line that were neither given back nor asked for in a request that is still open."""
    asked = FanRequestLine.objects.filter(request__order=order, request__state__in=OPEN).order_by()
    taken = dict(asked.values_list("line_id").annotate(Sum("quantity")))
    return {line_id: max(units - taken.get(line_id, 0), 0) for line_id, units in returns.left(order).items()}


def _option(line_id: int, title: str, units: int, hurdle: str, *, period: Period = NO_TIME) -> LineOption:
    return LineOption(line_id, title, 0 if hurdle else units, hurdle, period)


def _not_taken_back(tags: list[str]) -> str:
    return "sold as final sale" if FINAL_SALE in tags else withdrawal.excluded(tags)


def _key(order: Order, seen: int) -> str:
    return f"{order.reference}:{seen + 1}"


def _twin(order: Order, kind: str, units: Mapping[int, int], seen: int) -> FanRequest | None:
    known = FanRequest.objects.filter(key=_key(order, seen)).first()
    if known is None:
        return None
    if known.kind == kind and _units(known) == units:
        return known
    raise CannotAsk("You sent another request meanwhile. Look at it, then ask again.")


def _refuse(may: Options, kind: str, units: Mapping[int, int]) -> None:
    if not units:
        raise CannotAsk("Choose what it is about.")
    if not may.may(kind):
        raise CannotAsk("That cannot be asked for any more.")
    free = {line.line_id: line.units for line in may.lines[kind]}
    if any(not 0 < quantity <= free.get(line_id, 0) for line_id, quantity in units.items()):
        raise CannotAsk("That many are not left of it. Choose again.")


def _locked(request_id: int) -> tuple[Order, FanRequest]:
    order = lock(FanRequest.objects.values_list("order_id", flat=True).get(pk=request_id))
    return order, FanRequest.objects.select_related("refund").get(pk=request_id)


def _move(request: FanRequest, state: RequestState, *, by: str, verb: str, **changes: object) -> None:
    """The journal names the request and not the answer: words to a fan may be erased, and the journal cannot."""
    if state not in MOVES[request.state]:
        raise CannotAnswer(_not_now(request))
    FanRequest.objects.filter(pk=request.pk).update(state=state, **changes)
    journal.record(request.order.subject, verb, actor=by, data={"request": request.pk})


def _not_now(request: FanRequest) -> str:
    return f"It is “{request.get_state_display().lower()}” already."


def _units(request: FanRequest) -> dict[int, int]:
    return dict(request.lines.values_list("line_id", "quantity"))


def _acknowledge(order: Order, request: FanRequest) -> None:
    with timezone.override(store_zone()):
        at = moment(request.requested_at)
    if request.kind == K.WITHDRAWAL:
        headline = "We received your withdrawal"
        said = [
            f"You sent it on {at}. This mail is your proof.",
            f"Your money goes back to you within {withdrawal.REFUND_DAYS} days.",
            f"What you have already received, send back within {withdrawal.DAYS} days.",
            "We may wait with the money until it is here, or a proof that you sent it.",
        ]
    else:
        headline = "We received your request"
        said = [f"You sent it on {at}.", "A person looks at it and answers by mail."]
    subject = f"{headline}: {order.reference}"
    key, quoted = f"asked:{request.pk}", request.statement
    notify.after_sale(order, key, subject, headline=headline, said=said, quoted=quoted, to=request.email)


def _tell(order: Order, request: FanRequest, key: str, headline: str, said: list[str]) -> None:
    subject = f"{headline}: {order.reference}"
    notify.after_sale(order, f"{key}:{request.pk}", subject, headline=headline, said=said, to=request.email)
