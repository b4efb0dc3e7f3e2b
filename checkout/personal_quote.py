"""A quote as a door gives it: with what an order must not wait for, the provider's tax, which it trusts in the token.

It says nothing of who asks: whether a person has used a discount is theirs to know, and anybody can type an address.
The order counts that, and says it to who places it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from checkout.pricing import Wanted
from checkout.quote import STANDARD, Quote, quote
from checkout.totals import provider_tax
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
    withheld: Mapping[int, str] | None = None,
    now: datetime,
    terms: Terms | None = None,
    language: str = DEFAULT_LANGUAGE,
) -> Quote:
    """``quote`` for one place. It may call the payment provider: never in a transaction. Raises as ``quote`` does.

    ``withheld``: what an order of this fan was told it may not have.
    """
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
        asked=Asked(place, ip_place=ip_place),
        withheld=withheld,
        ask_tax=provider_tax.ask if current_store().stripe_tax else None,
        language=language,
    )
