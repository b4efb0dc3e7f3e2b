"""The provider's tax service tells a quote its tax; the order trusts the quote and asks nobody."""

from datetime import datetime
from typing import Any

import pytest
from pytest_django import Settings

from checkout import breaker, budget
from checkout.errors import TotalChanged
from checkout.models import Order, TaxRate
from checkout.personal_quote import personal_quote
from checkout.place_order import place_order
from checkout.pricing import Wanted
from checkout.quote import Quote
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.totals import provider_tax
from checkout.totals.taxes import TaxAnswer, Taxed
from drops.models import Drop, Offer
from merchant import store
from merchant.models import StoreProfile
from policies.places import Where

pytestmark = pytest.mark.django_db(transaction=True)
CALL = "tax.calculations.create"
HOME = Where("US", "CA", "12345")  # where fan.ADDRESS is


@pytest.fixture(autouse=True)
def _long_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "WINDOW_SECONDS", 60)  # no second turn on a busy machine


@pytest.fixture
def asking(robe: Drop, sandbox: SandboxServer, settings: Settings) -> Drop:
    """The robe, in a shop that asks the provider and waits for it on the slowest machine; its own table says 5 %."""
    settings.STRIPE_TAX_TIMEOUT_SECONDS = 30.0
    StoreProfile.objects.update(stripe_tax=True, prices_include_tax=False)
    TaxRate.objects.create(title="Own table", country="US", basis_points=500)
    store.forget_store()
    sandbox.reset()
    provider_tax.forget()
    return robe


def told(drop: Drop, at: datetime, place: Where = HOME, **fields: Any) -> Quote:
    return personal_quote(drop, [Wanted("ROBE-M", 1)], place, now=at, **fields)


def calls(sandbox: SandboxServer) -> int:
    return len(sandbox.requests(CALL))


def test_a_quote_asks_it_once_and_says_so(asking: Drop, sandbox: SandboxServer, now: datetime) -> None:
    agreed = told(asking, now)
    assert (agreed.tax_source, agreed.tax_title, agreed.tax_minor) == ("stripe", "Sales tax 8.25 %", 396 + 50)
    assert agreed.total_minor == 4800 + 600 + 446
    assert told(asking, now).tax_minor == 446
    assert calls(sandbox) == 1, "the second quote remembers"


def test_prices_with_tax_inside_stay_as_they_are(asking: Drop, sandbox: SandboxServer, now: datetime) -> None:
    StoreProfile.objects.update(prices_include_tax=True)
    store.forget_store()
    agreed = told(asking, now, Where("DE"))
    assert (agreed.tax_title, agreed.tax_minor, agreed.total_minor) == ("VAT 19 %", 766 + 96, 5400)


def test_the_order_trusts_the_quote_and_asks_nobody(asking: Drop, sandbox: SandboxServer, now: datetime) -> None:
    agreed = told(asking, now)
    asked_before = calls(sandbox)
    provider_tax.forget()
    sandbox.fail(CALL, status=500)
    placed = fan.found(place_order(asking, fan.request(agreed), person=fan.PERSON, now=now))
    assert (placed.tax_minor, placed.total_minor, placed.tax_title) == (446, 5846, "Sales tax 8.25 %")
    assert placed.lines.get().tax_added_minor == 396
    assert calls(sandbox) == asked_before


def test_for_another_address_it_is_not_trusted(asking: Drop, sandbox: SandboxServer, now: datetime) -> None:
    agreed = told(asking, now, Where("US", "WA", "98104"))
    with pytest.raises(TotalChanged) as refusal:
        place_order(asking, fan.request(agreed), person=fan.PERSON, now=now)
    fresh = refusal.value.fresh
    assert (fresh.tax_source, fresh.tax_minor) == ("table", 240 + 30)
    assert place_order(asking, fan.request(fresh), person=fan.PERSON, now=now).reply["total"]["amount"] == 5670


def test_a_price_that_changed_is_another_question(asking: Drop, sandbox: SandboxServer, now: datetime) -> None:
    agreed = told(asking, now)
    Offer.objects.update(price_minor=5000)
    with pytest.raises(TotalChanged):
        place_order(asking, fan.request(agreed), person=fan.PERSON, now=now)
    assert not Order.objects.exists()


@pytest.mark.parametrize("trouble", ["error", "slow", "breaker", "budget", "address"])
def test_in_trouble_the_table_counts(
    asking: Drop,
    sandbox: SandboxServer,
    now: datetime,
    settings: Settings,
    trouble: str,
) -> None:
    place = HOME
    match trouble:
        case "error":
            sandbox.fail(CALL, status=500)
        case "slow":
            settings.STRIPE_TAX_TIMEOUT_SECONDS = 0.05
            sandbox.slow(CALL, seconds=30)
        case "breaker":
            for _ in range(breaker.LEAST_CALLS):
                breaker.record(well=False, now=now)
        case "budget":
            settings.STRIPE_CALLS_PER_SECOND_IN_ALL = 1
            budget.take(CALL)
        case "address":
            place = Where("US")  # the provider wants a postal code there
    agreed = told(asking, now, place)
    assert (agreed.tax_source, agreed.tax_title, agreed.tax_minor) == ("table", "Own table 5 %", 240 + 30)


def test_after_a_failure_it_is_left_alone(asking: Drop, sandbox: SandboxServer, now: datetime) -> None:
    sandbox.fail(CALL, status=500)
    told(asking, now)
    told(asking, now)
    assert calls(sandbox) == 1
    assert breaker.is_closed(), "payments do not suffer from it"


def test_what_makes_no_sense_is_not_believed() -> None:
    asked = Taxed(HOME, "USD", ("A", "B"), (100, 100), 0, included=True)
    sane, much, few = ((1, 1), 0), ((101, 1), 0), ((1,), 0)
    answers = [TaxAnswer("T", goods, shipping) for goods, shipping in (sane, much, few)]
    assert [provider_tax._makes_sense(asked, answer) for answer in answers] == [True, False, False]


def test_by_default_nobody_is_asked(robe: Drop, sandbox: SandboxServer, now: datetime) -> None:
    sandbox.reset()
    assert told(robe, now).tax_source == "table"
    assert calls(sandbox) == 0
