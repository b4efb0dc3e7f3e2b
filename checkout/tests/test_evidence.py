"""A dispute arrives: its answer builds itself, is staged and waits for a person, or it is said why not."""

import hashlib
import io
import threading
from datetime import date, datetime, timedelta
from typing import Any

import pypdf
import pytest
from django.db.models import F

from checkout import (
    compelling,
    disputes,
    evidence_facts,
    evidence_files,
    evidence_packs,
    gateway,
    parcels,
    payments,
    webhooks,
)
from checkout.errors import CannotAnswer
from checkout.evidence import EvidenceFile, EvidencePack, PackState
from checkout.gateway import DisputeView
from checkout.models import Order, Payment
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock, fresh, later, states
from checkout.tests.test_place_order_races import together
from checkout.tests.test_refunds import dispute_event, provider
from checkout.tests.test_webhooks import ring
from drops.models import Drop, StockItem
from merchant import journal
from policies.models import AcceptancePerson, Policy
from policies.publishing import new_draft, publish
from segments import delivery

pytestmark = pytest.mark.django_db(transaction=True)
STAFF = journal.staff("owner")
WORDING = "I know that I have 30 days to send it back."


@pytest.fixture
def promise(shop: object) -> Policy:
    policy = Policy.objects.create(slug="returns", kind="returns", title="Returns & refunds")
    draft = new_draft(policy, STAFF)
    draft.source, draft.summary = "## How\n\nSend it back within **30 days** – “as new”.\n\n- With its box", "30 days."
    draft.box_wording = WORDING
    draft.save()
    publish(draft, by=STAFF, now=clock())
    return policy


@pytest.fixture
def paid(promise: Policy, robe: Drop, sandbox: SandboxServer) -> Order:
    return buy(robe, sandbox)


def buy(robe: Drop, sandbox: SandboxServer, sku: str = "ROBE-M") -> Order:
    order = fan.placed(robe, (sku, 1), at=clock(), confirmation_token=fan.card(sandbox))
    payments.drain(clock)
    return fresh(order)


def disputed(order: Order, sandbox: SandboxServer, **details: Any) -> EvidencePack:
    dispute_id = sandbox.dispute(order.payment.intent_id, **details)
    disputes.note(gateway.retrieve_dispute(dispute_id), now=clock())
    return EvidencePack.objects.get()


def again(pack: EvidencePack) -> EvidencePack:
    return EvidencePack.objects.select_related("dispute").get(pk=pack.pk)


def at_the_bank(pack: EvidencePack, sandbox: SandboxServer) -> Any:
    return provider(sandbox).disputes.retrieve(pack.dispute.provider_id)


def writes(sandbox: SandboxServer) -> int:
    return len(sandbox.requests("disputes.update")) + len(sandbox.requests("files.create"))


@pytest.fixture(autouse=True)
def _fresh_log(sandbox: SandboxServer) -> None:
    sandbox.reset()


def words_of(file: EvidenceFile) -> str:
    pages = pypdf.PdfReader(io.BytesIO(bytes(file.content))).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def test_p14_three_webhooks_out_of_order_give_one_pack_and_nothing_is_submitted_by_itself(
    paid: Order, sandbox: SandboxServer
) -> None:
    dispute_id = sandbox.dispute(paid.payment.intent_id)
    for kind in ("updated", "created", "updated"):
        ring(dispute_event(kind, paid, dispute_id))
    webhooks.drain(clock)
    assert evidence_packs.drain(clock) == 1
    pack = EvidencePack.objects.get()
    found = at_the_bank(pack, sandbox)
    assert (pack.state, found.status, found.evidence_details.submission_count) == (
        PackState.STAGED,
        "needs_response",
        0,
    )
    assert found.evidence_details.has_evidence
    assert evidence_packs.drain(lambda: later(days=8)) == 0
    assert at_the_bank(pack, sandbox).status == "needs_response"
    assert states(paid)[-2:] == ["dispute_needs_response", "evidence_staged"]


