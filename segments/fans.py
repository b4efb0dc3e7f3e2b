"""Fans: one row a person, known by e-mail without regard to case."""

from django.db import transaction
from django.db.models import Q, Value
from django.db.models.functions import Lower
from django.db.models.lookups import Exact

from segments.models import Fan


@transaction.atomic(savepoint=False)
def find_or_create(email: str, *, name: str = "", phone: str = "", country: str = "", region: str = "") -> Fan:
    """The fan of this address, made if there is none. Two callers at once get the same one, one after the other.

    The row is locked to the end of the caller's transaction: what is hung on it there still finds it at the commit.
    What an earlier visit already told us stays: a stranger who types somebody's address must not rename them.
    Only blank fields are filled.
    """
    email = email.strip()
    told = {field: value for field, value in _cut(name, phone, country, region).items() if value}
    # Erased in the very moment between two statements, it is made anew.
    fan = _made_or_locked(email, told) or _made_or_locked(email, told)
    if fan is None:
        raise Fan.DoesNotExist(email)
    _fill_blanks(fan, told)
    return fan


def erase(email: str) -> bool:
    """Delete the fan of this address with all they did and agreed to. False when there is none."""
    # Locked first: what somebody is just hanging on it is waited for, and goes along.
    fan = Fan.objects.select_for_update().filter(is_address(email)).first()
    if fan is not None:
        fan.delete()
    return fan is not None


def by_email(email: str) -> Fan | None:
    return Fan.objects.filter(is_address(email)).first()


def is_address(email: str) -> Exact:
    """The condition that uses the unique index: PostgreSQL lowers both sides, so both are lowered alike."""
    return Exact(Lower("email"), Lower(Value(email.strip())))


def _made_or_locked(email: str, told: dict[str, str]) -> Fan | None:
    Fan.objects.bulk_create([Fan(email=email, **told)], ignore_conflicts=True)
    return Fan.objects.select_for_update(no_key=True).filter(is_address(email)).first()


def _cut(name: str, phone: str, country: str, region: str) -> dict[str, str]:
    return {"name": name.strip()[:120], "phone": phone[:20], "country": country[:2].upper(), "region": region[:40]}


def _fill_blanks(fan: Fan, told: dict[str, str]) -> None:
    for field, value in told.items():
        if not getattr(fan, field) and Fan.objects.filter(Q(pk=fan.pk) & Q(**{field: ""})).update(**{field: value}):
            setattr(fan, field, value)
