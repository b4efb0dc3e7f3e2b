"""The breaker: from trying to deferring, and back by a probe; the same for all processes, and for one alone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import Settings

from checkout import breaker, gateway, payments
from checkout.breaker import Status
from checkout.errors import CardDeclined, GatewayRefused, GatewayUnavailable
from checkout.models import Order, OrderState
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from drops.models import Drop

START = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def happen(well: int = 0, badly: int = 0, *, second: float = 0) -> None:
    for _ in range(well):
        breaker.record(well=True, now=at(second))
    for _ in range(badly):
        breaker.record(well=False, now=at(second))


def passes(second: float) -> bool:
    try:
        breaker.admit(at(second))
    except GatewayUnavailable:
        return False
    return True


def state(second: float) -> str:
    return breaker.status(at(second)).state


@pytest.fixture(params=["in Redis", "alone"])
def _remembered(request: pytest.FixtureRequest, settings: Settings) -> Iterator[None]:
    if request.param == "alone":
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
    breaker.forget()
    yield
    breaker.forget()


@pytest.mark.usefixtures("_remembered")
class TestTransitions:
    def test_a_few_failures_of_many_calls_leave_it_closed(self) -> None:
        happen(well=11, badly=10)
        assert passes(1)
        assert breaker.status(at(1)) == Status("closed", None, calls=21, failures=10)

    def test_failures_of_too_few_calls_say_nothing(self) -> None:
        happen(badly=9)
        assert passes(1)

    def test_half_of_the_calls_gone_wrong_open_it(self) -> None:
        happen(well=5, badly=5)
        assert not passes(1)
        assert breaker.status(at(1)) == Status("open", START, calls=10, failures=5)

    def test_a_refusal_says_that_nobody_was_asked(self) -> None:
        happen(badly=10)
        with pytest.raises(GatewayUnavailable) as refused:
            breaker.admit(at(1))
        assert (refused.value.why, refused.value.acted) == ("breaker", False)

    def test_old_failures_are_forgotten(self) -> None:
        happen(badly=9)
        happen(badly=1, second=31)
        assert passes(32)

    def test_after_a_pause_a_few_probes_pass_and_no_more(self) -> None:
        happen(badly=10)
        assert [passes(9.9), *(passes(10) for _ in range(5))] == [False, True, True, True, False, False]
        assert state(10) == "half-open"

    def test_probes_that_come_back_well_close_it(self) -> None:
        happen(badly=10)
        happen(well=1, second=10)
        assert state(10) == "half-open"
        happen(well=1, second=11)
        assert breaker.status(at(11)) == Status("closed", None, calls=0, failures=0)
        happen(badly=1, second=12)
        assert passes(12), "the trouble that is over counts no more"

    def test_a_probe_that_fails_opens_it_again(self) -> None:
        happen(badly=10)
        happen(badly=1, second=10)
        assert not passes(19.9)
        assert breaker.status(at(19)).since == START
        assert passes(20)

    def test_a_probe_whose_worker_died_is_not_waited_for_forever(self) -> None:
        happen(badly=10)
        assert [passes(10) for _ in range(4)] == [True, True, True, False]
        assert passes(41)

    def test_a_call_that_ends_while_it_is_open_changes_nothing(self) -> None:
        happen(badly=10)
        happen(well=20, second=5)
        assert state(5) == "open"


@pytest.mark.django_db(transaction=True)
class TestBeforeTheProvider:
    """Over real HTTP to the sandbox."""

    @pytest.fixture(autouse=True)
    def _patient(self, settings: Settings) -> None:
        settings.STRIPE_CALLS_PER_SECOND = settings.STRIPE_CALLS_PER_SECOND_IN_ALL = 10_000

    @pytest.mark.parametrize("status", [429, 500])
    def test_429_and_500_open_it(self, sandbox: SandboxServer, status: int) -> None:
        sandbox.fail("payment_intents.retrieve", status)
        self.ask_ten_times(GatewayUnavailable)
        assert self.calls_that_arrive(sandbox) == 0

    def test_slow_answers_open_it(self, sandbox: SandboxServer, settings: Settings) -> None:
        settings.STRIPE_SLOW_SECONDS = 0
        self.ask_ten_times(GatewayRefused)
        assert self.calls_that_arrive(sandbox) == 0

    def test_refusals_are_answers(self, sandbox: SandboxServer) -> None:
        self.ask_ten_times(GatewayRefused)
        with pytest.raises(GatewayRefused):
            gateway.retrieve_intent("pi_unknown")

    def test_declined_cards_are_answers(self, robe: Drop, sandbox: SandboxServer) -> None:
        order = placed(robe, sandbox)
        intent = gateway.create_intent(order.reference, order.total, email=order.email, key=f"{order.reference} one")
        for number in range(12):
            declined = fan.card(sandbox, "pm_card_chargeDeclined")
            with pytest.raises(CardDeclined):
                gateway.confirm_intent(intent.id, declined, return_url="http://127.0.0.1/", key=f"confirm:{number}")
        seen = breaker.status(datetime.now(UTC))
        assert (seen.state, seen.failures) == ("closed", 0)

    def test_while_it_is_open_orders_are_deferred_at_once_and_a_probe_heals_them(
        self, robe: Drop, sandbox: SandboxServer
    ) -> None:
        sandbox.fail("payment_intents.retrieve", 500)
        self.ask_ten_times(GatewayUnavailable)
        order = placed(robe, sandbox)
        before = len(sandbox.requests())
        payments.drain(lambda: datetime.now(UTC))
        order = Order.objects.select_related("payment").get(pk=order.pk)
        assert (order.state, order.payment.outcome_unknown) == (OrderState.DEFERRED, False)
        assert len(sandbox.requests()) == before, "nobody was asked"
        sandbox.clear()
        half_open()
        payments.drain(lambda: datetime.now(UTC) + timedelta(minutes=5))
        assert Order.objects.get(pk=order.pk).state == OrderState.CONFIRMED
        assert breaker.status(datetime.now(UTC)).state == "closed"

    def ask_ten_times(self, expected: type[Exception]) -> None:
        for _ in range(10):
            with pytest.raises(expected):
                gateway.retrieve_intent("pi_unknown")

    def calls_that_arrive(self, sandbox: SandboxServer) -> int:
        """Of three more."""
        before = len(sandbox.requests())
        for _ in range(3):
            with pytest.raises(GatewayUnavailable, match="breaker"):
                gateway.retrieve_intent("pi_unknown")
        return len(sandbox.requests()) - before


def placed(robe: Drop, sandbox: SandboxServer) -> Order:
    return fan.placed(robe, at=datetime.now(UTC), confirmation_token=fan.card(sandbox))


def half_open() -> None:
    """The pause is over: as if the trouble had begun a pause earlier."""
    breaker.forget()
    for _ in range(breaker.LEAST_CALLS):
        breaker.record(well=False, now=datetime.now(UTC) - breaker.PAUSE)
    assert breaker.status(datetime.now(UTC)).state == "half-open"