def test_two_workers_that_note_at_once_make_one_pack(paid: Order, sandbox: SandboxServer) -> None:
    found = gateway.retrieve_dispute(sandbox.dispute(paid.payment.intent_id))
    answers = together(lambda number: str(disputes.note(found, now=clock())), 4)
    assert (answers, EvidencePack.objects.count()) == ({"noted": 1, "known": 3}, 1)


def test_two_workers_at_once_stage_it_once(paid: Order, sandbox: SandboxServer) -> None:
    pack = disputed(paid, sandbox)
    assert together(lambda number: str(evidence_packs.drain(clock)), 2) == {"1": 1, "0": 1}
    assert (again(pack).state, len(sandbox.requests("disputes.update"))) == (PackState.STAGED, 1)


def test_without_the_lease_both_would_stage_it(
    paid: Order, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the above."""
    disputed(paid, sandbox)
    both_have_it = threading.Barrier(2)

    def take_together(now: datetime) -> EvidencePack | None:
        found = EvidencePack.objects.select_related("dispute__order").filter(state=PackState.DUE).first()
        both_have_it.wait(timeout=120)
        if found is not None:
            found.leased_until = now
            EvidencePack.objects.filter(pk=found.pk).update(leased_until=now)
        return found

    monkeypatch.setattr(evidence_packs, "_claim", take_together)
    together(lambda number: str(evidence_packs.drain(clock, limit=1)), 2)
    assert len(sandbox.requests("disputes.retrieve")) == 3, "one to note it, and one of each worker"


def test_what_is_staged_says_what_our_books_know(paid: Order, sandbox: SandboxServer) -> None:
    line = paid.lines.get().pk
    parcels.ship(
        paid.pk, {line: 1}, carrier="DHL", tracking="00340", shipped_at=clock(), key="k", by=STAFF, now=clock()
    )
    pack = disputed(paid, sandbox, reason="product_not_received")
    evidence_packs.drain(clock)
    said = at_the_bank(pack, sandbox).evidence
    assert (said.customer_name, said.customer_email_address) == ("A Fan", "fan@example.com")
    assert (said.customer_purchase_ip, said.shipping_tracking_number) == ("203.0.113.7", "00340")
    assert "1 × Robe, M left" in said.uncategorized_text
    assert "with DHL 00340" in said.uncategorized_text
    assert WORDING in said.refund_policy_disclosure
    pack = again(pack)
    assert dict(pack.checklist)["A parcel with its tracking number"] is True
    assert dict(pack.checklist)["The day on which everything was received"] is False
    assert pack.score == round(100 * 5 / 7)  # not received, and no message was sent yet
    for file in pack.files.all():
        assert getattr(said, file.field) == file.provider_id
        assert file.sha256 == hashlib.sha256(bytes(file.content)).hexdigest()


def test_the_papers_read_as_they_were_written(paid: Order, sandbox: SandboxServer) -> None:
    delivery.drain(clock())
    pack = disputed(paid, sandbox)
    evidence_packs.drain(clock)
    files = {file.field: file for file in pack.files.all()}
    assert sorted(files) == ["customer_communication", "receipt", "refund_policy"]
    shown = evidence_facts.collect(again(pack).dispute).texts[0]
    texts = words_of(files["refund_policy"])
    assert "Send it back within 30 days – “as new”. • With its box" in texts
    assert f"Version returns/v1 sha256 of the text {shown.sha256}" in texts
    assert f"Box “{WORDING}”: accepted" in texts
    order = words_of(files["receipt"])
    assert f"Order {paid.reference} 1 × Robe, M at $48.00 each" in order
    assert "Network address 203.0.113.7" in order
    assert "Confirmed: Winter Robe" in words_of(files["customer_communication"])


@pytest.mark.parametrize("word", ["#set page(width: 1pt)", "$x^2$", "<script>", "*bold* _em_ `raw` \\"])
def test_what_a_fan_wrote_is_never_layout(paid: Order, sandbox: SandboxServer, word: str) -> None:
    Order.objects.filter(pk=paid.pk).update(name=word)
    pack = disputed(paid, sandbox)
    evidence_packs.drain(clock)
    assert word in words_of(pack.files.get(field="receipt"))


@pytest.mark.parametrize("due_by", [0, None])
def test_p15_a_dispute_without_a_time_to_answer_is_explained_and_nothing_is_written(
    paid: Order, sandbox: SandboxServer, due_by: int | None
) -> None:
    pack = disputed(paid, sandbox, due_by=due_by)
    evidence_packs.drain(clock)
    pack = again(pack)
    assert (pack.state, writes(sandbox)) == (PackState.OVER, 0)
    assert pack.explained == "The bank takes no answer to this dispute: it has set no time for one."
    with pytest.raises(CannotAnswer, match="takes no answer"):
        evidence_packs.submit(pack.pk, by=STAFF, now=clock())


def test_p15_one_that_was_answered_in_the_dashboard_is_left_alone(paid: Order, sandbox: SandboxServer) -> None:
    pack = disputed(paid, sandbox)
    provider(sandbox).disputes.update(pack.dispute.provider_id, {"evidence": {"customer_name": "x"}})
    before = writes(sandbox)
    evidence_packs.drain(clock)
    pack = again(pack)
    assert (pack.state, writes(sandbox)) == (PackState.OVER, before)
    assert "submitted already" in pack.explained


def test_p15_the_time_is_over(paid: Order, sandbox: SandboxServer) -> None:
    pack = disputed(paid, sandbox)
    evidence_packs.drain(clock)
    with pytest.raises(CannotAnswer, match="time to answer is over"):
        evidence_packs.submit(pack.pk, by=STAFF, now=later(days=10))
    assert at_the_bank(pack, sandbox).status == "needs_response"


@pytest.mark.parametrize("length", [20_001, 150_001])
def test_p16_text_that_is_too_long_is_refused_here_and_a_file_suggested(
    paid: Order, sandbox: SandboxServer, length: int
) -> None:
    pack = disputed(paid, sandbox)
    evidence_packs.drain(clock)
    before = writes(sandbox)
    with pytest.raises(CannotAnswer, match="Put the long part into a file"):
        evidence_packs.add(pack.pk, "x" * length, None, by=STAFF, now=clock())
    evidence_packs.drain(clock)
    assert (writes(sandbox), again(pack).state) == (before, PackState.STAGED)


def test_p16_all_fields_count_together(paid: Order, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A goods list of many lines stays in its field's limit; the sum does not."""
    from checkout import evidence_texts

    fields = {"product_description": "x" * 20_000, "customer_name": "y" * 130_000}
    assert evidence_texts.too_long(fields) == ""
    assert "150,001 characters together" in evidence_texts.too_long(fields | {"shipping_date": "z"})
    monkeypatch.setattr(evidence_texts, "MOST_CHARACTERS", 100)
    pack = disputed(paid, sandbox)
    evidence_packs.drain(clock)
    assert (again(pack).state, writes(sandbox)) == (PackState.HELD, 0)
    assert "Put the long part into a file" in again(pack).explained


def test_own_words_and_a_file_are_staged_anew(paid: Order, sandbox: SandboxServer) -> None:
    pack = disputed(paid, sandbox)
    evidence_packs.drain(clock)
    receipt = pack.files.get(field="receipt")
    picture = b"\x89PNG\r\n\x1a\n" + b"0" * 100
    evidence_packs.add(pack.pk, "They wore it on the photograph.", ("photo.png", picture), by=STAFF, now=clock())
    evidence_packs.drain(clock)
    said = at_the_bank(pack, sandbox).evidence
    assert said.uncategorized_text.endswith("They wore it on the photograph.")
    assert said.uncategorized_file == pack.files.get(field="uncategorized_file").provider_id
    again_receipt = pack.files.get(field="receipt")
    assert (again_receipt.sha256 == receipt.sha256) == (again_receipt.provider_id == receipt.provider_id)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"GIF89a", "must be a PDF, a PNG or a JPEG"),
        (b"\x89PNG\r\n\x1a\n" + b"0" * 5 * 1024 * 1024, "5 MB fit"),
        (b"%PDF-1.7 broken", "cannot be read"),
    ],
)
def test_a_file_that_a_bank_would_not_take_is_refused(
    paid: Order, sandbox: SandboxServer, content: bytes, words: str
) -> None:
    pack = disputed(paid, sandbox)
    with pytest.raises(CannotAnswer, match=words):
        evidence_packs.add(pack.pk, "", ("file", content), by=STAFF, now=clock())


