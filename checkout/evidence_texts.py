"""What an answer says, for the reason that the bank gave: plain sentences about facts, and the list of what is there.

Which evidence helps for which reason: https://docs.stripe.com/disputes/reason-codes-defense-requirements
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from checkout.evidence_facts import Facts, ShownText
from merchant.money import Money

MOST_CHARACTERS = 150_000  # of all fields together; https://docs.stripe.com/api/disputes/update
MOST_IN_A_FIELD = 20_000
LONG_FIELDS = (
    *("access_activity_log", "cancellation_rebuttal", "duplicate_charge_explanation", "product_description"),
    *("refund_policy_disclosure", "refund_refusal_explanation", "uncategorized_text"),
)
Said = Callable[[Facts], list[str]]
Item = tuple[str, bool]


def write(facts: Facts, own_words: str = "") -> dict[str, str]:
    """The evidence fields of text, by the provider's names; empty ones are left out."""
    order = facts.order
    first = facts.parcels[0] if facts.parcels else None
    fields = {
        "customer_name": order.name,
        "customer_email_address": order.email,
        "customer_purchase_ip": facts.ip,
        "product_description": "\n".join([f"From {facts.shop}, drop “{order.drop.title}”:", *facts.goods]),
        "shipping_address": "\n".join(facts.address) if facts.is_sent else "",
        "shipping_carrier": _joined(parcel.carrier for parcel in facts.parcels),
        "shipping_tracking_number": _joined(parcel.tracking for parcel in facts.parcels),
        "shipping_date": _day(first.shipped_at) if first else "",
        "access_activity_log": _activity(facts),
        "refund_policy_disclosure": _disclosure(facts),
        "uncategorized_text": "\n\n".join(filter(None, ["\n".join(_story(facts)), own_words])),
    }
    match facts.dispute.reason:
        case "credit_not_processed":
            fields["refund_refusal_explanation"] = "\n".join(_credits(facts))
        case "duplicate":
            fields["duplicate_charge_explanation"] = "\n".join(_others(facts))
        case "subscription_canceled":
            fields["cancellation_rebuttal"] = (
                "This was a single purchase; there is no subscription that could be ended."
            )
    return {name: value for name, value in fields.items() if value}


def checklist(facts: Facts, own_words: str = "") -> list[Item]:
    """What this reason calls for, and whether our books have it; of parcels nothing where none is to be sent."""
    wanted = [each for each in FOR_REASON.get(facts.dispute.reason, ()) if facts.is_sent or each not in OF_PARCELS]
    items = [(words, test(facts)) for words, test in (*ALWAYS, *wanted)]
    if facts.digital and facts.dispute.reason in ABOUT_ARRIVAL:
        items.append(("When and how the digital things were received or used, in your own words", bool(own_words)))
    return items


def too_long(fields: Mapping[str, str]) -> str:
    """Why the provider would refuse these texts, with what to do instead; empty where it would not."""
    for name, value in fields.items():
        if len(value) > MOST_IN_A_FIELD and name in LONG_FIELDS:
            words = name.replace("_", " ")
            return f"“{words}” has {len(value):,} characters; {MOST_IN_A_FIELD:,} fit. Put the long part into a file."
    total = sum(map(len, fields.values()))
    if total > MOST_CHARACTERS:
        return f"The texts have {total:,} characters together; {MOST_CHARACTERS:,} fit. Put the long part into a file."
    return ""


ALWAYS: tuple[tuple[str, Callable[[Facts], bool]], ...] = (
    ("What was sold, at which price", lambda facts: bool(facts.goods)),
    ("The address of the network the order came from (IP)", lambda facts: bool(facts.ip)),
    ("The texts that were shown, with their hashes", lambda facts: bool(facts.standing)),
    ("A box that the buyer ticked", lambda facts: bool(facts.agreed)),
    ("The messages that were sent to the buyer", lambda facts: bool(facts.mails)),
)
_SENT = ("A parcel with its tracking number", lambda facts: any(parcel.tracking for parcel in facts.parcels))
_ARRIVED = ("The day on which everything was received", lambda facts: _all_arrived(facts))
_RULES = ("The texts about returns and refunds", lambda facts: bool(facts.return_texts))
OF_PARCELS = (_SENT, _ARRIVED)
ABOUT_ARRIVAL = ("product_not_received", "product_unacceptable", "fraudulent", "unrecognized", "general")
FOR_REASON: dict[str, tuple[tuple[str, Callable[[Facts], bool]], ...]] = {
    "fraudulent": (
        _SENT,
        ("Earlier purchases of the same buyer", lambda facts: bool(facts.others)),
        ("The buyer's device, as it named itself", lambda facts: bool(facts.user_agent)),
    ),
    "product_not_received": (_SENT, _ARRIVED),
    "product_unacceptable": (_ARRIVED, _RULES),
    "credit_not_processed": (_RULES, ("Refunds that were made", lambda facts: bool(facts.refunds))),
    "duplicate": (("The other order that it is taken for", lambda facts: bool(facts.others)),),
    "unrecognized": (_SENT, ("Earlier purchases of the same buyer", lambda facts: bool(facts.others))),
    "general": (_SENT, _RULES),
}


