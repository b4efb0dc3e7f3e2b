"""Footprints: what a fan did, left by the apps above. (They are not called signals: Django's are something else.)"""

from segments.models import Fan, Footprint, FootprintKind


def leave(fan: Fan, kind: FootprintKind, subject: str, *, key: str, amount_minor: int | None = None) -> None:
    """Note a deed once: the same ``key`` again changes nothing. ``amount_minor`` is in the shop's currency."""
    Footprint.objects.bulk_create(
        [Footprint(fan=fan, kind=kind, subject=subject, key=key, amount_minor=amount_minor)], ignore_conflicts=True
    )