def test_fifty_pages_are_too_many() -> None:
    assert evidence_files.too_big([(1, 49)]) == ""
    assert "49 fit" in evidence_files.too_big([(1, 30), (1, 20)])


def test_a_person_submits_it_once(paid: Order, sandbox: SandboxServer) -> None:
    pack = disputed(paid, sandbox)
    evidence_packs.drain(clock)
    evidence_packs.submit(pack.pk, by=STAFF, now=clock())
    with pytest.raises(CannotAnswer):
        evidence_packs.submit(pack.pk, by=STAFF, now=clock())
    evidence_packs.drain(clock)
    found = at_the_bank(pack, sandbox)
    assert (found.status, found.evidence_details.submission_count) == ("under_review", 1)
    assert (again(pack).state, again(pack).submitted_by) == (PackState.SUBMITTED, STAFF)
    with pytest.raises(CannotAnswer):
        evidence_packs.add(pack.pk, "more", None, by=STAFF, now=clock())
    sandbox.decide_dispute(pack.dispute.provider_id, won=True)
    disputes.note(gateway.retrieve_dispute(pack.dispute.provider_id), now=clock())
    assert (again(pack).dispute.status, again(pack).state) == ("won", PackState.SUBMITTED)


def test_a_lost_reply_is_asked_about_and_nothing_is_sent_twice(paid: Order, sandbox: SandboxServer) -> None:
    pack = disputed(paid, sandbox)
    evidence_packs.drain(clock)
    evidence_packs.submit(pack.pk, by=STAFF, now=clock())
    sandbox.drop_reply("disputes.update")
    evidence_packs.drain(clock)
    assert again(pack).state == PackState.SUBMITTING
    evidence_packs.drain(lambda: later(minutes=2))
    assert again(pack).state == PackState.SUBMITTED
    assert at_the_bank(pack, sandbox).evidence_details.submission_count == 1