def _story(facts: Facts) -> list[str]:
    order = facts.order
    placed = f"placed {_moment(order.placed_at)} by {order.name}, {order.email}"
    said = [
        f"Order {order.reference} at {facts.shop}: {facts.total}, {placed}. The dispute is about {facts.disputed}.",
        *FOR_STORY.get(facts.dispute.reason, _generally)(facts),
    ]
    if facts.refunds and facts.dispute.reason != "credit_not_processed":
        said += _credits(facts)
    return said


def _generally(facts: Facts) -> list[str]:
    return [*_agreement(facts), *_deliveries(facts)]


def _fraudulent(facts: Facts) -> list[str]:
    said = ["The buyer's own details point to the cardholder:"]
    if facts.ip:
        said.append(f"The order came from the network address {facts.ip}.")
    if facts.others:
        said.append(f"The same e-mail address has {_count(facts.others, 'other paid order')} with us.")
    return [*said, *_agreement(facts), *_deliveries(facts)]


def _not_received(facts: Facts) -> list[str]:
    said = _deliveries(facts)
    if facts.is_sent and not facts.parcels:
        said.append("Nothing has left yet.")
    return said


def _unacceptable(facts: Facts) -> list[str]:
    said = [*_deliveries(facts), *_agreement(facts)]
    if not facts.requests:
        said.append("The buyer has not asked us, by the form on their order's page, to send anything back.")
    return [*said, *_asked(facts)]


def _duplicate(facts: Facts) -> list[str]:
    return [*_others(facts), *_deliveries(facts)]


FOR_STORY: dict[str, Said] = {
    "fraudulent": _fraudulent,
    "unrecognized": _fraudulent,
    "product_not_received": _not_received,
    "product_unacceptable": _unacceptable,
    "credit_not_processed": lambda facts: [*_credits(facts), *_asked(facts), *_agreement(facts)],
    "duplicate": _duplicate,
}


def _agreement(facts: Facts) -> list[str]:
    said = [
        f"On {_moment(text.answered_at)} they {text.ticked} “{text.wording}” beside {text.name}, {text.where} "
        f"{text.language}, before paying."
        for text in facts.agreed
    ]
    return said + [_first(text) for text in facts.replaced if text.accepted]


def _first(text: ShownText) -> str:
    answer = f" and {text.ticked}" if text.accepted else ""
    return f"{text.name} was {text.where} first, on {_moment(text.shown_at)}{answer}; {text.then}."


def _deliveries(facts: Facts) -> list[str]:
    said = []
    for parcel in facts.parcels:
        goods = ", ".join(f"{each.quantity} × {each.line.title}" for each in parcel.lines.all())
        way = " ".join(filter(None, [parcel.carrier, parcel.tracking]))
        then = f"; received {_moment(parcel.delivered_at)}" if parcel.delivered_at else ""
        said.append(f"{goods} left {_moment(parcel.shipped_at)}{' with ' + way if way else ''}{then}.")
    return said + _digital(facts)


def _digital(facts: Facts) -> list[str]:
    """When it could be had is not in our books: staff add it. When it was confirmed, and by which mails, is."""
    if not facts.digital or not facts.order.confirmed_at:
        return []
    goods = ", ".join(facts.digital)
    return [f"{goods}: digital, not sent by parcel; the order was confirmed {_moment(facts.order.confirmed_at)}."]


def _credits(facts: Facts) -> list[str]:
    if not facts.refunds:
        return ["No refund was made for this order."]
    return [
        f"{Money(refund.amount_minor, facts.order.currency)} was refunded, asked for {_moment(refund.created_at)} "
        f"({refund.provider_id or refund.key})."
        for refund in facts.refunds
    ]


def _asked(facts: Facts) -> list[str]:
    return [
        f"{request.get_kind_display()} was asked for {_moment(request.requested_at)}; it is now: "
        f"{request.get_state_display().lower()}."
        for request in facts.requests
    ]


def _others(facts: Facts) -> list[str]:
    if not facts.others:
        return ["We know of no other paid order of this buyer: this is the only charge."]
    return [
        f"This charge is for order {facts.order.reference} alone. The same buyer's other orders have their own:"
    ] + [
        f"{other.reference}, {other.total}, placed {_moment(other.placed_at)} ({other.payment.charge_id})."
        for other in facts.others
    ]


def _disclosure(facts: Facts) -> str:
    said = [
        f"{text.name} was {text.where} {text.language} on {_moment(text.shown_at)}"
        + (f", and “{text.wording}” was {text.ticked} on {_moment(text.answered_at)}." if text.accepted else ".")
        for text in facts.standing
    ]
    return "\n".join(said + [_first(text) for text in facts.replaced])


def _activity(facts: Facts) -> str:
    by = [f"From {facts.ip}, {facts.user_agent}".rstrip(", ")] if facts.ip else []
    return "\n".join([*by, *(f"{_moment(at)}  {words}" for at, words in facts.timeline)])


def _all_arrived(facts: Facts) -> bool:
    return bool(facts.parcels) and len(facts.delivered) == len(facts.parcels)


def _joined(words: object) -> str:
    return ", ".join(dict.fromkeys(filter(None, words)))  # type: ignore[call-overload]  # strings, each once


def _count(things: tuple[object, ...], noun: str) -> str:
    return f"{len(things)} {noun}" + ("" if len(things) == 1 else "s")


def _day(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d")


def _moment(at: datetime) -> str:
    """Banks read one zone best."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
