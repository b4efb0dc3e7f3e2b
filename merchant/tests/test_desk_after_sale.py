"""After the sale at the desk: parcels, the queue of requests, and a later ship date."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from checkout import delays, fan_requests, payments, reductions, refunds
from checkout.after_sale import DelayNotice, FanRequest, RequestKind, RequestState, Shipment
from checkout.models import Order
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock, fresh, later
from drops.models import Drop
from merchant.roles import DROP_MANAGER, POLICY_EDITOR, SUPPORT
from merchant.store import store_zone
from merchant.tests.staff import signed_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def paid(robe: Drop, sandbox: SandboxServer) -> Order:
    order = fan.placed(robe, ("ROBE-M", 2), at=clock(), confirmation_token=fan.card(sandbox))
    payments.drain(clock)
    return fresh(order)


def local(**ahead: float) -> str:
    return timezone.localtime(later(**ahead), store_zone()).strftime("%Y-%m-%dT%H:%M")


def test_a_parcel_is_recorded_with_its_arrival(paid: Order) -> None:
    client, page = signed_in(SUPPORT), f"/admin/checkout/order/{paid.pk}/parcels/"
    assert "Parcels…" in client.get(f"/admin/checkout/order/{paid.pk}/change/").content.decode()
    line = paid.lines.get().pk
    form: dict[str, Any] = {f"line_{line}": 1, "carrier": "DHL", "tracking": "1", "key": "k1"}
    wrong = client.post(page, form | {"shipped_at": "yesterday"})
    assert (wrong.status_code, Shipment.objects.count()) == (422, 0)
    late = client.post(page, form | {"shipped_at": local(days=2)})
    assert "cannot have left in the future" in late.content.decode()
    for _ in range(2):  # pressed twice
        assert client.post(page, form | {"shipped_at": local(minutes=-2)}).status_code == 302
    parcel = Shipment.objects.get()
    other = client.post(page, form | {f"line_{line}": 0, "shipped_at": local(minutes=-2)})
    assert "another parcel of this order meanwhile" in other.content.decode()
    for named in ("x", "9" * 30, "0"):
        assert client.post(page, {"parcel": named, "delivered_at": local()}).status_code == 422
    assert client.post(page, {"parcel": parcel.pk, "delivered_at": local(days=-9)}).status_code == 422
    assert client.post(page, {"parcel": parcel.pk, "delivered_at": local()}).status_code == 302
    parcel.refresh_from_db()
    assert parcel.delivered_at is not None
    assert "received" in client.get(f"/admin/checkout/order/{paid.pk}/change/").content.decode()
    assert signed_in(POLICY_EDITOR).get(page).status_code == 403


def test_a_request_goes_through_the_queue(paid: Order) -> None:
    line = paid.lines.get().pk
    said: dict[str, Any] = {"name": "A Fan", "email": "fan@example.com", "reason": "too small", "seen": 0}
    asked = fan_requests.ask(paid.pk, RequestKind.CANCELLATION, {line: 1}, now=clock(), **said)
    client, base = signed_in(SUPPORT), f"/admin/checkout/fanrequest/{asked.pk}"
    assert "Cancellation: 1 × ROBE-M" in client.get("/admin/checkout/fanrequest/?open=yes").content.decode()
    assert "Cancellation: 1" not in client.get("/admin/checkout/fanrequest/?open=no").content.decode()
    assert "1 request of fans" in client.get("/admin/").content.decode()
    shown = client.get(f"{base}/change/").content.decode()
    assert ("Say yes" in shown, "Refund it" in shown, "too small" in shown) == (True, False, True)
    dialog = {"_form_submitted": "on"}
    client.post(f"{base}/accept/", dialog | {"answer": "Fine."})
    assert "$48.00 goes back to A Fan" in client.get(f"{base}/give-back/").content.decode()
    for _ in range(2):
        client.post(f"{base}/give-back/", dialog | {"restock": "on"})
    refunds.drain(clock)
    assert (FanRequest.objects.get().state, fresh(paid).refunded_minor) == (RequestState.REFUNDED, 4800)
    assert fan.counts() == (0, 1, 4)
    reductions.requests(FanRequest.objects.all())
    shown = client.get(f"{base}/change/").content.decode()
    assert ("too small" in shown, "Fine." in shown, "sha256:" in shown) == (False, False, True)
    assert "What is left is the sha256 of the words" in shown


def test_a_later_date_is_shown_whole_before_anybody_is_asked(robe: Drop, paid: Order) -> None:
    today = clock().date()
    Drop.objects.filter(pk=robe.pk).update(ship_date=today + timedelta(days=3))
    client, page = signed_in(DROP_MANAGER), "/admin/checkout/delaynotice/new/"
    assert client.get(page).status_code == 200
    form: dict[str, Any] = {
        "drop": robe.pk,
        "new_date": str(today + timedelta(days=40)),
        "answer_by": local(days=7),
        "why": "The mill is late.",
    }
    assert client.post(page, form | {"new_date": "soon"}).status_code == 422
    assert "Ask 1 order" in client.post(page, form).content.decode()
    assert DelayNotice.objects.count() == 0
    early = client.post(page, form | {"confirmed": "1", "answer_by": local(days=1)})
    assert "at least 3 days" in early.content.decode()
    assert client.post(page, form | {"confirmed": "1"}).status_code == 302
    delays.sweep(clock())
    notice = DelayNotice.objects.get()
    assert "Asked" in client.get(f"/admin/checkout/delaynotice/{notice.pk}/change/").content.decode()
    assert "1 asked" in client.get("/admin/checkout/delaynotice/").content.decode()
    assert "Asked to wait until" in client.get(f"/admin/checkout/order/{paid.pk}/change/").content.decode()
    assert signed_in(SUPPORT).get(page).status_code == 403