@pytest.mark.parametrize(
    ("operation", "state"),
    [("files.create", PackState.BUILT), ("disputes.update", PackState.BUILT), ("disputes.retrieve", PackState.DUE)],
)
def test_a_provider_in_trouble_is_asked_again_later(
    paid: Order, sandbox: SandboxServer, operation: str, state: PackState
) -> None:
    pack = disputed(paid, sandbox)
    sandbox.fail(operation, 500, times=1)
    evidence_packs.drain(clock)
    assert again(pack).state == state
    assert "does not answer" in again(pack).explained
    evidence_packs.drain(lambda: later(minutes=2))
    assert again(pack).state == PackState.STAGED


def test_one_that_is_decided_before_it_was_answered_is_over(paid: Order, sandbox: SandboxServer) -> None:
    pack = disputed(paid, sandbox)
    sandbox.decide_dispute(pack.dispute.provider_id, won=False)
    disputes.note(gateway.retrieve_dispute(pack.dispute.provider_id), now=clock())
    evidence_packs.drain(clock)
    assert (again(pack).state, again(pack).explained) == (PackState.OVER, "The bank has decided: lost.")
    assert writes(sandbox) == 0


@pytest.mark.parametrize("reason", ["general", "duplicate", "credit_not_processed", "product_unacceptable", "new_one"])
def test_every_reason_has_its_words(paid: Order, sandbox: SandboxServer, reason: str) -> None:
    pack = disputed(paid, sandbox, reason=reason)
    evidence_packs.drain(clock)
    said = at_the_bank(pack, sandbox).evidence
    assert paid.reference in said.uncategorized_text
    extra = {"duplicate": said.duplicate_charge_explanation, "credit_not_processed": said.refund_refusal_explanation}
    assert all(bool(words) == (name == reason) for name, words in extra.items())


