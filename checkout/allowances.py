"""How much one person may have, across their orders and devices.

A person is known by keyed fingerprints of their e-mail, their phone and, where the shop says so, their address: an
order counts against each of them. It keeps which these were, so that what comes back goes to where it was taken from,
whatever the shop says by then. Counting either takes all or refuses; rows are locked in ascending order, so two orders
of one person cannot wait for each other.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest

from checkout.contact import Address, Contact
from checkout.errors import CannotGrant
from checkout.models import Allowance, Order, OrderLine
from checkout.pricing import PricedLine
from drops.errors import LimitReached
from merchant import journal, rows
from merchant.keyed import keyed
from merchant.models import JournalEntry
from merchant.store import current_store

GRANTED = "allowance_granted"  # in the journal
# A row that would go above the limit is left out of what comes back.
_TAKE = """
    WITH wanted AS (
        SELECT * FROM json_to_recordset(%s::json) AS w (offer_id bigint, person_key text, units int, most int)
    )
    INSERT INTO checkout_allowance AS a (offer_id, person_key, used, granted)
    SELECT offer_id, person_key, units, 0 FROM wanted ORDER BY person_key, offer_id
    ON CONFLICT (offer_id, person_key) DO UPDATE SET used = a.used + EXCLUDED.used
    WHERE a.used + EXCLUDED.used <= a.granted + (
        SELECT most FROM wanted w WHERE w.offer_id = a.offer_id AND w.person_key = a.person_key
    )
"""


def person_keys(contact: Contact) -> list[str]:
    """The fingerprints a person is counted by from now on, ascending. They find a person again and cannot be turned
    back."""
    marks = [_email_mark(contact.email)]
    if contact.phone:
        marks.append(f"phone:{contact.phone}")
    if current_store().limit_by_address:
        marks.append(f"address:{_plain(contact.address)}")
    return sorted(map(_fingerprint, marks))


def keys_of(order: Order) -> list[str]:
    """The fingerprints that an order is counted by, ascending: those of the moment it was placed."""
    if order.person_keys is None:  # it is older than their column
        return person_keys(contact_of(order))
    return order.person_keys


def email_key(email: str) -> str:
    """The fingerprint of an e-mail address alone."""
    return _fingerprint(_email_mark(email))


def _fingerprint(mark: str) -> str:
    return keyed("frontrow.allowance", mark).hex()


def take(lines: Sequence[PricedLine], keys: Sequence[str]) -> rows.Insert:
    """Counts an order's units against its person, in one statement with the order's own rows; see ``require_all``."""
    wanted = [
        {"offer_id": line.offer_id, "person_key": key, "units": line.quantity, "most": line.limit}
        for line in lines
        for key in keys
    ]
    return rows.Insert(_TAKE, rows.as_json(wanted))


def require_all(lines: Sequence[PricedLine], keys: Sequence[str], counted: Sequence[int]) -> None:
    """``counted``: the offer of each row that ``take`` wrote. Raises LimitReached where one is missing: roll back."""
    for line in lines:
        if counted.count(line.offer_id) < len(keys):
            raise LimitReached(line.sku, line.limit)


def give_back(order: Order) -> None:
    """An order that ended without its units leaves its person the right to them. Once an order, under its lock."""
    _count(order, _units(order), sign=-1)


def give_back_some(order: Order, units: Iterable[tuple[int, int]]) -> None:
    """The same for ``(offer id, units)`` that came back, or never went out. Once a return, under the order's lock."""
    _count(order, sorted(units), sign=-1)


def take_again(order: Order) -> None:
    """An order that ended gets its units after all: counted, without a limit, because they are paid."""
    _count(order, _units(order), sign=1)


def forget(counts: QuerySet[Allowance]) -> None:
    """Delete counts, in the caller's transaction; locked as an order locks them, or they would go as they lie."""
    locked = counts.order_by("person_key", "offer_id").select_for_update(of=("self",))
    Allowance.objects.filter(pk__in=list(locked.values_list("pk", flat=True))).delete()


