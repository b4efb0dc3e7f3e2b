"""Visa Compelling Evidence 3.0: two earlier purchases with the same card that nobody disputed.

From Stripe's documents (https://docs.stripe.com/disputes/api/visa-ce3 and its support article on Compelling Evidence
3.0): for Visa's reason code 10.4; each earlier charge more than 119 and fewer than 366 calendar days older than the
disputed one; at least two elements of address of the network, device, account and delivery address agree, the network
address or the device among them.

Fans have no account here and their device is not fingerprinted: the e-mail address stands for the account, and the
network address must agree.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from checkout.evidence_facts import Facts
from checkout.gateway import DisputeView
from checkout.models import Order, PaymentState
from policies.models import AcceptancePerson

YOUNGEST, OLDEST = timedelta(days=120), timedelta(days=365)
VISA, FRAUD = "visa", "10.4"
PLACE = ("line1", "line2", "city", "postal_code", "region", "country")
WANTED = 2
MOST_CANDIDATES = 200


@dataclass(frozen=True, slots=True)
class Prior:
    """An earlier charge that qualifies, and the elements that agree."""

    charge_id: str
    reference: str
    paid_on: date
    agrees: tuple[str, ...]
    ip: str
    email: str
    goods: str
    address: dict[str, str]


def is_wanted(found: DisputeView) -> bool:
    return found.network == VISA and found.network_reason == FRAUD


def is_in_time(paid_at: datetime, disputed_at: datetime) -> bool:
    """Whether a charge has the age, counted in calendar days (UTC): 120 to 365, both included."""
    age = disputed_at.astimezone(UTC).date() - paid_at.astimezone(UTC).date()
    return YOUNGEST <= age <= OLDEST


def find(facts: Facts) -> list[Prior]:
    """The two newest that qualify; fewer are of no use, and then none."""
    order = facts.order
    if not order.payment.card_key or order.confirmed_at is None or not facts.ip:
        return []
    found = Order.objects.filter(
        payment__card_key=order.payment.card_key,
        payment__state=PaymentState.PAID,
        confirmed_at__gte=order.confirmed_at - OLDEST - timedelta(days=1),
        confirmed_at__lte=order.confirmed_at - YOUNGEST + timedelta(days=1),
        disputes=None,
    ).exclude(payment__charge_id="")
    newest = found.exclude(pk=order.pk).select_related("payment").prefetch_related("lines").order_by("-confirmed_at")
    candidates = list(newest[:MOST_CANDIDATES])
    ips = _ips([each.reference for each in candidates])
    priors = [_prior(facts, each, ips.get(each.reference, "")) for each in candidates]
    fit = [prior for prior in priors if prior is not None]
    return fit[:WANTED] if len(fit) >= WANTED else []


def as_evidence(facts: Facts, priors: list[Prior]) -> dict[str, Any]:
    """In the shape of ``evidence.enhanced_evidence``."""
    order = facts.order
    disputed = {
        "customer_email_address": order.email,
        "customer_purchase_ip": facts.ip,
        "merchandise_or_services": "merchandise",
        "product_description": "; ".join(facts.goods),
        "shipping_address": _address(order),
    }
    earlier = [
        {
            "charge": prior.charge_id,
            "customer_email_address": prior.email,
            "customer_purchase_ip": prior.ip,
            "product_description": prior.goods,
            "shipping_address": prior.address,
        }
        for prior in priors
    ]
    return {"visa_compelling_evidence_3": {"disputed_transaction": disputed, "prior_undisputed_transactions": earlier}}


def from_json(kept: list[dict[str, Any]]) -> list[Prior]:
    """As they were written into an answer."""
    return [
        Prior(**{**one, "paid_on": date.fromisoformat(one["paid_on"]), "agrees": tuple(one["agrees"])}) for one in kept
    ]


def _prior(facts: Facts, other: Order, ip: str) -> Prior | None:
    order = facts.order
    if other.confirmed_at is None or order.confirmed_at is None:
        return None
    agrees = _agreeing(facts, other, ip)
    if not is_in_time(other.confirmed_at, order.confirmed_at) or "ip" not in agrees or len(agrees) < WANTED:
        return None
    return Prior(
        charge_id=other.payment.charge_id,
        reference=other.reference,
        paid_on=other.confirmed_at.astimezone(UTC).date(),
        agrees=agrees,
        ip=ip,
        email=other.email,
        goods="; ".join(f"{line.quantity} × {line.title}" for line in other.lines.all()),
        address=_address(other),
    )


def _agreeing(facts: Facts, other: Order, ip: str) -> tuple[str, ...]:
    order = facts.order
    tests = {
        "ip": bool(ip) and ip == facts.ip,
        "account": other.email.casefold() == order.email.casefold(),
        "shipping address": _place(other) == _place(order) and any(_place(order)),
    }
    return tuple(name for name, agrees in tests.items() if agrees)


def _place(order: Order) -> tuple[str, ...]:
    return tuple(" ".join(str(order.address.get(part) or "").casefold().split()) for part in PLACE)


def _address(order: Order) -> dict[str, str]:
    found = {part: str(order.address.get(part) or "") for part in PLACE}
    found["state"] = found.pop("region")
    return found


def _ips(references: list[str]) -> dict[str, str]:
    people = AcceptancePerson.objects.filter(acceptance__order_ref__in=references).exclude(ip=None)
    return {ref: str(ip) for ref, ip in people.values_list("acceptance__order_ref", "ip")}