def aged(paid: Order, robe: Drop, sandbox: SandboxServer, *days: int) -> dict[str, int]:
    """Orders of the same fan by the same card, paid so many calendar days before ``paid``, by reference."""
    assert paid.confirmed_at is not None
    StockItem.objects.filter(code="ROBE-M").update(total=50)
    robe.offers.update(per_person_limit=20)
    made = {}
    for age in days:
        order = buy(robe, sandbox)
        Order.objects.filter(pk=order.pk).update(confirmed_at=paid.confirmed_at - timedelta(days=age))
        made[order.reference] = age
    return made


@pytest.mark.parametrize("nights", [0, 1], ids=["the same day", "midnight passed meanwhile"])
def test_p17_of_charges_119_120_365_and_366_days_old_only_120_and_365_qualify(
    paid: Order, robe: Drop, sandbox: SandboxServer, nights: int
) -> None:
    Order.objects.filter(pk=paid.pk).update(confirmed_at=F("confirmed_at") - timedelta(days=nights))
    paid.refresh_from_db()
    ages = aged(paid, robe, sandbox, 119, 120, 365, 366)
    pack = disputed(paid, sandbox)
    evidence_packs.drain(clock)
    pack = again(pack)
    assert [ages[prior["reference"]] for prior in pack.priors] == [120, 365]
    assert pack.priors[0]["agrees"] == ["ip", "account", "shipping address"]
    sent = at_the_bank(pack, sandbox).evidence.enhanced_evidence["visa_compelling_evidence_3"]
    assert [one["charge"] for one in sent["prior_undisputed_transactions"]] == [one["charge_id"] for one in pack.priors]
    assert sent["disputed_transaction"]["customer_purchase_ip"] == "203.0.113.7"


@pytest.mark.parametrize("clock_time", ["00:00", "23:59"])
def test_p17_days_are_counted_by_the_calendar(clock_time: str) -> None:
    disputed_at = datetime.fromisoformat(f"2026-11-20T{clock_time}:00+00:00")
    ages = [119, 120, 365, 366]
    days = [date(2026, 11, 20) - timedelta(days=age) for age in ages]
    for other_time in ("00:00", "23:59"):
        at = [datetime.fromisoformat(f"{day}T{other_time}:00+00:00") for day in days]
        assert [compelling.is_in_time(each, disputed_at) for each in at] == [False, True, True, False]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda order: Payment.objects.filter(order=order).update(card_key="another card"),
        lambda order: Payment.objects.filter(order=order).update(charge_id=""),
        lambda order: AcceptancePerson.objects.filter(acceptance__order_ref=order.reference).update(ip="203.0.113.8"),
        lambda order: Order.objects.filter(pk=order.pk).update(
            email="else@example.com", address={**order.address, "line1": "Elsewhere"}
        ),
        lambda order: order.disputes.create(
            provider_id="dp_x", status="lost", amount_minor=1, opened_at=order.confirmed_at
        ),
    ],
    ids=["another card", "no charge", "another network address", "only the address of the network agrees", "disputed"],
)
def test_p17_one_that_does_not_agree_leaves_no_pair(
    paid: Order, robe: Drop, sandbox: SandboxServer, spoil: Any
) -> None:
    aged(paid, robe, sandbox, 130, 140)
    spoil(Order.objects.exclude(pk=paid.pk).latest("pk"))
    pack = disputed(paid, sandbox)
    evidence_packs.drain(clock)
    assert again(pack).priors == []
    assert dict(again(pack).checklist)["Two earlier undisputed charges (Visa Compelling Evidence 3.0)"] is False


def test_p17_only_for_visas_own_reason() -> None:
    def seen(network: str, reason: str) -> DisputeView:
        return DisputeView("dp", "needs_response", "fraudulent", 1, "pi", None, clock(), "ch", network, reason)

    assert compelling.is_wanted(seen("visa", "10.4"))
    assert not compelling.is_wanted(seen("visa", "13.1"))
    assert not compelling.is_wanted(seen("mastercard", "10.4"))
