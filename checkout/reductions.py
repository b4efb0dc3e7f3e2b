"""What is left of rows around an order whose person is forgotten: that they were, when, and hashes; nobody's name.

Each takes rows that may go, leaves those alone that are reduced already, and returns how many it reduced. Whether
they may go is for the caller to know: ``erasure`` for a person who asks, ``retention`` for what was kept long enough.
"""

import hashlib
import json
from datetime import datetime

from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from checkout.after_sale import FanRequest, Shipment
from checkout.evidence import EvidenceFile, EvidencePack, PackState
from checkout.evidence_packs import CHANGEABLE, OWN_FILE
from checkout.models import DiscountCount, WebhookEvent
from checkout.waiting_models import WaitingPlace
from segments.models import Message, MessageState

ERASED = "erased"
ON_REQUEST = "erased on request"
NAMED_AFTER_PEOPLE = ("policy_news_confirm",)  # kinds of messages with a fingerprint of the address in their key
OWN_NAME = "own-file-erased"


def messages(rows: QuerySet[Message]) -> int:
    """Messages stay as lines of the ledger, so that none is sent twice; what they said becomes its hash."""
    done = 0
    for message in rows.exclude(to=""):
        waits = message.state in (MessageState.DUE, MessageState.FAILED, MessageState.UNCERTAIN)
        Message.objects.filter(pk=message.pk).update(
            to="",
            subject=f"{message.kind.replace('_', ' ').capitalize()}, erased"[:200],
            text=f"sha256:{_sha256(message.text)}",
            html="",
            leave_url="",  # names the address
            reason=ON_REQUEST,
            state=MessageState.SKIPPED if waits else message.state,
            # Its name would find the address again.
            key=f"erased:{message.pk}" if message.kind in NAMED_AFTER_PEOPLE else message.key,
        )
        done += 1
    return done


def news(rows: QuerySet[WebhookEvent]) -> int:
    """An event's payload becomes its hash: the address on a bill is in it."""
    done = 0
    for event in rows.exclude(payload__has_key="erased"):
        digest = _sha256(json.dumps(event.payload, sort_keys=True))
        WebhookEvent.objects.filter(pk=event.pk).update(payload={"erased": True, "sha256": digest})
        done += 1
    return done


def requests(rows: QuerySet[FanRequest]) -> int:
    """What was asked for, when, about which units and how it ended stays; name, address and words go."""
    done = 0
    for request in rows.exclude(statement__startswith="sha256:").order_by("pk"):
        done += FanRequest.objects.filter(pk=request.pk).update(
            name="", email="", reason="", answer="", statement=f"sha256:{_sha256(request.statement)}"
        )
    return done


def parcels(rows: QuerySet[Shipment]) -> int:
    """A tracking number leads to an address at the carrier."""
    return rows.exclude(tracking="").update(tracking="")


def packs(rows: QuerySet[EvidencePack]) -> int:
    """An answer to a bank keeps its state, its checklist and the sha256 of its words and of each of its papers."""
    done = 0
    for pack in rows.exclude(texts__has_key=ERASED).order_by("pk"):
        said = json.dumps([pack.texts, pack.priors, pack.own_words], sort_keys=True)
        changes = {"state": PackState.OVER, "explained": ERASED} if pack.state in CHANGEABLE else {}
        done += EvidencePack.objects.filter(pk=pack.pk).update(
            texts={ERASED: f"sha256:{_sha256(said)}"}, priors=[], own_words="", **changes
        )
        files = EvidenceFile.objects.filter(pack=pack)
        files.update(content=b"")
        files.filter(field=OWN_FILE).update(name=OWN_NAME)  # others are named after their order
    return done


def places(rows: QuerySet[WaitingPlace]) -> int:
    """That somebody waited, for what and how it ended stays. Only of places that are over: an open one is asked."""
    return rows.exclude(email="").update(email="", person_key="")


def discount_counts(rows: QuerySet[DiscountCount]) -> int:
    """The count stays, for the sum of all; whose it was goes."""
    named = rows.exclude(person_key="").exclude(person_key__startswith=f"{ERASED}:")
    return named.update(person_key=Concat(Value(f"{ERASED}:"), Cast(F("pk"), CharField())))


def over_discounts(before: datetime) -> Q:
    """Counts of discounts that ended before then; or, switched off, that nobody used since."""
    ended = Q(discount__ends_at__lt=before)
    used_since = Q(discount__redemptions__redeemed_at__gte=before)
    return ended | (Q(discount__is_on=False) & ~used_since)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
