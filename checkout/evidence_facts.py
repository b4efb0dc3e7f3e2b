"""What our books know about a disputed order, read once: the answer says nothing that is not here."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from checkout.after_sale import FanRequest, Shipment
from checkout.contact import country_name
from checkout.models import Dispute, Order, PaymentPath, Refund, RefundState
from checkout.stories import TIMELINE, TIMELINES
from merchant.models import JournalEntry
from merchant.money import Money
from merchant.store import current_store
from policies.languages import language_name
from policies.models import Acceptance, AcceptancePerson, Kind, Surface
from policies.rules import DIGITAL
from segments.models import Message, MessageState


@dataclass(frozen=True, slots=True)
class ShownText:
    """A policy as this buyer was shown it, and what they answered."""

    kind: str
    ref: str
    title: str
    html: str
    sha256: str
    wording: str
    accepted: bool | None
    shown_at: datetime
    answered_at: datetime
    surface: str
    language: str  # ``in German``; of another than the one asked for, why
    replaced: bool  # it changed before the order was placed
    then: str  # of one that was replaced: what became of it

    @property
    def name(self) -> str:
        return f"{self.title} ({self.ref}, sha256 {self.sha256})"

    @property
    def where(self) -> str:
        """At our own checkout we showed it; to another front end we gave it, to be shown."""
        return "given with the price by the shop's API" if self.surface == Surface.API else "shown at the checkout"

    @property
    def ticked(self) -> str:
        return "accepted" if self.surface == Surface.API else "ticked"


@dataclass(frozen=True, slots=True)
class Facts:
    order: Order
    dispute: Dispute
    shop: str
    goods: tuple[str, ...]
    digital: tuple[str, ...]  # of them, what is never sent
    address: tuple[str, ...]
    texts: tuple[ShownText, ...]
    ip: str
    user_agent: str
    timeline: tuple[tuple[datetime, str], ...]
    parcels: tuple[Shipment, ...]
    mails: tuple[Message, ...]
    refunds: tuple[Refund, ...]
    requests: tuple[FanRequest, ...]
    others: tuple[Order, ...]

    @property
    def total(self) -> Money:
        return self.order.total

    @property
    def disputed(self) -> Money:
        return Money(self.dispute.amount_minor, self.order.currency)

    @property
    def is_sent(self) -> bool:
        """Whether any of it goes by parcel."""
        return self.order.payment.path != PaymentPath.PICKUP and len(self.digital) < len(self.goods)

    @property
    def standing(self) -> tuple[ShownText, ...]:
        """The texts under which the order stands; not those that changed before it was placed."""
        return tuple(text for text in self.texts if not text.replaced)

    @property
    def agreed(self) -> tuple[ShownText, ...]:
        return tuple(text for text in self.standing if text.accepted)

    @property
    def replaced(self) -> tuple[ShownText, ...]:
        """What was answered first, before it changed under the fan."""
        return tuple(text for text in self.texts if text.replaced)

    @property
    def return_texts(self) -> tuple[ShownText, ...]:
        return tuple(text for text in self.standing if text.kind in (Kind.RETURNS, Kind.REFUNDS, Kind.FINAL_SALE))

    @property
    def delivered(self) -> tuple[Shipment, ...]:
        return tuple(parcel for parcel in self.parcels if parcel.delivered_at)


def collect(dispute: Dispute) -> Facts:
    """Everything, in a fixed number of queries. Who answered is missing once that person was erased."""
    order = Order.objects.select_related("drop", "payment").get(pk=dispute.order_id)
    lines = order.lines.all()
    acceptances = Acceptance.objects.filter(order_ref=order.reference).select_related("rendering__version__policy")
    person = AcceptancePerson.objects.filter(acceptance__order_ref=order.reference).order_by("pk").first()
    mails = Message.objects.filter(key__startswith=f"order:{order.reference}:", state=MessageState.SENT)
    parcels = Shipment.objects.filter(order=order).prefetch_related("lines__line").order_by("pk")
    refunds = order.refunds.filter(state=RefundState.SUCCEEDED, surplus=None).order_by("pk")
    others = Order.objects.filter(email__iexact=order.email, captured_minor__gt=0).exclude(pk=order.pk)
    others = others.exclude(email="")  # those that were erased have nobody in common
    return Facts(
        order=order,
        dispute=dispute,
        shop=current_store().name,
        goods=tuple(
            f"{line.quantity} × {line.title} at {Money(line.unit_price_minor, order.currency)} each" for line in lines
        ),
        digital=tuple(f"{line.quantity} × {line.title}" for line in lines if DIGITAL in line.tags),
        address=_address(order),
        texts=_texts(acceptances.order_by("pk")),
        ip=person.ip or "" if person else "",
        user_agent=person.user_agent if person else "",
        timeline=_timeline(order),
        parcels=tuple(parcels),
        mails=tuple(mails.order_by("pk")),
        refunds=tuple(refunds),
        requests=tuple(FanRequest.objects.filter(order=order).order_by("pk")),
        others=tuple(others.select_related("payment").order_by("-placed_at")[:20]),
    )


def _texts(proofs: Iterable[Acceptance]) -> tuple[ShownText, ...]:
    proofs = list(proofs)
    stands = {proof.rendering.version.policy_id: proof for proof in proofs if not proof.replaced}
    return tuple(_shown(proof, stands.get(proof.rendering.version.policy_id)) for proof in proofs)


def _shown(proof: Acceptance, standing: Acceptance | None) -> ShownText:
    rendering = proof.rendering
    return ShownText(
        kind=rendering.version.policy.kind,
        ref=rendering.version.ref,
        title=rendering.version.policy.title,
        html=rendering.html,
        sha256=rendering.sha256,
        wording=proof.wording,
        accepted=proof.accepted,
        shown_at=proof.shown_at,
        answered_at=proof.answered_at,
        surface=proof.surface,
        language=proof.in_other_words or f"in {language_name(proof.language)}",
        replaced=proof.replaced,
        then=_then(standing) if proof.replaced else "",
    )


def _then(standing: Acceptance | None) -> str:
    if standing is None:
        return "it ended before the order was placed, and the order does not stand under it"
    now = f"{standing.rendering.version.ref}, sha256 {standing.rendering.sha256}"
    return f"it changed before the order was placed, and they answered {now}, under which the order stands"


def _timeline(order: Order) -> tuple[tuple[datetime, str], ...]:
    words = TIMELINES.get(order.payment.path, TIMELINE)
    deeds = JournalEntry.objects.filter(subject=order.subject, verb__in=TIMELINE).order_by("id")
    return tuple((deed.at, words[deed.verb]) for deed in deeds)


def _address(order: Order) -> tuple[str, ...]:
    address = order.address
    town = " ".join(filter(None, [address.get("postal_code"), address.get("city"), address.get("region")]))
    lines = [order.name, address.get("line1"), address.get("line2"), town, country_name(address.get("country", ""))]
    return tuple(line for line in lines if line)
