"""A fan of whom the shop knows much: what they bought, asked for, wait for and agreed to."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import signing
from django.db import connection, transaction

from checkout import (
    evidence_facts,
    evidence_files,
    evidence_packs,
    evidence_texts,
    fan_requests,
    notify,
    parcels,
    waiting_list,
)
from checkout.after_sale import FanRequest, RequestKind
from checkout.contact import Address, Contact
from checkout.evidence import EvidenceFile, EvidencePack, PackState
from checkout.models import Dispute, Order, OrderState, Payment, PaymentState, WebhookEvent
from checkout.orders import lock, move_to
from checkout.tests import fan
from checkout.waiting_models import WaitingPlace
from drops import sign_ups, stock
from drops.models import Drop, StockItem
from drops.sign_up_models import SignUp
from merchant.models import StoreProfile
from policies.models import Policy
from policies.publishing import new_draft, publish
from segments import opt_in, policy_news

EMAIL = "Jo.Maier@example.com"
MONTHS_AGO = timedelta(days=100)
DAY = timedelta(days=1)
STAFF = "staff:owner"
SIGNED = "Johanna Maier"


@pytest.fixture
def then(now: datetime) -> datetime:
    return now - MONTHS_AGO


@pytest.fixture
def robe(shop: StoreProfile, now: datetime) -> Drop:
    """A drop that has been on sale for most of a year."""
    return fan.live_drop(total=5, starts_at=now - timedelta(days=300))


@pytest.fixture
def ticked(then: datetime) -> None:
    """A policy to be ticked, so that there are acceptances."""
    returns = Policy.objects.create(slug="returns", kind="returns", title="Returns")
    draft = new_draft(returns, "staff:owner")
    draft.source, draft.summary, draft.box_wording = "30 days.", "30 days.", "I have read it."
    draft.save()
    publish(draft, by="staff:owner", now=then)


def contact(email: str = EMAIL) -> Contact:
    address = Address("Rosengasse 17b", "", "Quedlinburg", "06484", "California", "US")
    return Contact(email, "Johanna Maier", "+493012345678" if email == EMAIL else "", address)


def bought(drop: Drop, *, at: datetime, email: str = EMAIL, **changes: Any) -> Order:
    """A paid order with everything that surrounds one: messages, news of its payment, a footprint."""
    order = fan.placed(drop, at=at, contact=contact(email), **changes)
    reference, number = order.reference, order.pk
    Payment.objects.filter(order=order).update(
        state=PaymentState.PAID,
        intent_id=f"pi_{number}",
        charge_id=f"ch_{number}",
        client_secret=f"pi_{number}_secret",
        card_key="c" * 64,
    )
    with transaction.atomic():
        move_to(lock(order.pk), OrderState.CONFIRMED, why="paid", actor="worker", now=at)
    Order.objects.filter(pk=order.pk).update(confirmed_at=at, captured_minor=order.total_minor)
    order.refresh_from_db()
    notify.confirmed(order)
    about = {"id": f"ch_{number}", "payment_intent": f"pi_{number}", "billing_details": {"email": email, "name": "Jo"}}
    WebhookEvent.objects.create(
        event_id=f"evt_{reference}",
        type="charge.succeeded",
        object_id=f"ch_{number}",
        payload={"data": {"object": about}},
        processed_at=at,
    )
    return order


def asked_back(order: Order, *, at: datetime) -> FanRequest:
    """A parcel left; its fan withdrew, and it is done."""
    line = order.lines.get().pk
    Order.objects.filter(pk=order.pk).update(address=order.address | {"country": "DE"})
    details: dict[str, Any] = {"carrier": "DHL", "tracking": "JJD00340Q", "key": "k", "by": STAFF}
    parcels.ship(order.pk, {line: 1}, shipped_at=at, now=at, **details)
    said = {"name": "Johanna Maier", "email": EMAIL, "reason": "Johanna changed her mind."}
    request = fan_requests.ask(order.pk, RequestKind.WITHDRAWAL, {line: 1}, seen=0, now=at, **said)
    FanRequest.objects.filter(pk=request.pk).update(state="refunded")
    return request


def disputed(order: Order, *, opened: datetime, closed: datetime | None) -> EvidencePack:
    """An answer as a worker builds it, with words and a file of staff's; the bank has decided where ``closed``."""
    dispute = Dispute.objects.create(
        order=order, provider_id=f"dp_{order.pk}", status="lost", amount_minor=1, opened_at=opened, closed_at=closed
    )
    pack = EvidencePack.objects.create(dispute=dispute, state=PackState.STAGED)
    own = (f"{SIGNED}-signature.png", b"\x89PNG\r\n\x1a\n" + SIGNED.encode())
    evidence_packs.add(pack.pk, "Johanna has it.", own, by=STAFF, now=opened)
    facts = evidence_facts.collect(dispute)
    for paper in evidence_files.papers(facts):
        EvidenceFile.objects.create(pack=pack, field=paper.field, name=paper.name, content=paper.content)
    texts = evidence_texts.write(facts, "Johanna has it.")
    priors = [{"email": EMAIL, "ip": "203.0.113.7", "address": {"line1": "Rosengasse 17b"}}]
    state = PackState.SUBMITTED if closed else PackState.STAGED
    EvidencePack.objects.filter(pk=pack.pk).update(texts=texts, priors=priors, state=state)
    return EvidencePack.objects.get(pk=pack.pk)


def waits(slug: str, *, at: datetime) -> WaitingPlace:
    """A place on the list of a drop that is sold out."""
    sku = f"{slug.upper()}-M"
    drop = fan.live_drop(slug, total=1, skus=(sku,), starts_at=at - timedelta(days=1))
    until = at + timedelta(days=900)
    needs = [stock.Need(StockItem.objects.get(code=sku).pk, 1)]
    stock.hold(needs, owner=stock.Owner(stock.OwnerKind.ORDER, slug), expires_at=until, hard_cap_at=until)
    opt_in.forget_counts()
    joined = waiting_list.join(drop, sku, 1, EMAIL, now=at)
    assert joined.place is not None
    return joined.place


def follows_policies(*, at: datetime) -> None:
    policy_news.ask(EMAIL, at)
    policy_news.confirm(signing.dumps(EMAIL, salt=f"{policy_news.SALT}.confirm"))
    assert policy_news.tell(at) == 1


def signs_up(drop: Drop, *, at: datetime) -> None:
    opt_in.forget_counts()
    sign_ups.ask(drop, EMAIL, consented=True, now=at)
    sign_ups.confirm(signing.dumps(SignUp.objects.get().pk, salt=sign_ups.SALT), at)


def tables_with(*words: str) -> list[str]:
    """Every table in which one of the words stands somewhere, in any column and any case."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            for word in words:
                cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text ILIKE %s', [f"%{word}%"])
                if cursor.fetchone() != (0,):
                    found.append(f"{table}: {word}")
    return found
