"""The journal for people: what happened, to what and why, from the exact words that are kept in it.

Rows are never rewritten, so what they say in code is put into words when it is read.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

# What a deed is called, where its verb alone does not say it.
DEEDS = {
    "action_required": "Waits for the fan",
    "allowance_granted": "Was allowed more units",
    "amount_differs": "The amount paid differs",
    "amount_settled": "Said the amount is settled",
    "approved": "Approved it",
    "asked_again": "Asked the provider again",
    "authorised": "The bank set the amount aside",
    "card_looks_fine": "Said the card is fine",
    "card_shared": "One card paid for several people",
    "cards_used_up": "Too many cards were refused",
    "chain_upgraded": "From here on more is sealed",
    "deferred": "Put off until the provider answers",
    "delay_asked": "Asked whether the fan still wants it",
    "delay_consented": "The fan agreed to the new date",
    "delay_refund_stuck": "The refund for a delay does not get through",
    "dispute_lost": "The bank decided for the fan",
    "dispute_needs_response": "The bank disputes it and waits for an answer",
    "dispute_under_review": "The bank reads the answer",
    "dispute_warning_closed": "The bank asked, and took no money",
    "dispute_warning_needs_response": "The bank asks, and took no money yet",
    "dispute_warning_under_review": "The bank reads the answer, and took no money yet",
    "dispute_won": "The bank decided for the shop",
    "draft_edited": "Edited the draft",
    "draft_started": "Started a draft",
    "erased_in_part": "Erased what may be erased",
    "evidence_built_again": "Put the evidence together again",
    "evidence_changed": "Changed the evidence",
    "evidence_held": "Keeps the evidence back",
    "evidence_not_wanted": "The bank wants no evidence any more",
    "evidence_staged": "Evidence lies ready at the provider",
    "evidence_submit_pressed": "Pressed “Submit to the bank”",
    "evidence_submitted": "Evidence went to the bank",
    "intent_closed": "Closed the payment at the provider",
    "kept_long_enough": "Deleted what was kept long enough",
    "late_paid": "Paid after its time",
    "let_go": "Let the amount go",
    "letting_go": "Lets the amount go",
    "links_sealed": "Sealed what was promised and accepted",
    "named": "Gave it its name and place",
    "on_sale_meanwhile": "Units came on sale meanwhile",
    "open_now": "Started the sale",
    "paid_twice": "Paid twice",
    "people_forgotten": "Deleted who had answered",
    "periods_changed": "Changed how long things are kept",
    "person_erased": "Erased the person",
    "profile_changed": "Changed the shop profile",
    "refund_failed": "A refund did not get through",
    "refund_found": "Found a refund made at the provider",
    "refund_requested": "Asked for a refund",
    "refund_sent_again": "Sent a refund again",
    "refund_waits": "A refund waits",
    "retirement_asked": "Asked to retire it",
    "review_asked": "Asked for a review",
    "sent_again": "Sent it again",
    "sent_back": "Sent it back",
    "successor_started": "Started another policy to take its place",
    "surplus_refunded": "Gave back what was paid twice",
    "units_back_on_sale": "Put units back on sale",
    "units_written_off": "Wrote units off",
}
# Deeds whose reason is a list of the fields they changed.
LISTS_FIELDS = frozenset(["drafted", "draft_edited", "edited", "named", "periods_changed", "profile_changed"])
# Fields as their forms call them, where taking out the underscores does not give it.
FIELDS = {
    "accent": "accent colour",
    "allowed_origins": "sites that may sell",
    "box_wording": "box at checkout",
    "capture": "when the card is charged",
    "change_class": "how much changes",
    "change_summary": "what changed, in plain words",
    "cover_alt": "description of the cover",
    "deferral_minutes": "time to hold in provider trouble, minutes",
    "effect": "what it does",
    "effective_at": "when it takes effect",
    "elsewhere": "everywhere but there",
    "ends_at": "end",
    "hard_cap_minutes": "longest hold, minutes",
    "hold_from": "when the hold starts",
    "hold_minutes": "hold time, minutes",
    "late_payment_days": "days to wait for a late payment",
    "late_payments": "what happens when money comes too late",
    "lifted": "end of the rule",
    "limit_by_address": "limit a household",
    "minimum_age": "from which age",
    "most": "how many",
    "notice_days": "notice of material changes, days",
    "pay_at_pickup": "pay at pick-up",
    "pickup_place": "pick-up place",
    "pickup_until": "pick-up until",
    "prices_include_tax": "whether prices include tax",
    "processing_days": "days for slow payments",
    "proof": "how the age is shown",
    "reason": "what a refused fan reads",
    "replaces_wider": "whether it stands instead of wider ones",
    "return_days": "days to send something back",
    "scope": "where it applies",
    "second_person_approves": "whether a second person approves policies",
    "shipping_minor": "flat shipping",
    "slow_payments": "whether payments that need days are taken",
    "ships_to": "countries it ships to",
    "slug": "address",
    "source": "text",
    "starts_at": "start",
    "stripe_tax": "whether Stripe Tax is asked",
    "summary": "the one sentence",
    "tag": "products it is for",
    "tax_basis_points": "tax",
    "timezone": "time zone",
    "unknown_place": "digital goods to nobody knows where",
    "waiting_minutes": "time to answer an offer, minutes",
}
# What the parts of an exact record are called.
PARTS = {
    "amount": "Amount, in minor units",
    "amount_minor": "Amount, in minor units",
    "effective_at": "Takes effect",
    "for": "For",
    "hand": "By hand",
    "ip": "Address on the network",
    "offer_id": "Offer",
    "sha256": "Fingerprint of the text",
    "sitting": "Sat down to it",
    "sku": "SKU",
}
SUBJECTS = {
    "card": "Card",
    "chain": "Chain of promises",
    "people": "People behind acceptances",
    "retention": "What is kept",
    "stock": "Stock of",
    "waiting": "Place on a waiting list",
}
_FIELD = re.compile(r"[a-z][a-z0-9_]*")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?([+-]\d\d:\d\d|Z)$")
_CODE = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)+")


def deed(verb: str) -> str:
    """What was done: ``review_asked`` → ``Asked for a review``."""
    return DEEDS.get(verb) or plain(verb)


def verbs_like(words: str) -> list[str]:
    """The verbs whose words have ``words`` in them, so that people find a deed by what they read."""
    return [verb for verb, said in DEEDS.items() if words.casefold() in said.casefold()]


def why(verb: str, said: str) -> str:
    """The reason: fields and a bank's codes in words, what a person wrote as it is."""
    parts = said.split(", ")
    if verb in LISTS_FIELDS and all(map(_FIELD.fullmatch, parts)):
        return "; ".join(map(field, parts))
    return plain(said) if _CODE.fullmatch(said) else said


