"""Confirming a PaymentIntent: the method is chosen, the bank asked, 3-D Secure answered."""

from . import cards, charges, confirmation_tokens, disputes, method_types, payment_methods
from .errors import Json, refused
from .events import emit
from .params import Params
from .state import Call, Sandbox
from .store import PRIVATE, public

PARAMETERS = (
    *("confirmation_token", "payment_method", "payment_method_data", "payment_method_options", "return_url"),
    *("use_stripe_sdk", "mandate_data", "off_session", "error_on_requires_action", "capture_method", "receipt_email"),
    *("setup_future_usage", "shipping", "client_secret", "payment_method_types"),
)
CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")


def confirm(box: Sandbox, call: Call) -> Json:
    """`POST /v1/payment_intents/:id/confirm`. A decline is HTTP 402, and the intent waits for another method."""
    call.params.only(*PARAMETERS)
    method_types.refuse_list(call)
    return confirm_with(box, box.store.get("payment_intent", call.id, param="intent"), call.params)


def confirm_with(box: Sandbox, intent: Json, params: Params) -> Json:
    _refuse_what_cannot_be_confirmed(intent)
    token, method = _chosen(box, intent, params)
    method_types.refuse(intent, method)
    return_url = params.text("return_url") or (token or {}).get("return_url")
    _require_return_url(intent, return_url)
    if token:
        confirmation_tokens.spend(box, token["id"], intent)
        intent["shipping"] = token["shipping"] or intent["shipping"]
    uses_sdk = bool((token or {}).get("use_stripe_sdk")) or params.flag("use_stripe_sdk") is True
    decline = attempt(box, intent, method, return_url=return_url, uses_sdk=uses_sdk)
    if decline:
        charge = intent["last_payment_error"].get("charge")
        details = {"charge": charge, "payment_method": public(method), "payment_intent": public(intent)}
        raise cards.card_error(decline, **details)
    return intent


def attempt(
    box: Sandbox, intent: Json, method: Json, *, return_url: str | None, uses_sdk: bool
) -> cards.Decline | None:
    """Tries the method: money at once, an action for the fan, a slow promise, or the reason of a decline."""
    payment_methods.save(box, method)
    intent.update(payment_method=method["id"], last_payment_error=None, next_action=None)
    card = payment_methods.card_of(method)
    if card is None:
        _begin_slowly(box, intent, method)
        return None
    if card.asks_authentication:
        intent.update(status="requires_action", next_action=_action(box, intent, return_url, uses_sdk=uses_sdk))
        box.store.put(intent)
        emit(box, "payment_intent.requires_action", intent)
        return None
    return _charge(box, intent, method, card)


def authenticate(box: Sandbox, intent: Json, *, passed: bool) -> None:
    """The fan's answer to 3-D Secure. Changes nothing when the intent no longer waits for one."""
    if intent["status"] != "requires_action":
        return
    method = box.store.get("payment_method", intent["payment_method"])
    intent["next_action"] = None
    card = payment_methods.card_of(method)
    if passed and card:
        _charge(box, intent, method, card)
    else:
        _fail(box, intent, method, cards.NOT_AUTHENTICATED, charge=None)


def settle(box: Sandbox, intent: Json, *, succeeded: bool) -> None:
    """Ends the waiting of a slow method. Changes nothing when the intent is not processing."""
    if intent["status"] != "processing":
        return
    charge = box.store.get("charge", intent["latest_charge"])
    charges.settle(box, charge, None if succeeded else cards.NO_FUNDS)
    intent["processing"] = None
    if succeeded:
        _succeed(box, intent)
    else:
        method = box.store.get("payment_method", intent["payment_method"])
        _fail(box, intent, method, cards.NO_FUNDS, charge=charge["id"])


def settle_due(box: Sandbox) -> None:
    """Settles the slow methods whose time has come, as their test account says."""
    for intent in box.store.all("payment_intent"):
        if intent["status"] == "processing" and intent[PRIVATE]["settles_at"] <= box.now:
            method = box.store.get("payment_method", intent["payment_method"])
            settle(box, intent, succeeded=method[PRIVATE]["settles"] == "succeeded")


