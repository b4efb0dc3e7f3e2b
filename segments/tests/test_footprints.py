from threading import Barrier

import pytest

from segments.fans import find_or_create
from segments.footprints import leave
from segments.models import Footprint, FootprintKind
from segments.tests.races import at_once


@pytest.mark.django_db(transaction=True)
def test_a_deed_told_many_times_at_once_is_one_footprint() -> None:
    fan = find_or_create("fan@example.com")

    def tell(barrier: Barrier) -> None:
        barrier.wait()
        leave(fan, FootprintKind.PURCHASED, "drop:robe", key="order:1:purchased", amount_minor=4800)

    at_once(tell)

    footprint = Footprint.objects.get()
    assert (footprint.fan, footprint.kind, footprint.amount_minor) == (fan, "purchased", 4800)
