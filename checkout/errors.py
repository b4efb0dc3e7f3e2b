"""What can go wrong between a basket and a paid order, in the words of the trade."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from checkout.gateway import IntentView
    from checkout.models import Order
    from checkout.quote import Quote
    from policies.acceptance import Answer
    from policies.ages import AgeAsked
    from policies.restrictions import Verdict


class CheckoutError(Exception):
    """Every refusal of this app."""


@dataclass(eq=False)
class Invalid(CheckoutError):
    """The request itself is wrong; ``fields`` says where and why."""

    fields: dict[str, str] = field(default_factory=dict)


class KeyReused(CheckoutError):
    """The idempotency key was used for another body."""


class KeyInFlight(CheckoutError):
    """A twin with the same key is still being answered."""


class WaitingListOff(CheckoutError):
    """This drop has no waiting list."""


class NotWaiting(CheckoutError):
    """The place on the waiting list is over, or taken already."""


@dataclass(eq=False)
class TooManyJoins(CheckoutError):
    """So many joined waiting lists from one address that it has to pause for some seconds."""

    retry_after: int


class HoldEnded(CheckoutError):
    """The cart's hold ended and the stock does not allow another."""


class Busy(CheckoutError):
    """So many order at once that a lock was not had in time. Nothing was written; the same request may come again."""


@dataclass(eq=False)
class QuoteExpired(CheckoutError):
    """The quote is too old, or not ours; ``fresh`` is what holds now."""

    fresh: "Quote"


@dataclass(eq=False)
class TotalChanged(CheckoutError):
    """Price, shipping or tax differ from what was agreed; ``fresh`` is what holds now.

    ``why``: in words for the fan, where it is something about their own order.
    """

    fresh: "Quote"
    why: str = ""


@dataclass(eq=False)
class PoliciesChanged(CheckoutError):
    """A text differs from the one shown; ``fresh`` carries the ones in force now.

    ``seen``: ``answers`` to the texts before, sealed. The next order brings them back, so that both go on record.
    """

    fresh: "Quote"
    seen: str = ""
    answers: "tuple[Answer, ...]" = ()


@dataclass(eq=False)
class Restricted(CheckoutError):
    """We may not sell this there, or to this person; ``verdict`` is what was known and which rules said so."""

    reason: str
    verdict: "Verdict"


@dataclass(eq=False)
class AgeRequired(CheckoutError):
    """A rule asks for an age, and the order does not show it."""

    age: "AgeAsked"


@dataclass(eq=False)
class AlreadyOrdered(CheckoutError):
    """This cart has become an order before, perhaps in another tab."""

    order: "Order"


class IllegalMove(CheckoutError):
    """The order's state does not allow that."""


class BeingPaid(CheckoutError):
    """Somebody is asking the bank at this moment, or it has just said yes: the order was not cancelled."""


class CannotRefund(CheckoutError):
    """That much, or those units, cannot go back; the message says why, in words for staff."""


class CannotGrant(CheckoutError):
    """That person cannot be allowed more, or somebody did it meanwhile; the message says why, in words for staff."""


class CannotShip(CheckoutError):
    """That parcel cannot be; the message says why, in words for staff."""


class CannotAsk(CheckoutError):
    """The fan cannot ask for that, or not any more; the message says why, in words for them."""


class CannotAnswer(CheckoutError):
    """That answer does not fit what was asked, or somebody has answered already; in words for whoever answers."""


class NothingToPay(CheckoutError):
    """The order is paid or over: no card is wanted."""


@dataclass(eq=False)
class TooManyCards(CheckoutError):
    """So many cards were refused that no more are tried: for an order for good, from an address for some seconds."""

    retry_after: int | None = None


class GatewayError(CheckoutError):
    """Something between us and the payment provider."""


@dataclass(eq=False)
class GatewayUnavailable(GatewayError):
    """The provider is slow, limited or down. ``acted`` is None when it may or may not have done what we asked."""

    why: str
    acted: bool | None = None
    replayable: bool = True  # False: the same idempotency key would bring the same failure again


@dataclass(eq=False)
class CardDeclined(GatewayError):
    """The bank said no to this card; another one may be tried on the same intent."""

    message: str
    code: str
    intent: "IntentView | None" = None


@dataclass(eq=False)
class TokenUnusable(GatewayError):
    """The confirmation token is spent, expired or unknown; the fan must enter the card again."""

    message: str


@dataclass(eq=False)
class GatewayRefused(GatewayError):
    """The provider understood and will not: a wrong state, a missing object, or a mistake of ours."""

    code: str
    message: str


class SignatureInvalid(GatewayError):
    """A webhook that was not signed with one of our secrets, or too long ago."""
