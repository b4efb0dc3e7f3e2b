"""The papers of an answer as PDF: the order, the texts with their hashes, the parcels, the messages.

Typst sets them: values travel as JSON beside the layout, so nothing that a fan wrote can become layout.
"""

import hashlib
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pypdf
import typst

from checkout.evidence_facts import Facts
from merchant.money import Money
from policies import reading

LAYOUT = (Path(__file__).parent / "evidence.typ").read_bytes()
MOST_BYTES = 5 * 1024 * 1024  # of all files together; https://docs.stripe.com/disputes/best-practices
MOST_PAGES = 49  # "fewer than 50"
Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Paper:
    field: str  # of the provider's evidence
    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def pages(self) -> int:
        return pages_of(self.content)


def papers(facts: Facts) -> list[Paper]:
    """What there is to show, a file each."""
    ref = facts.order.reference
    made = [Paper("receipt", f"{ref}-order.pdf", _set(facts, f"Order {ref}", _order(facts)))]
    if facts.texts:
        made.append(Paper("refund_policy", f"{ref}-texts.pdf", _set(facts, "What was shown and agreed", _texts(facts))))
    if facts.parcels:
        content = _set(facts, "Parcels and deliveries", _parcels(facts))
        made.append(Paper("shipping_documentation", f"{ref}-parcels.pdf", content))
    if facts.mails:
        content = _set(facts, "Messages to the buyer", _mails(facts))
        made.append(Paper("customer_communication", f"{ref}-messages.pdf", content))
    return made


def pages_of(content: bytes) -> int:
    """Of a PDF; a picture is one page. Raises pypdf.errors.PyPdfError for a PDF that cannot be read."""
    return len(pypdf.PdfReader(io.BytesIO(content)).pages) if content.startswith(b"%PDF") else 1


def too_big(sizes: Iterable[tuple[int, int]]) -> str:
    """Why the provider would refuse these files, given as (bytes, pages); empty where it would not."""
    found = list(sizes)
    size, pages = sum(each[0] for each in found), sum(each[1] for each in found)
    if size > MOST_BYTES:
        return f"The files have {size / 1024 / 1024:.1f} MB together; 5 MB fit. Send a smaller one."
    if pages > MOST_PAGES:
        return f"The files have {pages} pages together; {MOST_PAGES} fit. Send a shorter one."
    return ""


def _set(facts: Facts, title: str, blocks: list[Block]) -> bytes:
    said = {"title": title, "shop": facts.shop, "reference": facts.order.reference, "blocks": blocks}
    made = typst.compile(LAYOUT, format="pdf", sys_inputs={"said": json.dumps(said)})
    assert isinstance(made, bytes)  # noqa: S101  # one output, as nothing else was asked for
    return made


def _order(facts: Facts) -> list[Block]:
    order = facts.order
    amounts = [("Subtotal", order.subtotal_minor), ("Delivery", order.shipping_minor), ("Total", order.total_minor)]
    rows = [("Buyer", order.name), ("E-mail", order.email), ("Goes to", "\n".join(facts.address))]
    rows += [("Network address", facts.ip or "not on record"), ("Device", facts.user_agent or "not on record")]
    return [
        *[_para(line) for line in facts.goods],
        _table([(words, str(Money(minor, order.currency))) for words, minor in amounts]),
        _table(rows),
        _heading("What happened"),
        _table([(_moment(at), words) for at, words in facts.timeline]),
    ]


def _texts(facts: Facts) -> list[Block]:
    blocks: list[Block] = []
    for text in (*facts.standing, *facts.replaced):
        answer = "no box" if text.accepted is None else text.ticked if text.accepted else f"not {text.ticked}"
        rows = [
            ("Version", text.ref),
            ("sha256 of the text", text.sha256),
            ("Shown", f"{_moment(text.shown_at)}, {text.where}, {text.language}"),
            ("Answered", _moment(text.answered_at)),
            ("Box", f"“{text.wording}”: {answer}" if text.wording else answer),
        ]
        if text.replaced:
            rows.append(("What became of it", f"{text.then[0].upper()}{text.then[1:]}."))
        heading = f"{text.title}, as it was shown first" if text.replaced else text.title
        blocks += [_heading(heading), _table(rows), *_read(text.html)]
    return blocks


def _parcels(facts: Facts) -> list[Block]:
    blocks: list[Block] = []
    for number, parcel in enumerate(facts.parcels, start=1):
        goods = "\n".join(f"{each.quantity} × {each.line.title}" for each in parcel.lines.all())
        received = _moment(parcel.delivered_at) if parcel.delivered_at else "not on record"
        rows = [("What", goods), ("Carrier", parcel.carrier or "–"), ("Tracking", parcel.tracking or "–")]
        rows += [("Left", _moment(parcel.shipped_at)), ("Received", received), ("Sent to", "\n".join(facts.address))]
        blocks += [_heading(f"Parcel {number}"), _table(rows)]
    return blocks


def _mails(facts: Facts) -> list[Block]:
    blocks: list[Block] = []
    for mail in facts.mails:
        sent = _moment(mail.sent_at) if mail.sent_at else "not on record"
        blocks += [_heading(mail.subject), _table([("To", mail.to), ("Sent", sent)]), _para(mail.text)]
    return blocks


def _heading(text: str) -> Block:
    return {"kind": "heading", "text": text}


def _para(text: str) -> Block:
    return {"kind": "para", "text": text}


def _table(rows: list[tuple[str, str]]) -> Block:
    return {"kind": "table", "rows": rows}


def _read(html: str) -> list[Block]:
    return [{"kind": block.kind, "text": block.text} for block in reading.blocks(html)]


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