def field(name: str) -> str:
    """A field as its form calls it: ``hold_minutes`` → ``Hold time, minutes``."""
    return plain(FIELDS.get(name, name))


def subject(said: str, titles: Mapping[str, str]) -> str:
    """What it was done to: ``order:FR-1001`` → ``Order FR-1001``; ``titles`` of what has one, by subject."""
    if said in titles:
        return titles[said]
    kind, _, name = said.partition(":")
    return f"{SUBJECTS.get(kind) or plain(kind)} {name}".strip()


def record(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What else was noted, part by part; its exact form stands beside it."""
    return [(PARTS.get(name) or plain(name), _value(value)) for name, value in data.items()]


def plain(code: str) -> str:
    """Code as words: ``payment.failed`` → ``Payment failed``."""
    words = code.replace("_", " ").replace(".", " ")
    return words[:1].upper() + words[1:]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_value, value)) or "none"
    if isinstance(value, Mapping):
        return "; ".join(f"{plain(name).lower()}: {_value(each)}" for name, each in value.items()) or "nothing"
    said = "–" if value is None else str(value)
    if _MOMENT.match(said):
        return f"{datetime.fromisoformat(said).astimezone(UTC):%-d %b %Y, %H:%M} UTC"
    return plain(said).lower() if _CODE.fullmatch(said) else said
