"""How often discounts were used, by all and by each person: counted in the order's own transaction.

One statement takes all or refuses, like the allowances of a person: a count that would go above its limit is left out
of what comes back. Its rows are locked in ascending order, so two orders with the same discounts cannot wait for each
other.
"""

from collections.abc import Sequence

from django.db import connection, transaction
from django.db.models import F, Sum
from django.db.models.functions import Greatest

from checkout import allowances
from checkout.models import DiscountCount, Order
from checkout.totals.discounts import USED_BY_YOU, USED_UP, Used

ALL = ""  # the key under which everybody is counted together
NO_LIMIT = 2_000_000_000
_TAKE = """
    WITH wanted AS (
        SELECT * FROM unnest(%(discounts)s::bigint[], %(keys)s::text[], %(limits)s::int[]) AS w (discount_id, key, most)
    )
    INSERT INTO checkout_discountcount AS c (discount_id, person_key, used)
    SELECT discount_id, key, 1 FROM wanted WHERE most > 0 ORDER BY discount_id, key
    ON CONFLICT (discount_id, person_key) DO UPDATE SET used = c.used + 1
    WHERE c.used < (SELECT most FROM wanted w WHERE w.discount_id = c.discount_id AND w.key = c.person_key)
    RETURNING discount_id, person_key
"""


def take(used: Sequence[Used], email: str) -> dict[int, str]:
    """Count an order's discounts. Returns those that it may not have, by id with the reason: then roll back."""
    if not used:
        return {}
    person = allowances.email_key(email)
    wanted = [(one.discount_id, person, one.limit_per_person or NO_LIMIT) for one in used]
    # Only what is limited is counted for all: everybody's row is hot.
    wanted += [(one.discount_id, ALL, one.limit_in_all) for one in used if one.limit_in_all is not None]
    discounts, keys, limits = zip(*wanted, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"discounts": list(discounts), "keys": list(keys), "limits": list(limits)})
        counted = set(cursor.fetchall())
    return {one: USED_BY_YOU if key else USED_UP for one, key, _ in wanted if (one, key) not in counted}


def give_back(order: Order) -> None:
    """An order that ended without its units has used no discount. Once an order, under its lock."""
    _count(order, -1)


def take_again(order: Order) -> None:
    """An order that ended gets its units after all, at the price it paid: counted, without a limit."""
    _count(order, 1)


@transaction.atomic
def count_all(discount_id: int) -> None:
    """Begin to count a discount for all, from what each person has used: when it gets a limit in all."""
    counts = DiscountCount.objects.filter(discount_id=discount_id)
    DiscountCount.objects.get_or_create(discount_id=discount_id, person_key=ALL)
    counts.select_for_update().get(person_key=ALL)  # an order that is just counting is waited for, and then seen
    used = counts.exclude(person_key=ALL).aggregate(sum=Sum("used"))["sum"] or 0
    counts.filter(person_key=ALL).update(used=used)


def _count(order: Order, by: int) -> None:
    keys = (ALL, allowances.email_key(order.email))
    for discount_id in order.redemptions.order_by("discount_id").values_list("discount_id", flat=True):
        for key in keys:
            row = DiscountCount.objects.filter(discount_id=discount_id, person_key=key)
            row.update(used=Greatest(F("used") + by, 0))
