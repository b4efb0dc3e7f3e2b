"""Checkout Sessions: a payment page of Stripe's own. https://docs.stripe.com/api/checkout/sessions"""

from . import confirming, method_types, payment_intents
from .cards import Decline
from .errors import Json, invalid, refused
from .events import emit
from .ids import letters, new_id
from .listing import page
from .params import Params
from .state import Call, Sandbox
from .store import PRIVATE

SHORTEST = 30 * 60
LONGEST = 24 * 3600
KIND = "checkout.session"
TEXTS = ("cancel_url", "client_reference_id", "customer", "customer_email", "locale", "success_url", "submit_type")
ACCEPTED = (
    *TEXTS,
    *("mode", "line_items", "metadata", "payment_intent_data", "expires_at", "payment_method_types", "ui_mode"),
    *("billing_address_collection", "customer_creation", "shipping_address_collection", "phone_number_collection"),
    *("allow_promotion_codes", "automatic_tax", "consent_collection", "custom_text", "after_expiration"),
    *("payment_method_options", "shipping_options", "adaptive_pricing", "return_url", method_types.LEFT_OUT),
)


def create(box: Sandbox, call: Call) -> Json:
    params = call.params
    params.only(*ACCEPTED)
    method_types.refuse_list(call)
    params.choice("mode", ("payment",), "payment")
    params.required("success_url")
    items = [_line_item(item) for item in params.items("line_items")]
    if not items:
        raise invalid("Missing required param: line_items.", param="line_items", code="parameter_missing")
    session = _new(box, params, items, _expires_at(box, params))
    return box.store.put(session)


def retrieve(box: Sandbox, call: Call) -> Json:
    call.params.only()
    return box.store.get(KIND, call.id)


def list_(box: Sandbox, call: Call) -> Json:
    intent, status = call.params.text("payment_intent"), call.params.text("status")
    found = [
        session
        for session in box.store.all(KIND)
        if intent in (None, session["payment_intent"]) and status in (None, session["status"])
    ]
    return page(call.params, found, "/v1/checkout/sessions", extra=("payment_intent", "status", "customer"))


def line_items(box: Sandbox, call: Call) -> Json:
    session = box.store.get(KIND, call.id)
    return page(call.params, session[PRIVATE]["line_items"], f"/v1/checkout/sessions/{call.id}/line_items")


def expire(box: Sandbox, call: Call) -> Json:
    call.params.only()
    session = box.store.get(KIND, call.id)
    if session["status"] != "open":
        raise refused(
            f'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of '
            f"{session['status']}.",
        )
    close(box, session)
    return session


def close(box: Sandbox, session: Json) -> None:
    """Ends an open session unpaid; what was begun with it can no longer be paid either."""
    session.update(status="expired", url=None)
    intent = box.store.find("payment_intent", session["payment_intent"])
    if intent and intent["status"] in payment_intents.CANCELLABLE:
        payment_intents.close(box, intent, "automatic")
    box.store.put(session)
    emit(box, "checkout.session.expired", session)


def expire_due(box: Sandbox) -> None:
    for session in box.store.all(KIND):
        if session["status"] == "open" and session["expires_at"] <= box.now:
            close(box, session)


def pay(box: Sandbox, session: Json, method: Json, email: str | None) -> Decline | None:
    """Tries the method on the session's PaymentIntent, made at the first attempt; the fan may try another."""
    intent = box.store.find("payment_intent", session["payment_intent"])
    if intent is None:
        intent = payment_intents.new(box, Params(session[PRIVATE]["payment_intent_data"]))
        intent[PRIVATE] = {"session": session["id"]}
        session["payment_intent"] = box.store.put(intent)["id"]
        emit(box, "payment_intent.created", intent)
    session["customer_details"] = _customer(method, email or session["customer_email"])
    box.store.put(session)
    decline = confirming.attempt(box, intent, method, return_url=None, uses_sdk=False)
    complete_when_paid(box, session)
    return decline


