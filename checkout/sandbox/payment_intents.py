"""PaymentIntents: created, changed, found, captured and cancelled. Confirming them is `confirming.py`."""

from . import charges, confirming, method_types, payment_methods
from .errors import Json, StripeError, no_such, refused
from .events import emit
from .ids import letters, new_id
from .listing import page
from .params import Params
from .search import search as search_page
from .state import Call, Sandbox
from .store import PRIVATE, public

CAPTURE_METHODS = ("automatic", "automatic_async", "manual")
CANCELLABLE = ("requires_payment_method", "requires_capture", "requires_confirmation", "requires_action", "processing")
CHANGEABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELLATION_REASONS = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")
DESCRIPTIVE = ("customer", "description", "receipt_email", "setup_future_usage", "statement_descriptor_suffix")
ACCEPTED = (
    *DESCRIPTIVE,
    *("amount", "currency", "metadata", "shipping", "payment_method", "payment_method_data", "payment_method_options"),
    *("payment_method_types", "capture_method", "statement_descriptor", "transfer_group", "confirmation_token"),
    method_types.LEFT_OUT,
)
# What a publishable key may see of a PaymentIntent whose client secret it knows.
FOR_THE_BROWSER = (
    *("id", "object", "amount", "amount_details", "automatic_payment_methods", "canceled_at", "cancellation_reason"),
    *("capture_method", "client_secret", "confirmation_method", "created", "currency", "description"),
    *("last_payment_error", "livemode", "next_action", "payment_method", "payment_method_types", "processing"),
    *("receipt_email", "setup_future_usage", "shipping", "source", "status"),
)


def create(box: Sandbox, call: Call) -> Json:
    """Creates it, and confirms it too when `confirm=true`."""
    params = call.params
    params.only(*ACCEPTED, "confirm", "automatic_payment_methods", *confirming.PARAMETERS, "confirmation_method")
    method_types.refuse_list(call)
    if params.text("confirmation_token") and not params.flag("confirm"):
        raise refused("You must pass confirm=true with a confirmation_token.", param="confirmation_token")
    intent = new(box, params)
    _set_method(box, intent, params)
    box.store.put(intent)
    emit(box, "payment_intent.created", intent)
    if params.flag("confirm"):
        return confirming.confirm_with(box, intent, params)
    return intent


def new(box: Sandbox, params: Params) -> Json:
    """An unconfirmed PaymentIntent, not stored yet."""
    identifier = new_id("pi")
    automatic = params.nested("automatic_payment_methods")
    intent: Json = {
        "id": identifier,
        "object": "payment_intent",
        "amount": params.amount("amount"),
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": {
            "allow_redirects": automatic.choice("allow_redirects", ("always", "never"), "always"),
            "enabled": True,
        },
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": params.choice("capture_method", CAPTURE_METHODS, "automatic_async"),
        "client_secret": f"{identifier}_secret_{letters(25)}",
        "confirmation_method": params.choice("confirmation_method", ("automatic", "manual"), "automatic"),
        "created": box.now,
        "currency": params.currency("currency"),
        "customer_account": None,
        "excluded_payment_method_types": method_types.left_out(params) or None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": params.merge_metadata({}),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": method_types.offered(params),
        "processing": None,
        "review": None,
        "shipping": params.mapping("shipping") or None,
        "source": None,
        "statement_descriptor": params.text("statement_descriptor"),
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": params.text("transfer_group"),
        **{name: params.text(name) for name in DESCRIPTIVE},
        "receipt_email": params.email("receipt_email"),
    }
    if "payment_method_types" in params and "automatic_payment_methods" not in params:
        intent["automatic_payment_methods"] = None
    return intent


def retrieve(box: Sandbox, call: Call) -> Json:
    """With a publishable key only for those who know the client secret, and only a part of it."""
    intent = box.store.get("payment_intent", call.id, param="intent")
    secret = call.params.text("client_secret")
    if call.secret_key and secret is None:
        call.params.only()
        return intent
    if secret != intent["client_secret"]:
        raise no_such("payment_intent", call.id, param="intent")
    return {name: intent[name] for name in FOR_THE_BROWSER}


def list_(box: Sandbox, call: Call) -> Json:
    customer = call.params.text("customer")
    found = [intent for intent in box.store.all("payment_intent") if customer in (None, intent["customer"])]
    return page(call.params, found, "/v1/payment_intents", extra=("customer",))


def search(box: Sandbox, call: Call) -> Json:
    return search_page(call.params, box.store.all("payment_intent"), "/v1/payment_intents/search")


