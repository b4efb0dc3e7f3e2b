"""What is shown to who asked to wait: what they asked for, and to look in their mail, whoever's address they typed.

It is sealed in its own address and kept nowhere. It names no person and leads to no place: the place's key is in the
mail.
"""

from dataclasses import dataclass

from django.core import signing

from drops.models import Drop, Offer

SALT = "frontrow.waiting-ask"


@dataclass(frozen=True, slots=True)
class Asked:
    """So many of an offer were asked for."""

    token: str
    drop: Drop
    offer: Offer
    quantity: int


def seal(drop: Drop, sku: str, quantity: int) -> str:
    """The secret of the page about having asked."""
    return signing.dumps([drop.pk, sku, quantity], salt=SALT)


def opened(token: str) -> Asked | None:
    """What was asked for, or None where the token is not ours or the thing is not sold any more. One query."""
    try:
        drop_id, sku, quantity = signing.loads(token, salt=SALT)
    except (signing.BadSignature, UnicodeError):
        return None
    offers = Offer.objects.select_related("drop", "variant__product")
    offer = offers.filter(drop_id=drop_id, variant__sku=sku).first()
    return Asked(token, offer.drop, offer, quantity) if offer else None