def complete_when_paid(box: Sandbox, session: Json) -> None:
    """Completes an open session whose PaymentIntent needs nothing more from the fan."""
    intent = box.store.find("payment_intent", session["payment_intent"])
    if session["status"] != "open" or intent is None:
        return
    if intent["status"] not in ("succeeded", "requires_capture", "processing"):
        return
    paid = intent["status"] == "succeeded"
    session.update(status="complete", payment_status="paid" if paid else "unpaid", url=None)
    box.store.put(session)
    emit(box, "checkout.session.completed", session)


def follow(box: Sandbox, intent: Json) -> None:
    """Completes the session that a PaymentIntent belongs to, if there is one and its money came."""
    session = box.store.find(KIND, intent.get(PRIVATE, {}).get("session"))
    if session:
        complete_when_paid(box, session)


def _expires_at(box: Sandbox, params: Params) -> int:
    expires_at = params.integer("expires_at")
    if expires_at is None:
        return box.now + LONGEST
    # A second of grace on both ends: the caller's clock ticked while the request travelled.
    if not SHORTEST - 1 <= expires_at - box.now <= LONGEST + 1:
        raise invalid(
            "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from Checkout Session "
            "creation.",
            param="expires_at",
        )
    return expires_at


def _line_item(item: Params) -> Json:
    item.only("price_data", "quantity", "metadata")
    quantity = item.integer("quantity", least=1) or 1
    price = item.nested("price_data")
    price.only("currency", "unit_amount", "product_data", "tax_behavior")
    product = price.nested("product_data")
    total = price.required_integer("unit_amount", least=0) * quantity
    return {
        "id": new_id("li"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": price.currency("currency"),
        "description": product.required("name"),
        "metadata": item.mapping("metadata"),
        "price": {"unit_amount": price.integer("unit_amount"), "currency": price.currency("currency")},
        "quantity": quantity,
    }


def _intent_data(params: Params, total: int, currency: str) -> Json:
    data = params.nested("payment_intent_data")
    data.only("metadata", "description", "capture_method", "receipt_email", "setup_future_usage", "transfer_group")
    return {**data.values, **_left_out(params), "amount": str(total), "currency": currency}


def _left_out(params: Params) -> Json:
    names = method_types.left_out(params)
    return {method_types.LEFT_OUT: names} if names else {}


def _customer(method: Json, email: str | None) -> Json:
    billing = method["billing_details"]
    plain: Json = {"business_name": None, "individual_name": None, "tax_exempt": "none", "tax_ids": []}
    return {"address": billing["address"], "email": email, "name": billing["name"], "phone": billing["phone"], **plain}


def _new(box: Sandbox, params: Params, items: list[Json], expires_at: int) -> Json:
    total, currency = sum(item["amount_total"] for item in items), items[0]["currency"]
    identifier = f"cs_test_{letters(58)}"
    data = _intent_data(params, total, currency)
    return {
        "id": identifier,
        "object": KIND,
        PRIVATE: {"line_items": items, "payment_intent_data": data},
        **{name: params.text(name) for name in TEXTS},
        "customer_email": params.email("customer_email"),
        **_left_out(params),
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "allow_promotion_codes": None,
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "created": box.now,
        "currency": currency,
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        "customer_account": None,
        "customer_creation": "if_required",
        "customer_details": None,
        "discounts": [],
        "expires_at": expires_at,
        "integration_identifier": None,
        "invoice": None,
        "invoice_creation": None,
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": params.merge_metadata({}),
        "mode": "payment",
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "if_required",
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": method_types.offered(params),
        "payment_status": "unpaid",
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "subscription": None,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": params.choice("ui_mode", ("hosted", "hosted_page"), "hosted_page"),
        "url": f"{box.config.public_url}/c/pay/{identifier}",
        "wallet_options": None,
    }
