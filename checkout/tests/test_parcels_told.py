"""An order's page promises no parcel that has left already."""

import pytest

from checkout.models import Order
from checkout.queries import order_view
from checkout.sandbox.testing import SandboxServer
from checkout.tests.test_fan_requests import LAST_PARCEL, arrive, paid, ship
from checkout.tests.test_payments import clock, fresh
from drops.models import Drop

pytestmark = pytest.mark.django_db(transaction=True)


def told(order: Order) -> tuple[str, bool]:
    """The headline, and whether the page still promises a message for when it ships."""
    view = order_view(fresh(order), clock())
    return view.headline, "when it ships" in view.next_step


def test_the_page_says_that_it_is_on_its_way_and_then_that_it_has_arrived(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)
    assert told(order) == ("Yours.", True)
    first = ship(order, 1)
    assert told(order) == ("Yours, and on its way", False)
    arrive(first, LAST_PARCEL)
    assert told(order) == ("Yours.", False)
    ship(order, 1, key="k2")
    assert told(order) == ("Yours, and on its way", False)
