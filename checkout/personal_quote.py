"""A quote as a door gives it: with what an order must not wait for.

Before the sums are told, the provider's tax service may be asked, and how often this person has used a discount. The
order counts that again for itself, and trusts the tax in the token.
"""

from collections.abc import Sequence
from datetime import datetime

from checkout.pricing import Wanted
from checkout.quote import STANDARD, AskTax, Place, Quote, quote
from checkout.totals import discounts, redemptions
from drops.models import Drop
from drops.terms import Terms


def personal_quote(
    drop: Drop,
    wanted: Sequence[Wanted],
    place: Place,
    *,
    shipping_option: str = STANDARD,
    discount_code: str = "",
    email: str = "",
    now: datetime,
    terms: Terms | None = None,
) -> Quote:
    """``quote`` for one person. It may call the payment provider, so never in a transaction. Raises as ``quote`` does."""

    def told(withheld: dict[int, str], ask_tax: AskTax | None) -> Quote:
        return quote(
            drop,
            wanted,
            country=place.country,
            region=place.region,
            postal_code=place.postal_code,
            shipping_option=shipping_option,
            discount_code=discount_code,
            now=now,
            terms=terms,
            withheld=withheld,
            ask_tax=ask_tax,
        )

    first = told({}, None)
    counted = [one for one in first.discounts if one.limit_per_person is not None]
    if not email or not counted:
        return first
    counts = redemptions.counts_of(email, [one.discount_id for one in counted])
    spent = discounts.exhausted(counted, counts)
    return told(spent, None) if spent else first