def granted(line: OrderLine) -> list[int]:
    """How many units more than the limit of a line's offer its person was allowed by now, by each of their marks."""
    keys = person_keys(contact_of(line.order))
    known = dict(
        Allowance.objects.filter(offer=line.offer_id, person_key__in=keys).values_list("person_key", "granted")
    )
    return [known.get(key, 0) for key in keys]


@transaction.atomic
def grant(line: OrderLine, units: int, *, seen: Sequence[int], actor: str, why: str) -> bool:
    """Let who ordered a line have ``units`` more of its offer than the limit says, in further orders. Journalled.

    ``seen``: what ``granted`` said when the form was shown. A form that is sent twice allows it once: False the
    second time. Raises CannotGrant when somebody else allowed more since then, and then nothing has changed.
    """
    if not line.order.email:
        raise CannotGrant("Who ordered this was erased: nobody is left to allow it to.")
    keys = person_keys(contact_of(line.order))
    Allowance.objects.bulk_create(
        [Allowance(offer_id=line.offer_id, person_key=key) for key in keys], ignore_conflicts=True
    )
    mine = Allowance.objects.filter(offer=line.offer_id, person_key__in=keys)
    # Two who press at once come here one after the other, and the second sees what the first one wrote.
    by_now = [row.granted for row in mine.order_by("person_key").select_for_update()]
    deed = {"sku": line.sku, "units": units, "allowed_before": list(seen)}
    if by_now != deed["allowed_before"]:
        _require_twin(line.order, deed, actor, why)
        return False
    mine.update(granted=F("granted") + units)
    journal.record(line.order.subject, GRANTED, actor=actor, why=why, data=deed)
    return True


def _require_twin(order: Order, deed: dict[str, Any], actor: str, why: str) -> None:
    """The same form was heard before; or somebody else was faster, which is said."""
    granted = JournalEntry.objects.filter(subject=order.subject, verb=GRANTED, data__sku=deed["sku"]).order_by("pk")
    if granted.filter(data=deed, actor=actor, why=why).exists():
        return
    last = granted.last()
    if last is None:  # on another of their orders, or the shop counts people in another way by now
        raise CannotGrant("What this person may have has changed meanwhile. Look again before you allow more.")
    who, units = last.actor.removeprefix("staff:"), last.data["units"]
    raise CannotGrant(f"{who} has allowed {units} more meanwhile: “{last.why}” Look again before you allow more.")


def _units(order: Order) -> Iterable[tuple[int, int]]:
    return order.lines.order_by("offer_id").values_list("offer_id", "quantity")


@transaction.atomic(savepoint=False)
def _count(order: Order, counted: Iterable[tuple[int, int]], *, sign: int) -> None:
    counts = Allowance.objects.filter(person_key__in=keys_of(order))
    units_of: Counter[int] = Counter()
    for offer_id, units in counted:
        units_of[offer_id] += units
    # Locked as an order locks them: an update alone takes them as they lie.
    list(counts.filter(offer_id__in=units_of).order_by("person_key", "offer_id").select_for_update())
    for offer_id, units in units_of.items():
        # Orders that are older than their row were never counted in it.
        counts.filter(offer_id=offer_id).update(used=Greatest(F("used") + sign * units, 0))


def contact_of(order: Order) -> Contact:
    """Who ordered, as they gave themselves."""
    fields = ("line1", "line2", "city", "postal_code", "region", "country")
    address = Address(**{field: order.address.get(field, "") for field in fields})
    return Contact(order.email, order.name, order.phone, address)


def _email_mark(email: str) -> str:
    return f"email:{email.lower()}"


def _plain(address: Address) -> str:
    """Without case and spaces: one household writes its address in several ways. Without a postal code, which some
    countries have none of, a street is in a city."""
    parts = (address.line1, address.postal_code or address.city, address.country)
    return "|".join("".join(part.lower().split()) for part in parts)
