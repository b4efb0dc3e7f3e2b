"""The retention table: each kind of thing, how long it is kept by default, and the least that makes sense."""

from dataclasses import dataclass
from typing import Final

from checkout.privacy_models import RetentionPeriod

PAID_AT_LEAST: Final = "paid-at-least"
PAID: Final = "paid"
UNPAID: Final = "unpaid"
PEOPLE: Final = "acceptance-people"
EVIDENCE: Final = "erased-evidence"
MESSAGES: Final = "messages"
NEWS: Final = "payment-news"
CARTS: Final = "carts"
COUNTS: Final = "limits"
FANS: Final = "quiet-fans"
SIGN_UPS: Final = "sign-ups"
DISPUTES: Final = "disputes"
REQUESTS: Final = "requests"
PARCELS: Final = "parcels"
WAITING: Final = "waiting-lists"
DISCOUNTS: Final = "discounts"
REFUSALS: Final = "refusals"
SIGN_INS: Final = "sign-ins"
DESK_LOG: Final = "desk-log"
MOST_DAYS: Final = 36_500


@dataclass(frozen=True, slots=True)
class Kept:
    """A line of the table. Days; ``then`` says what happens after them, ``why`` what the least is for."""

    what: str
    title: str
    default: int
    least: int
    then: str
    why: str


TABLE: Final = {
    kept.what: kept
    for kept in (
        Kept(
            PAID_AT_LEAST,
            "Paid orders, at least",
            30,
            14,
            "Before that nobody's name is erased, even on request.",
            "Delivery and returns: two weeks are the law in the EU. Raise it to what your tax law asks.",
        ),
        Kept(
            PAID,
            "Paid orders: name, e-mail, phone, street",
            3650,
            90,
            "They become hashes. Amounts, things and country stay in the books.",
            "Warranty, and disputes.",
        ),
        Kept(UNPAID, "Orders that were never paid", 90, 7, "Their person becomes hashes.", "Late payments."),
        Kept(
            PEOPLE,
            "Who accepted policies: IP, browser",
            730,
            540,
            "Deleted. What was accepted, and when, stays.",
            "Some banks take disputes for 540 days.",
        ),
        Kept(
            EVIDENCE,
            "Hashes of erased people",
            1095,
            540,
            "Deleted.",
            "A dispute about an order whose person was erased can still be answered.",
        ),
        Kept(
            MESSAGES,
            "Messages: address and text",
            730,
            30,
            "They become hashes. That they were sent stays.",
            "“I never got a mail.”",
        ),
        Kept(NEWS, "Payment news, as it came", 365, 30, "It becomes a hash.", "Stripe keeps events for 30 days."),
        Kept(CARTS, "Carts that nobody ordered from", 30, 1, "Deleted.", "A fan comes back."),
        Kept(
            COUNTS,
            "Who had how many: keyed fingerprints",
            180,
            14,
            "Deleted, so many days after the drop closed.",
            "What comes back may be bought again.",
        ),
        Kept(
            FANS,
            "Fans who agreed to nothing and did nothing",
            1095,
            30,
            "Deleted with what they did.",
            "Nobody is written to without a yes.",
        ),
        Kept(
            SIGN_UPS,
            "Sign-ups for news of a drop: e-mail, confirmed or not",
            14,
            7,
            "Deleted. What was confirmed stays with the fan's consents; of the others nothing stays.",
            "The link that confirms one works for seven days.",
        ),
        Kept(
            DISPUTES,
            "Answers to disputes, from the bank's decision on",
            180,
            60,
            "Words and papers become hashes. Before that their order keeps its name, even on request.",
            "A bank may take its decision up again.",
        ),
        Kept(
            REQUESTS,
            "What fans asked for after the sale: name, e-mail, words",
            1095,
            540,
            "They become hashes. What was asked, and how it ended, stays.",
            "Some banks take disputes for 540 days.",
        ),
        Kept(
            PARCELS,
            "Tracking numbers",
            730,
            540,
            "Deleted. That a parcel left, and arrived, stays.",
            "“It never came.” Some banks take disputes for 540 days.",
        ),
        Kept(
            WAITING,
            "Places on waiting lists that are over: e-mail",
            90,
            7,
            "The address goes. That somebody waited stays.",
            "“I never got an offer.”",
        ),
        Kept(
            DISCOUNTS,
            "Who used a discount: keyed fingerprints",
            180,
            14,
            "They go, so many days after it ended; or, switched off, after its last use. The count stays.",
            "What comes back may be bought again with it.",
        ),
        Kept(REFUSALS, "What rules refused", 180, 7, "Deleted.", "Questions to support."),
        Kept(
            DESK_LOG,
            "The admin's own log: what was edited, by its name",
            365,
            30,
            "Deleted. The journal, which names no fan, stays.",
            "A fan who was deleted at the desk is named in it.",
        ),
        Kept(SIGN_INS, "Sign-ins of staff: name, IP", 90, 7, "Deleted.", "Who was here last week."),
    )
}


def days(what: str) -> int:
    """How long it is kept: as the shop says, never less than the least."""
    kept = TABLE[what]
    own = RetentionPeriod.objects.filter(what=what).values_list("days", flat=True).first()
    return max(own if own is not None else kept.default, kept.least)


def all_days() -> dict[str, int]:
    """The same of every line."""
    own = dict(RetentionPeriod.objects.values_list("what", "days"))
    return {what: max(own.get(what, kept.default), kept.least) for what, kept in TABLE.items()}
