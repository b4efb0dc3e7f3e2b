"""Every table of this app: Django finds them through this module. They stand in modules by subject."""

from checkout import (  # noqa: F401  # tables that are imported from where they stand
    after_sale,
    amount_models,
    evidence,
    privacy_models,
)
from checkout.cart_models import Allowance, Cart, CartLine
from checkout.order_models import IdempotencyKey, MoneyState, Order, OrderLine, OrderState
from checkout.payment_models import WITHOUT_PROVIDER, CardInDrop, Payment, PaymentPath, PaymentState, WebhookEvent
from checkout.refund_models import Dispute, Refund, RefundLine, RefundState, Surplus
from checkout.totals.models import (
    Discount,
    DiscountCount,
    DiscountDrop,
    PickupPoint,
    Redemption,
    ShippingRate,
    ShippingZone,
    TablesVersion,
    TaxRate,
)
from checkout.waiting_models import WaitingPlace

__all__ = [
    "WITHOUT_PROVIDER",
    "Allowance",
    "CardInDrop",
    "Cart",
    "CartLine",
    "Discount",
    "DiscountCount",
    "DiscountDrop",
    "Dispute",
    "IdempotencyKey",
    "MoneyState",
    "Order",
    "OrderLine",
    "OrderState",
    "Payment",
    "PaymentPath",
    "PaymentState",
    "PickupPoint",
    "Redemption",
    "Refund",
    "RefundLine",
    "RefundState",
    "ShippingRate",
    "ShippingZone",
    "Surplus",
    "TablesVersion",
    "TaxRate",
    "WaitingPlace",
    "WebhookEvent",
]
