"""The rows of a new order: made in Python, written in one statement."""

from datetime import datetime, timedelta
from typing import Any

from checkout import allowances, attempts
from checkout.carts import Clock, clock_of
from checkout.models import Cart, Order, OrderLine, OrderState, Payment, Redemption
from checkout.order_request import OrderRequest
from checkout.quote import Quote
from checkout.tokens import hashed, new_nonce, new_reference, order_token
from drops.models import Drop
from merchant import journal, rows


def new_order(
    drop: Drop, request: OrderRequest, fresh: Quote, *, key_id: int, cart: Cart | None, now: datetime
) -> Order:
    """The order as it will be written, with its clock: its cart's, or its own."""
    clock = clock_of(cart, drop, now)
    nonce = new_nonce()
    return Order(
        reference=new_reference(),
        token_hash=hashed(order_token(nonce)),
        token_nonce=nonce,
        idempotency_key_id=key_id,
        drop=drop,
        cart=cart,
        state=OrderState.PLACED,
        email=request.contact.email,
        name=request.contact.name,
        phone=request.contact.phone,
        address=request.contact.address.as_json(),
        person_keys=allowances.person_keys(request.contact),
        shipping_option=fresh.shipping_option,
        shipping_title=fresh.shipping_title,
        subtotal_minor=fresh.subtotal_minor,
        shipping_minor=fresh.shipping_minor,
        discount_minor=fresh.discount_minor,
        tax_minor=fresh.tax_minor,
        tax_added_minor=fresh.tax_added_minor,
        tax_title=fresh.tax_title,
        total_minor=fresh.total_minor,
        currency=fresh.currency,
        surface=request.surface,
        placed_reply=_reply(fresh, clock, request),
        placed_at=now,
        state_since=now,
        hold_expires_at=clock.expires_at,
        hard_cap_at=clock.hard_cap_at,
        deferral_ends_at=now + timedelta(minutes=drop.deferral_minutes),
    )


def write(order: Order, fresh: Quote, request: OrderRequest, proofs: dict[str, rows.Insert], *, ip: str | None) -> int:
    """What counts against its person, the order, its lines, its payment, the proof of what was shown and its line in
    the journal: one statement. Its foreign keys are checked with it, before the hot rows are touched.

    Raises LimitReached.
    """
    used = _used(fresh)
    payment = {
        "confirmation_token": request.confirmation_token,
        "due_at": order.placed_at,
        "address_key": attempts.address_key(ip),
    }
    its_order = rows.Parent("order_id", "(SELECT id FROM placed)")
    keys = allowances.keys_of(order)
    order_id, counted = rows.write(
        "SELECT id, ARRAY(SELECT offer_id FROM counted) FROM placed",
        counted=allowances.take(fresh.lines, keys),
        placed=rows.insert(Order, [rows.of(order)]),
        lines=rows.insert(OrderLine, _lines(fresh), its_order),
        payment=rows.insert(Payment, [payment], its_order),
        **({"used": rows.insert(Redemption, used, its_order)} if used else {}),
        deed=journal.deed(order.subject, "placed", actor=journal.FAN),
        **proofs,
    )
    allowances.require_all(fresh.lines, keys, counted)
    return int(order_id)


def _lines(fresh: Quote) -> list[dict[str, Any]]:
    return [
        {
            "offer_id": line.offer_id,
            "sku": line.sku,
            "title": line.title,
            "tags": line.tags,
            "parts": line.parts,
            "unit_price_minor": line.unit_minor,
            "quantity": line.quantity,
            "discount_minor": line.discount_minor,
            "tax_minor": line.tax_minor,
            "tax_added_minor": line.tax_added_minor,
        }
        for line in fresh.lines
    ]


def _used(fresh: Quote) -> list[dict[str, Any]]:
    return [
        {"discount_id": one.discount_id, "title": one.title, "code": one.code, "amount_minor": one.amount_minor}
        for one in fresh.discounts
    ]


def _reply(fresh: Quote, clock: Clock, request: OrderRequest) -> dict[str, Any]:
    at_once = request.payment_method == "pickup" or not fresh.total_minor
    state = OrderState.CONFIRMED if at_once else OrderState.PLACED
    return {
        "status": state.value,
        "total": fresh.total.as_json(),
        "hold_expires_at": clock.expires_at.isoformat().replace("+00:00", "Z"),
    }
