"""The shop of this deployment: one row, read often, cached for a few seconds in each process."""

import time
from zoneinfo import ZoneInfo

from merchant.models import StoreProfile

FRESH_SECONDS = 5.0
_cached: list[tuple[float, StoreProfile]] = []


def current_store() -> StoreProfile:
    """The shop's profile; an unsaved default before the first one is saved. At most five seconds old."""
    now = time.monotonic()
    known = next(iter(_cached), None)  # looked at once: another thread may forget it at any moment
    if known is None or now - known[0] > FRESH_SECONDS:
        known = (now, StoreProfile.objects.first() or StoreProfile(pk=1, name="Your shop"))
        _cached[:] = [known]
    return known[1]


def remembered_store() -> StoreProfile | None:
    """The profile as this process read it last, however long ago. Asks nobody: for pages that say what went wrong."""
    known = next(iter(_cached), None)
    return known[1] if known else None


def forget_store() -> None:
    """Read the profile anew at the next call: after saving it, and between tests."""
    _cached.clear()


def store_zone() -> ZoneInfo:
    return ZoneInfo(current_store().timezone)