def update(box: Sandbox, call: Call) -> Json:
    """Metadata and description at any time; the amount only while nothing was authorised."""
    params = call.params
    params.only(*ACCEPTED)
    method_types.refuse_list(call)
    intent = box.store.get("payment_intent", call.id, param="intent")
    if ({"amount", "currency"} & set(params.values)) and intent["status"] not in CHANGEABLE:
        raise unexpected_state(intent, "update", "updated", CHANGEABLE)
    if "amount" in params:
        intent["amount"] = params.amount("amount")
    if "currency" in params:
        intent["currency"] = params.currency("currency")
    intent.update({name: params.text(name) for name in DESCRIPTIVE if name in params})
    if "shipping" in params:
        intent["shipping"] = params.mapping("shipping") or None
    intent["metadata"] = params.merge_metadata(intent["metadata"])
    if method_types.LEFT_OUT in params:
        intent[method_types.LEFT_OUT] = method_types.left_out(params) or None
        intent["payment_method_types"] = method_types.offered(params)
    _set_method(box, intent, params)
    return box.store.put(intent)


def capture(box: Sandbox, call: Call) -> Json:
    """Takes all or a part of what was authorised; the rest is let go."""
    params = call.params
    params.only("amount_to_capture", "metadata", "final_capture", "statement_descriptor", "statement_descriptor_suffix")
    lapse_due(box)
    intent = box.store.get("payment_intent", call.id, param="intent")
    if intent["status"] != "requires_capture":
        raise unexpected_state(intent, "capture", "captured", ("requires_capture",))
    amount = params.integer("amount_to_capture", least=1) or intent["amount_capturable"]
    if amount > intent["amount_capturable"]:
        message = "The amount to capture is greater than the amount that can be captured."
        raise refused(message, code="amount_too_large", param="amount_to_capture", payment_intent=public(intent))
    charges.capture(box, box.store.get("charge", intent["latest_charge"]), amount)
    intent.update(status="succeeded", amount_received=amount, amount_capturable=0)
    box.store.put(intent)
    emit(box, "payment_intent.succeeded", intent)
    return intent


def cancel(box: Sandbox, call: Call) -> Json:
    params = call.params
    params.only("cancellation_reason")
    reason = params.choice("cancellation_reason", CANCELLATION_REASONS, "requested_by_customer")
    intent = box.store.get("payment_intent", call.id, param="intent")
    if intent["status"] not in CANCELLABLE:
        raise unexpected_state(intent, "cancel", "canceled", CANCELLABLE)
    session = box.store.find("checkout.session", intent.get(PRIVATE, {}).get("session"))
    if session and session["status"] == "open":
        message = "You cannot cancel a PaymentIntent that a Checkout Session created. Expire the session instead."
        raise refused(message, code="payment_intent_unexpected_state", payment_intent=public(intent))
    return close(box, intent, reason if "cancellation_reason" in params else None)


def close(box: Sandbox, intent: Json, reason: str | None) -> Json:
    """Nothing can be paid with it any more; an authorisation is given back."""
    if intent["status"] in ("requires_capture", "processing"):
        charges.release(box, box.store.get("charge", intent["latest_charge"]))
    return _closed(box, intent, reason)


def _closed(box: Sandbox, intent: Json, reason: str | None) -> Json:
    intent.update(status="canceled", canceled_at=box.now, cancellation_reason=reason, next_action=None, processing=None)
    intent["amount_capturable"] = 0
    box.store.put(intent)
    emit(box, "payment_intent.canceled", intent)
    return intent


def lapse_due(box: Sandbox) -> None:
    """Closes what was authorised and not captured before its bank let go."""
    for intent in box.store.all("payment_intent"):
        if intent["status"] != "requires_capture":
            continue
        charge = box.store.get("charge", intent["latest_charge"])
        if charges.has_lapsed(box, charge):
            charges.lapse(box, charge)
            _closed(box, intent, "automatic")


def unexpected_state(intent: Json, verb: str, participle: str, allowed: tuple[str, ...]) -> StripeError:
    message = (
        f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent "
        f"with one of the following statuses may be {participle}: {', '.join(allowed)}."
    )
    return refused(message, code="payment_intent_unexpected_state", payment_intent=public(intent))


def _set_method(box: Sandbox, intent: Json, params: Params) -> None:
    """A method given before confirmation only waits there."""
    if "payment_method" not in params and "payment_method_data" not in params:
        return
    method = confirming.method_in(box, params)
    if method:
        method_types.refuse(intent, method)
        payment_methods.save(box, method)
        intent.update(payment_method=method["id"], status="requires_confirmation")
