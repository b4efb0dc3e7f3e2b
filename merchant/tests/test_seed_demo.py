"""The demo shop: whole, the same at every seeding, and its counters agree with its orders to the unit."""

import hashlib
import tempfile
from datetime import UTC, datetime

from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.db.models import Count, F, Sum
from django.test import RequestFactory, TestCase, override_settings

from checkout import expiry, payments
from checkout.models import Order, OrderState, Payment, PaymentState
from drops.models import Drop, DropState, Hold, HoldState, StockItem
from drops.scheduling import turn_due
from merchant.demo.seed import seed
from merchant.models import JournalEntry
from merchant.store import forget_store
from policies import acceptance
from policies.models import Acceptance, PolicyVersion
from policies.queries import forget
from segments.models import Consent, Fan, Footprint, Message, MessageState

NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
PASSWORD = "a password for the demo"


def fingerprint() -> str:
    """Everything a second seeding could have changed."""
    rows = [
        *Order.objects.order_by("id").values_list("reference", "state", "total_minor", "placed_at"),
        *Hold.objects.order_by("id").values_list("owner_ref", "quantity", "state"),
        *StockItem.objects.order_by("code").values_list("code", "total", "held", "sold"),
        *Drop.objects.order_by("id").values_list("slug", "state", "starts_at", "ends_at"),
        *Footprint.objects.order_by("id").values_list("key", "kind", "subject", "at"),
        *Consent.objects.order_by("id").values_list("fan__email", "channel", "granted", "at"),
        *PolicyVersion.objects.order_by("id").values_list("policy__slug", "number", "source", "effective_at"),
        *JournalEntry.objects.order_by("id").values_list("subject", "verb", "actor"),
    ]
    return hashlib.sha256(repr(rows).encode()).hexdigest()


@override_settings(MEDIA_ROOT=tempfile.mkdtemp())
class TestDemo(TestCase):
    """Seeded once for all of these: each undoes only its own changes."""

    @classmethod
    def setUpTestData(cls) -> None:
        forget_store()
        forget()
        seed(fans=300, password=PASSWORD, now=NOW, say=lambda _: None)

    def setUp(self) -> None:
        forget_store()

    def test_there_are_drops_in_every_moment_and_orders_in_every_state(self) -> None:
        states = dict(Drop.objects.values_list("slug", "state"))
        assert states == {
            "winter-robe": DropState.LIVE,
            "spring-pyjama": DropState.SCHEDULED,
            "autumn-slippers": DropState.CLOSED,
            "evening-candle": DropState.LIVE,
        }
        assert set(Order.objects.values_list("state", flat=True)) == set(OrderState.values)
        assert Fan.objects.count() == 300

    def test_every_counter_is_the_sum_of_its_holds(self) -> None:
        for item in StockItem.objects.all():
            kept = dict.fromkeys(HoldState, 0)
            kept |= dict(
                Hold.objects.filter(stock_item_id=item.pk).order_by().values_list("state").annotate(Sum("quantity"))
            )
            assert (item.held, item.sold) == (kept[HoldState.ACTIVE], kept[HoldState.COMMITTED]), item.code

    def test_orders_add_up_and_their_money_fits_their_state(self) -> None:
        for order in Order.objects.prefetch_related("lines").select_related("payment"):
            lines = order.lines.all()
            assert sum(line.unit_price_minor * line.quantity for line in lines) == order.subtotal_minor
            paid = order.state in (OrderState.CONFIRMED, OrderState.LATE_PAID)
            assert order.captured_minor == (order.total_minor if paid else 0)
            assert (order.payment.state == PaymentState.PAID) is paid

    def test_each_order_is_in_the_journal_to_its_last_step(self) -> None:
        for order in Order.objects.exclude(state=OrderState.LATE_PAID):
            verbs = list(
                JournalEntry.objects.filter(subject=order.subject).order_by("id").values_list("verb", flat=True)
            )
            assert verbs[0] == "placed"
            assert [verb for verb in verbs if verb in OrderState.values][-1] == order.state

    def test_what_each_buyer_was_shown_is_proven(self) -> None:
        assert set(Acceptance.objects.values_list("order_ref", flat=True)) == set(
            Order.objects.values_list("reference", flat=True)
        )
        assert all(acceptance.holds(row) for row in Acceptance.objects.select_related("rendering")[:20])
        late = Acceptance.objects.filter(answered_at__lt=F("rendering__version__effective_at"))
        assert not late.exists()

    def test_policies_have_several_versions_and_one_draft_to_review(self) -> None:
        numbers = dict(PolicyVersion.objects.order_by().values_list("policy__slug").annotate(Count("id")))
        assert numbers == {
            "pre-order": 2,
            "returns": 3,
            "withdrawal": 1,
            "shipping": 3,
            "open-flame": 1,
            "privacy": 1,
        }
        assert PolicyVersion.objects.filter(published_at=None).count() == 1

    def test_a_second_seeding_changes_nothing(self) -> None:
        before = fingerprint()
        seed(fans=300, password="another", now=NOW, say=lambda _: None)
        assert fingerprint() == before

    def test_more_fans_can_be_added(self) -> None:
        seed(fans=320, password=PASSWORD, now=NOW, say=lambda _: None)
        assert Fan.objects.count() == 320
        assert Fan.objects.order_by("id").last().email == "fan0320@example.com"  # type: ignore[union-attr]  # there are 320

    def test_no_worker_has_anything_to_do_with_it(self) -> None:
        """Nothing of the demo's past is asked about at the provider, which has never heard of it."""
        assert payments.claim(NOW) is None
        assert expiry.sweep(NOW) == 0
        assert turn_due(NOW) == 0
        assert not Message.objects.filter(state=MessageState.DUE).exists()
        assert (
            not Payment.objects.filter(order__state__in=["placed", "action_required", "deferred"])
            .exclude(intent_id="", confirmation_token="")
            .exists()
        )

    def test_the_logins_work_with_their_roles(self) -> None:
        roles = {user.username: [group.name for group in user.groups.all()] for user in User.objects.all()}
        assert roles == {"owner": ["Owner"], "manager": ["Drop manager"], "reviewer": ["Policy reviewer"]}
        assert authenticate(RequestFactory().post("/admin/login/"), username="owner", password=PASSWORD) is not None