def method_in(box: Sandbox, params: Params) -> Json | None:
    if "payment_method_data" in params:
        return payment_methods.from_data(box, params.nested("payment_method_data"))
    name = params.text("payment_method")
    return payment_methods.existing(box, name) if name else None


def _refuse_what_cannot_be_confirmed(intent: Json) -> None:
    status = intent["status"]
    if status in CONFIRMABLE:
        return
    reason = {
        "succeeded": "it has already succeeded after being previously confirmed",
        "canceled": "it has a status of canceled",
        "requires_capture": "it has already been confirmed and waits for its capture",
        "processing": "it is processing",
    }[status]
    message = f"You cannot confirm this PaymentIntent because {reason}."
    raise refused(message, code="payment_intent_unexpected_state", payment_intent=public(intent))


def _chosen(box: Sandbox, intent: Json, params: Params) -> tuple[Json | None, Json]:
    if identifier := params.text("confirmation_token"):
        token = box.store.get("confirmation_token", identifier, param="confirmation_token", status=400)
        return token, token[PRIVATE]["method"]
    method = method_in(box, params) or box.store.find("payment_method", intent["payment_method"])
    if method is None:
        message = (
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
            "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a "
            "payment method or ConfirmationToken."
        )
        raise refused(message, code="payment_intent_unexpected_state", payment_intent=public(intent))
    return None, method


def _require_return_url(intent: Json, return_url: str | None) -> None:
    automatic = intent["automatic_payment_methods"]
    if return_url or automatic is None or automatic["allow_redirects"] == "never":
        return
    raise refused(
        "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of these "
        "payment methods might redirect your customer off of your page, you must provide a `return_url`. If you don't "
        "want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and "
        "`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents.",
        payment_intent=public(intent),
    )


def _action(box: Sandbox, intent: Json, return_url: str | None, *, uses_sdk: bool) -> Json:
    page = f"{box.config.public_url}/sandbox/3ds/{intent['id']}?client_secret={intent['client_secret']}"
    intent.setdefault(PRIVATE, {})["return_url"] = return_url
    if return_url and not uses_sdk:
        return {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": page}}
    return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": page}}


def _charge(box: Sandbox, intent: Json, method: Json, card: cards.Card) -> cards.Decline | None:
    if card.decline:
        failed = charges.record(box, intent, method, status="failed", captured=False, decline=card.decline)
        _fail(box, intent, method, card.decline, charge=failed["id"])
        return card.decline
    at_once = intent["capture_method"] != "manual"
    charge = charges.record(box, intent, method, status="succeeded", captured=at_once, decline=None)
    if at_once:
        _succeed(box, intent)
    else:
        intent.update(status="requires_capture", amount_capturable=intent["amount"])
        box.store.put(intent)
        emit(box, "payment_intent.amount_capturable_updated", intent)
    if card.disputed:
        disputes.open_(box, charge, reason="fraudulent")
    return None


def _succeed(box: Sandbox, intent: Json) -> None:
    intent.update(status="succeeded", amount_received=intent["amount"])
    box.store.put(intent)
    emit(box, "payment_intent.succeeded", intent)


def _fail(box: Sandbox, intent: Json, method: Json, decline: cards.Decline, *, charge: str | None) -> None:
    error = cards.payment_error(decline, charge=charge, method=method)
    intent.update(status="requires_payment_method", payment_method=None, last_payment_error=error)
    box.store.put(intent)
    emit(box, "payment_intent.payment_failed", intent)


def _begin_slowly(box: Sandbox, intent: Json, method: Json) -> None:
    charges.record(box, intent, method, status="pending", captured=False, decline=None)
    intent.update(status="processing", processing=None)
    intent.setdefault(PRIVATE, {})["settles_at"] = box.now + box.config.settle_after
    box.store.put(intent)
    emit(box, "payment_intent.processing", intent)
