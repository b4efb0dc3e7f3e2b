"""What an order's page says about parcels, requests and dates."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import QuerySet

from checkout import delays, fan_requests
from checkout.after_sale import DelayAnswer, FanRequest, RequestKind, Shipment
from checkout.fan_requests import LineOption
from checkout.models import Order, OrderState


@dataclass(frozen=True, slots=True)
class ParcelView:
    what: tuple[str, ...]
    carrier: str
    tracking: str
    shipped_at: datetime
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class AfterSaleView:
    """``last_day``: of the time to withdraw; None while something is still to come. ``sooner``: whose ends before."""

    parcels: tuple[ParcelView, ...]
    requests: tuple[FanRequest, ...]
    question: DelayAnswer | None
    has_right: bool
    may_withdraw: bool
    last_day: date | None
    sooner: tuple[LineOption, ...]
    excluded: tuple[tuple[str, str], ...]
    right_is_over: bool
    may_return: bool
    may_cancel: bool


def after_sale_view(order: Order, now: datetime) -> AfterSaleView | None:
    """Nothing while an order is not confirmed. As many queries for one line, parcel or request as for many."""
    if order.state != OrderState.CONFIRMED:
        return None
    may = fan_requests.options(order, now)
    withdraw = may.lines[RequestKind.WITHDRAWAL]
    return AfterSaleView(
        parcels=tuple(_parcel(each) for each in parcels_of(order)),
        requests=tuple(FanRequest.objects.filter(order=order).prefetch_related("lines__line").order_by("pk")),
        question=delays.open_question(order),
        has_right=may.has_right and order.captured_minor > order.refunded_minor,
        right_is_over=may.has_right and not may.period.is_open(now),
        may_withdraw=may.may(RequestKind.WITHDRAWAL),
        last_day=may.period.last_day,
        sooner=may.sooner if may.has_right else (),
        excluded=tuple((line.title, line.hurdle) for line in withdraw if line.hurdle),
        may_return=may.may(RequestKind.RETURN),
        may_cancel=may.may(RequestKind.CANCELLATION),
    )


def parcels_of(order: Order) -> QuerySet[Shipment]:
    return Shipment.objects.filter(order=order).prefetch_related("lines__line").order_by("pk")


def _parcel(parcel: Shipment) -> ParcelView:
    what = tuple(f"{each.quantity} × {each.line.title}" for each in parcel.lines.all())
    return ParcelView(what, parcel.carrier, parcel.tracking, parcel.shipped_at, parcel.delivered_at)
