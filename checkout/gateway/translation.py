"""What goes wrong at the provider, in our errors."""

from collections.abc import Mapping

import stripe

from checkout.errors import CardDeclined, GatewayError, GatewayRefused, GatewayUnavailable, TokenUnusable
from checkout.gateway.intent_view import intent_of

TOKEN_PARAMS = {"confirmation_token"}
CONFLICT = 409  # another request holds the key or the object right now
SERVER_ERROR = 500


def is_answer(error: stripe.StripeError) -> bool:
    """The provider understood us and said no; it is not in trouble."""
    if isinstance(error, stripe.RateLimitError | stripe.APIConnectionError):
        return False
    return error.http_status is not None and error.http_status < SERVER_ERROR


def ours(error: stripe.StripeError) -> GatewayError:
    match error:
        case stripe.CardError():
            return _declined(error)
        case stripe.InvalidRequestError():
            return _refused(error)
    return _unavailable(error)


def _unavailable(error: stripe.StripeError) -> GatewayUnavailable:
    match error:
        case stripe.RateLimitError():
            return GatewayUnavailable("limited", acted=False)
        case stripe.APIConnectionError():
            return GatewayUnavailable("no answer")
        case stripe.IdempotencyError():
            return GatewayUnavailable("the key was used for something else", acted=False, replayable=False)
    if error.http_status == CONFLICT:
        return GatewayUnavailable("a twin is on its way")
    if is_answer(error):  # our key is wrong or may not do that: refused before anything began
        return GatewayUnavailable(f"status {error.http_status}", acted=False)
    # Stripe replays a 500 under the same key for a day; asking again needs a new one.
    return GatewayUnavailable(f"status {error.http_status}", replayable=False)


def _declined(error: stripe.CardError) -> CardDeclined:
    body = (error.json_body or {}).get("error", {}) if isinstance(error.json_body, Mapping) else {}
    raw = body.get("payment_intent")
    code = body.get("decline_code") or error.code or "card_declined"
    return CardDeclined(error.user_message or "Your card was declined.", code, intent_of(raw) if raw else None)


def _refused(error: stripe.InvalidRequestError) -> GatewayRefused | TokenUnusable:
    if error.param in TOKEN_PARAMS or "confirmation_token" in (error.code or ""):
        return TokenUnusable(error.user_message or "The card details are no longer valid.")
    return GatewayRefused(error.code or "", error.user_message or str(error))
