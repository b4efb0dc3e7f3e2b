"""A quote as a door gives it: with what an order must not wait for.

Before the sums are told, the provider's tax service may be asked, and how often this person has used a discount. The
order counts that again for itself, and trusts the tax in the token.
"""

from collections.abc import Sequence
from datetime import datetime

from checkout.pricing import Wanted
from checkout.quote import STANDARD, Quote, quote
from checkout.totals import discounts, provider_tax, redemptions
from drops.models import Drop
from drops.terms import Terms
from merchant.store import current_store
from policies.languages import DEFAULT_LANGUAGE
from policies.places import Where
from policies.rules import Asked


def personal_quote(
    drop: Drop,
    wanted: Sequence[Wanted],
    place: Where,
    *,
    ip_place: str = "",
    shipping_option: str = STANDARD,
    discount_code: str = "",
    email: str = "",
    now: datetime,
    terms: Terms | None = None,
    language: str = DEFAULT_LANGUAGE,
) -> Quote:
    """``quote`` for one person. It may call the payment provider: never in a transaction. Raises as ``quote`` does."""

    ask_tax = provider_tax.ask if current_store().stripe_tax else None
    asked = Asked(place, ip_place=ip_place)

    def told(withheld: dict[int, str]) -> Quote:
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
            asked=asked,
            withheld=withheld,
            ask_tax=ask_tax,
            language=language,
        )

    first = told({})
    counted = [one for one in first.discounts if one.limit_per_person is not None]
    if not email or not counted:
        return first
    counts = redemptions.counts_of(email, [one.discount_id for one in counted])
    spent = discounts.exhausted(counted, counts)
    return told(spent) if spent else first
