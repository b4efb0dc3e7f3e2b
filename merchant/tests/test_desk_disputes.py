"""Disputes at the desk: the answer is read, added to and submitted by a person; how often it happens is on a page."""

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from checkout import disputes, evidence_packs, gateway, payments, reductions
from checkout.evidence import EvidencePack, PackState
from checkout.models import Order
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock, fresh
from drops.models import Drop
from merchant.roles import DROP_MANAGER, POLICY_EDITOR, POLICY_REVIEWER, SUPPORT
from merchant.tests.staff import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/checkout/dispute/"
RATES = "/admin/checkout/dispute/rates/"


@pytest.fixture
def paid(robe: Drop, sandbox: SandboxServer) -> Order:
    order = fan.placed(robe, at=clock(), confirmation_token=fan.card(sandbox))
    payments.drain(clock)
    return fresh(order)


@pytest.fixture
def pack(paid: Order, sandbox: SandboxServer) -> EvidencePack:
    disputes.note(gateway.retrieve_dispute(sandbox.dispute(paid.payment.intent_id)), now=clock())
    evidence_packs.drain(clock)
    return EvidencePack.objects.select_related("dispute").get()


def page_of(pack: EvidencePack, deed: str = "change") -> str:
    return f"{LIST}{pack.dispute_id}/{deed}/"


def test_a_person_reads_the_answer_and_submits_it(pack: EvidencePack) -> None:
    client = signed_in(POLICY_REVIEWER)
    listed = client.get(LIST).content.decode()
    assert ("Ready to be submitted" in listed, "$54.00" in listed) == (True, True)
    shown = client.get(page_of(pack)).content.decode()
    for words in ("What the bank would read", "Missing:", "Submit to the bank…", "in 9 d"):
        assert words in shown
    asked = client.get(page_of(pack, "submit")).content.decode()
    assert "There is no second one, and it cannot be taken back." in asked
    pack.refresh_from_db()
    assert pack.state == PackState.STAGED, "looking submits nothing"
    for _ in range(2):  # pressed twice
        client.post(page_of(pack, "submit"), {"_form_submitted": "on"})
    evidence_packs.drain(clock)
    pack.refresh_from_db()
    assert (pack.state, pack.submitted_by) == (PackState.SUBMITTED, "staff:the-policy-reviewer")
    assert "Submit to the bank…" not in client.get(page_of(pack)).content.decode()


def test_its_page_is_headed_by_the_order_the_reason_and_the_amount(pack: EvidencePack) -> None:
    dispute, client = pack.dispute, signed_in(SUPPORT)
    shown = client.get(page_of(pack)).content.decode()
    heading = re.search(r'<h2 id="bank">(.*?)</h2>', shown, re.DOTALL)
    assert heading is not None
    said = " ".join(re.sub("<[^>]+>", " ", heading[1]).split())
    assert said == f"{dispute.order.reference}, $54.00: the fan says it was not them who paid"
    assert f'<code class="desk-code">{dispute.provider_id} · fraudulent</code>' in shown
    crumb = re.search(rf'<a href="{page_of(pack)}"[^>]*>(.*?)</a>', shown, re.DOTALL)
    title = re.search(r"<title>(.*?)</title>", shown, re.DOTALL)
    for head in (crumb, title):
        assert head is not None
        assert f"ispute of {dispute.order.reference}" in head[1]
    for page in (LIST, "/admin/checkout/order/trouble/", f"/admin/checkout/order/{dispute.order_id}/change/"):
        assert "The fan says it was not them who paid" in client.get(page).content.decode(), page


def test_who_may_not_submit_sees_no_button_and_cannot_press_it(pack: EvidencePack) -> None:
    client = signed_in(DROP_MANAGER)
    assert "Submit to the bank…" not in client.get(page_of(pack)).content.decode()
    client.post(page_of(pack, "submit"), {"_form_submitted": "on"})
    assert client.get(page_of(pack, "words")).status_code == 403
    pack.refresh_from_db()
    assert pack.state == PackState.STAGED
    editor = signed_in(POLICY_EDITOR)
    assert [editor.get(page).status_code for page in (RATES, f"{LIST}file/1/")] == [403, 403]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"words": "x" * 150_001}, "Put the long part into a file."),
        ({"words": "x" * 500_001}, "at most 500000 characters"),
        ({"words": "", "file": SimpleUploadedFile("a.gif", b"GIF89a")}, "must be a PDF, a PNG or a JPEG"),
        ({"words": "", "file": SimpleUploadedFile("a.pdf", b"%PDF" + b"0" * 6 * 1024 * 1024)}, "more than 5 MB"),
        ({"words": "", "file": SimpleUploadedFile("a.pdf", b"")}, "The submitted file is empty."),
    ],
)
def test_p16_what_does_not_fit_is_said_beside_the_field(pack: EvidencePack, given: Any, words: str) -> None:
    answer = signed_in(SUPPORT).post(page_of(pack, "words"), given)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    pack.refresh_from_db()
    assert (pack.state, pack.own_words) == (PackState.STAGED, "")


def test_words_are_added_and_the_papers_can_be_read(pack: EvidencePack) -> None:
    client = signed_in(SUPPORT)
    assert client.get(page_of(pack, "words")).status_code == 200
    assert client.post(page_of(pack, "words"), {"words": "They wrote to us."}).status_code == 302
    evidence_packs.drain(clock)
    assert "They wrote to us." in client.get(page_of(pack)).content.decode()
    file = pack.files.get(field="receipt")
    got = client.get(f"{LIST}file/{file.pk}/")
    assert (got["Content-Type"], bytes(got.content)) == ("application/pdf", bytes(file.content))
    client.post(page_of(pack, "again"), {"_form_submitted": "on"})
    pack.refresh_from_db()
    assert pack.state == PackState.DUE


def test_an_answer_that_was_erased_says_so_and_gives_no_paper(pack: EvidencePack) -> None:
    file = pack.files.get(field="receipt")
    reductions.packs(EvidencePack.objects.all())
    client = signed_in(SUPPORT)
    shown = client.get(page_of(pack)).content.decode()
    for words in ("Its words and papers were erased", "sha256:", "receipt, erased"):
        assert words in shown.replace("Receipt", "receipt")
    assert ("fan@example.com" in shown.partition('id="answer"')[2], f"/file/{file.pk}" in shown) == (False, False)
    assert client.get(reverse("admin:checkout_dispute_file", args=[file.pk])).status_code == 404


def test_how_often_is_a_table_too_and_has_an_empty_state(paid: Order, sandbox: SandboxServer) -> None:
    client = signed_in(SUPPORT)
    assert "No payment was ever disputed" in client.get(RATES).content.decode()
    disputes.note(gateway.retrieve_dispute(sandbox.dispute(paid.payment.intent_id)), now=clock())
    shown = client.get(RATES).content.decode()
    assert "100.0 %" in shown
    assert "No paid order was shown a text yet." in shown
    assert 'scope="row">Winter Robe' in shown


def test_the_page_of_trouble_leads_to_it(pack: EvidencePack) -> None:
    client: Client = signed_in(SUPPORT)
    assert page_of(pack) in client.get("/admin/checkout/order/trouble/").content.decode()
