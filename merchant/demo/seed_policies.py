"""The demo shop's promises: several versions, so that the changelog has something to tell."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from merchant.journal import staff
from policies.models import ChangeClass, Kind, Policy, PolicyVersion
from policies.publishing import new_draft, publish

TEXTS = Path(__file__).parent / "texts"


@dataclass(frozen=True)
class Text:
    """One version: how long ago it was published, and what it says. The words themselves are in ``texts/``."""

    days_ago: int
    summary: str
    change: str = ""
    box: str = ""
    change_class: str = ChangeClass.MATERIAL
    draft: bool = False


@dataclass(frozen=True)
class Promise:
    slug: str
    kind: Kind
    title: str
    scope: str
    position: int
    texts: tuple[Text, ...]


PROMISES = (
    Promise(
        "pre-order",
        Kind.PRE_ORDER,
        "Pre-order",
        "drop:spring-pyjama",
        10,
        (
            Text(
                45,
                "It is sewn after the drop closes and leaves on the day named here.",
                box="I know that it ships later.",
            ),
            Text(
                12,
                "It is sewn after the drop closes and leaves on the day named here, or earlier.",
                "If we are more than 7 days late, you can cancel at once.",
                box="I know that this is a pre-order and when it ships.",
            ),
        ),
    ),
    Promise(
        "returns",
        Kind.RETURNS,
        "Returns",
        "shop",
        20,
        (
            Text(380, "30 days to send it back, postage on us."),
            Text(
                140,
                "30 days to send it back, postage on us.",
                "Says that trying something on at home is not wearing it.",
                change_class=ChangeClass.CLARIFICATION,
            ),
            Text(
                20,
                "14 days to send it back; the postage back is €4.",
                "14 days instead of 30, and the postage back costs €4.",
                box="I have read that returns are open for 14 days.",
            ),
        ),
    ),
    Promise(
        "withdrawal",
        Kind.CANCELLATIONS,
        "Right of withdrawal",
        "area:EEA",
        25,
        (Text(380, "In the European Economic Area you can withdraw for 14 days after it arrived."),),
    ),
    Promise(
        "shipping",
        Kind.SHIPPING,
        "Shipping",
        "shop",
        30,
        (
            Text(380, "Leaves within 3 working days. One price for an order."),
            Text(
                45,
                "Leaves within 3 working days, pre-orders on their day. One price for an order.",
                "Says when pre-orders leave, and who pays duties outside the European Union.",
                change_class=ChangeClass.CLARIFICATION,
            ),
        ),
    ),
    Promise(
        "open-flame",
        Kind.TERMS,
        "Burning a candle",
        "tag:candle",
        40,
        (Text(200, "Never leave a burning candle alone."),),
    ),
    Promise(
        "privacy",
        Kind.PRIVACY,
        "Privacy",
        "shop",
        90,
        (Text(380, "What we know about you, and why. We sell nothing of it."),),
    ),
)
DRAFT_OF, DRAFT_SUMMARY, DRAFT_CHANGE = (
    "shipping",
    "Leaves within 2 working days.",
    "We pack faster: 2 working days instead of 3.",
)


def seed_policies(now: datetime) -> None:
    """Publish every text at its time, oldest first; leave one draft for the reviewer."""
    for promise in PROMISES:
        policy, new = Policy.objects.get_or_create(
            slug=promise.slug,
            defaults={
                "kind": promise.kind,
                "title": promise.title,
                "scope": promise.scope,
                "position": promise.position,
            },
        )
        if new:
            _publish_all(policy, promise, now)
    _leave_a_draft()


def _publish_all(policy: Policy, promise: Promise, now: datetime) -> None:
    for number, text in enumerate(promise.texts, start=1):
        draft = new_draft(policy, staff("owner"))
        draft.summary, draft.box_wording = text.summary, text.box
        draft.change_summary, draft.change_class = text.change, text.change_class
        draft.source = (TEXTS / f"{promise.slug}-v{number}.md").read_text(encoding="utf-8")
        draft.save()
        publish(draft, by=staff("reviewer"), now=now - timedelta(days=text.days_ago))


def _leave_a_draft() -> None:
    policy = Policy.objects.get(slug=DRAFT_OF)
    if PolicyVersion.objects.filter(policy=policy, published_at=None).exists() or policy.versions.count() > 2:
        return
    draft = new_draft(policy, staff("owner"))
    draft.summary, draft.change_summary = DRAFT_SUMMARY, DRAFT_CHANGE
    draft.source = draft.source.replace("within 3 working days", "within 2 working days")
    draft.save()
