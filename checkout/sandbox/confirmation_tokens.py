"""ConfirmationTokens: a card form's answer, usable once. https://docs.stripe.com/api/confirmation_tokens"""

from . import method_types, payment_methods
from .errors import Json, refused
from .ids import new_id
from .params import Params, unflatten_address
from .state import Call, Sandbox
from .store import PRIVATE, public

LIFETIME = 12 * 3600
SHARED = (
    *("payment_method", "payment_method_data", "payment_method_options", "return_url", "setup_future_usage"),
    "shipping",
)


def create(box: Sandbox, call: Call) -> Json:
    """What Stripe.js does in the browser, with the publishable key."""
    call.params.only(*SHARED, "mandate_data", "use_stripe_sdk", "client_context", "set_as_default_payment_method")
    return _create(box, call.params, use_stripe_sdk=True)


def create_for_test(box: Sandbox, call: Call) -> Json:
    """`POST /v1/test_helpers/confirmation_tokens`: a token without a browser."""
    call.params.only(*SHARED)
    return _create(box, call.params, use_stripe_sdk=False)


def retrieve(box: Sandbox, call: Call) -> Json:
    return box.store.get("confirmation_token", call.id)


def spend(box: Sandbox, identifier: str, payment_intent: Json) -> Json:
    """Marks the token used by that PaymentIntent. Raises a 400 for a token that is spent or too old."""
    token = box.store.get("confirmation_token", identifier, param="confirmation_token", status=400)
    if token["payment_intent"]:
        raise refused(
            f"The provided confirmation_token ({identifier}) has already been used. "
            "A ConfirmationToken can be used only once; create a new one to try again.",
            param="confirmation_token",
        )
    if token["expires_at"] <= box.now:
        raise refused(
            f"The provided confirmation_token ({identifier}) has expired. Create a new one to try again.",
            param="confirmation_token",
        )
    _refuse_another_capture(token, payment_intent)
    _refuse_other_methods(token, payment_intent)
    token["payment_intent"] = payment_intent["id"]
    return box.store.put(token)


def _refuse_another_capture(token: Json, payment_intent: Json) -> None:
    """Elements that were set up for one way of capturing do not pay an intent of the other."""
    given, expected = payment_intent["capture_method"], token[PRIVATE]["capture_method"]
    if expected and (given == "manual") != (expected == "manual"):
        raise refused(
            f"The provided capture_method ({given}) does not match the expected capture_method ({expected}). Try "
            "confirming with a Payment Intent that is configured to use the same parameters as Stripe Elements.",
            payment_intent=public(payment_intent),
        )


def _refuse_other_methods(token: Json, payment_intent: Json) -> None:
    """Nor do Elements that offered other methods than the intent is made with. Stripe says so of lists of methods; that
    it holds for what is left out is our guess, on the side that finds more mistakes."""
    given, expected = payment_intent[method_types.LEFT_OUT] or [], token[PRIVATE]["left_out"]
    if expected is not None and set(given) != set(expected):
        raise refused(
            f"The provided {method_types.LEFT_OUT} ({', '.join(given)}) does not match the expected "
            f"{method_types.LEFT_OUT} ({', '.join(expected)}). Try confirming with a Payment Intent that is configured "
            "to use the same parameters as Stripe Elements.",
            payment_intent=public(payment_intent),
        )


def _create(box: Sandbox, params: Params, *, use_stripe_sdk: bool) -> Json:
    method = _method(box, params)
    token: Json = {
        "id": new_id("ctoken"),
        "object": "confirmation_token",
        PRIVATE: {"method": method, **_mounted_with(params)},
        "created": box.now,
        "expires_at": box.now + LIFETIME,
        "livemode": False,
        "mandate_data": None,
        "payment_intent": None,
        "payment_method_options": {"card": {"cvc_token": None}},
        "payment_method_preview": payment_methods.preview(method),
        "return_url": params.text("return_url"),
        "setup_future_usage": params.text("setup_future_usage"),
        "setup_intent": None,
        "shipping": _shipping(params.nested("shipping")),
        "use_stripe_sdk": use_stripe_sdk,
    }
    return box.store.put(token)


def _mounted_with(params: Params) -> Json:
    """How the Elements were set up that made it; nothing is known of a token that was made without a browser."""
    context = params.nested("client_context")
    left_out = method_types.left_out(context) if context.values else None
    return {"capture_method": context.text("capture_method"), "left_out": left_out}


def _method(box: Sandbox, params: Params) -> Json:
    if "payment_method_data" in params:
        return payment_methods.from_data(box, params.nested("payment_method_data"))
    return payment_methods.existing(box, params.required("payment_method"))


def _shipping(shipping: Params) -> Json | None:
    if not shipping.values:
        return None
    address = unflatten_address(shipping.mapping("address"))
    return {"address": address, "name": shipping.text("name"), "phone": shipping.text("phone")}
