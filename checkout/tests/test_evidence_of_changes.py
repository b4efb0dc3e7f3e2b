"""What a bank is told of a text that changed while its buyer checked out, of a fallback, and of the door."""

from dataclasses import replace

import pytest

from checkout import dispute_rates, evidence_facts, evidence_packs, evidence_texts, payments
from checkout.errors import PoliciesChanged
from checkout.evidence import EvidencePack
from checkout.models import Order
from checkout.order_request import OrderRequest
from checkout.place_order import place_order
from checkout.pricing import Wanted
from checkout.quote import quote
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_evidence import STAFF, WORDING, again, disputed, promise, words_of
from checkout.tests.test_payments import clock, fresh
from drops.models import Drop
from policies.models import Policy, Rendering, Surface
from policies.publishing import new_draft, publish
from policies.retiring import retire

__all__ = ["promise"]  # a fixture
pytestmark = pytest.mark.django_db(transaction=True)


def ordered(robe: Drop, sandbox: SandboxServer, surface: Surface, language: str = "en") -> OrderRequest:
    agreed = quote(robe, [Wanted("ROBE-M", 1)], country="US", now=clock(), language=language)
    return fan.request(agreed, confirmation_token=fan.card(sandbox), surface=surface)


def refused(robe: Drop, request: OrderRequest) -> OrderRequest:
    """The order that is sent after the refusal."""
    with pytest.raises(PoliciesChanged) as told:
        place_order(robe, request, person=fan.PERSON, now=clock())
    again = fan.request(told.value.fresh, confirmation_token=request.confirmation_token, surface=request.surface)
    return replace(again, seen=told.value.seen)


def pack_of(robe: Drop, request: OrderRequest, sandbox: SandboxServer) -> EvidencePack:
    order = paid(robe, request)
    pack = disputed(order, sandbox, reason="product_unacceptable")
    evidence_packs.drain(clock)
    return again(pack)


def paid(robe: Drop, request: OrderRequest) -> Order:
    order = fan.found(place_order(robe, request, person=fan.PERSON, now=clock()))
    payments.drain(clock)
    return fresh(order)


def fourteen_days(promise: Policy) -> None:
    draft = new_draft(promise, STAFF)
    draft.source, draft.summary, draft.change_summary = "Send it back within 14 days.", "14 days.", "Shorter."
    draft.save()
    publish(draft, by=STAFF, now=clock())


def sha256_of(number: int) -> str:
    return Rendering.objects.get(version__number=number).sha256


def test_only_the_text_under_which_the_order_stands_was_agreed_to(
    promise: Policy, robe: Drop, sandbox: SandboxServer
) -> None:
    request = ordered(robe, sandbox, Surface.CHECKOUT)
    fourteen_days(promise)
    pack = pack_of(robe, refused(robe, request), sandbox)
    story, disclosure = pack.texts["uncategorized_text"], pack.texts["refund_policy_disclosure"]
    then = (
        f"it changed before the order was placed, and they answered returns/v2, sha256 {sha256_of(2)}, under which the "
        "order stands."
    )
    assert story.count("before paying.") == 1
    assert f"they ticked “{WORDING}” beside Returns & refunds (returns/v2, sha256 {sha256_of(2)})" in story
    standing, first = disclosure.splitlines()
    assert standing.startswith("Returns & refunds (returns/v2,")
    assert first.startswith(
        f"Returns & refunds (returns/v1, sha256 {sha256_of(1)}) was shown at the checkout first, on "
    )
    assert first.endswith(f" and ticked; {then}")
    assert first in story
    papers = words_of(pack.files.get(field="refund_policy"))
    assert papers.index("returns/v2") < papers.index("as it was shown first") < papers.index("Version returns/v1")
    assert "What became of it It changed before the order was placed" in papers
    facts = evidence_facts.collect(pack.dispute)
    assert [text.ref for text in (*facts.agreed, *facts.return_texts)] == ["returns/v2"] * 2
    assert [(rate.name, rate.paid) for rate in dispute_rates.by_version()] == [("Returns & refunds, version 2", 1)]


def test_a_tick_for_a_text_that_ended_is_no_agreement(promise: Policy, robe: Drop, sandbox: SandboxServer) -> None:
    request = ordered(robe, sandbox, Surface.CHECKOUT)
    retire(promise, why="We take nothing back any more.", by=STAFF, now=clock())
    pack = pack_of(robe, refused(robe, request), sandbox)
    items = dict(pack.checklist)
    assert not items["A box that the buyer ticked"]
    assert not items["The texts about returns and refunds"]
    assert "it ended before the order was placed" in pack.texts["refund_policy_disclosure"]
    assert "before paying" not in pack.texts["uncategorized_text"]


@pytest.mark.parametrize(
    ("surface", "words"),
    [
        (Surface.CHECKOUT, ("shown at the checkout", "ticked")),
        (Surface.API, ("given with the price by the shop's API", "accepted")),
    ],
)
def test_the_door_and_the_language_are_told_as_they_were(
    promise: Policy, robe: Drop, sandbox: SandboxServer, surface: Surface, words: tuple[str, str]
) -> None:
    where, ticked = words
    pack = pack_of(robe, ordered(robe, sandbox, surface, language="de"), sandbox)
    disclosure = pack.texts["refund_policy_disclosure"]
    assert f"was {where} in English, as there was no German on " in disclosure
    assert f"“{WORDING}” was {ticked} on " in disclosure
    papers = words_of(pack.files.get(field="refund_policy"))
    assert f"{where}, in English, as there was no German" in papers
    assert f"“{WORDING}”: {ticked}" in papers


def test_a_text_without_a_box_is_never_called_ticked(promise: Policy, robe: Drop, sandbox: SandboxServer) -> None:
    draft = new_draft(promise, STAFF)
    draft.box_wording, draft.change_summary = "", "No box."
    draft.save()
    publish(draft, by=STAFF, now=clock())
    order = paid(robe, ordered(robe, sandbox, Surface.CHECKOUT))
    facts = evidence_facts.collect(disputed(order, sandbox).dispute)
    assert "ticked" not in evidence_texts.write(facts)["refund_policy_disclosure"]
