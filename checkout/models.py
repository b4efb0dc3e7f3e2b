"""Carts, orders, their money and what the payment provider told us."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from checkout import (  # noqa: F401  # Django finds an app's tables through this module
    after_sale,
    evidence,
    privacy_models,
)
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
from drops.models import Drop, Offer
from merchant.money import Money

__all__ = [  # beside what is defined here: Django finds an app's models in its ``models`` alone
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


class Cart(models.Model):
    """What a guest put aside in one drop. Known by a token that only the guest has; we keep its hash."""

    token_hash = models.CharField(max_length=64, unique=True)
    drop = models.ForeignKey(Drop, on_delete=models.CASCADE, related_name="carts")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, help_text="When its holds end; empty while nothing is held.")
    hard_cap_at = models.DateTimeField(
        null=True, help_text="The latest its holds may ever end, counted from the first unit."
    )
    closed_at = models.DateTimeField(null=True, help_text="When it became an order or was let go.")
    offered = models.BooleanField(
        default=False, db_default=False, help_text="Offered from the waiting list: its units are held in any drop."
    )

    class Meta:
        indexes = [models.Index(fields=["expires_at"], condition=Q(closed_at=None), name="cart_open_until")]

    def __str__(self) -> str:
        return f"cart {self.pk}"


class CartLine(models.Model):
    cart = models.ForeignKey(Cart, on_delete=models.CASCADE, related_name="lines")
    offer = models.ForeignKey(Offer, on_delete=models.CASCADE, related_name="+")
    quantity = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["cart", "offer"], name="offer_once_a_cart"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="cart_line_has_something"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.offer_id}"


class IdempotencyKey(models.Model):
    """A client's promise that two requests are one. Unique in a drop; a refusal rolls it back, unused."""

    drop = models.ForeignKey(Drop, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    body_hmac = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["drop", "key"], name="idempotency_key_once_a_drop")]

    def __str__(self) -> str:
        return self.key


class Allowance(models.Model):
    """How many units of an offer a person has in orders that are open or paid. The person is a keyed fingerprint."""

    offer = models.ForeignKey(Offer, on_delete=models.CASCADE, related_name="allowances")
    person_key = models.CharField(max_length=64)
    used = models.PositiveIntegerField(default=0)
    granted = models.PositiveIntegerField(default=0, help_text="More than the offer's limit, by staff, with a reason.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["offer", "person_key"], name="allowance_once_a_person")]

    def __str__(self) -> str:
        return f"{self.used} of offer {self.offer_id}"


class OrderState(models.TextChoices):
    PLACED = "placed", "Placed"
    AUTHORISING = "authorising", "Paying"
    ACTION_REQUIRED = "action_required", "Waiting for the fan"
    DEFERRED = "deferred", "Deferred"
    PROCESSING = "processing", "Bank is processing"
    CONFIRMED = "confirmed", "Confirmed"
    EXPIRED = "expired", "Expired"
    CANCELLED = "cancelled", "Cancelled"
    LATE_PAID = "late_paid", "Paid too late"


class MoneyState(models.TextChoices):
    """What became of the money after it came. Kept apart from the order's own state."""

    NONE = "none", "Nothing received"
    PAID = "paid", "Paid"
    PARTLY_REFUNDED = "partly_refunded", "Partly refunded"
    REFUNDED = "refunded", "Refunded"
    DISPUTED = "disputed", "Disputed"


class Order(models.Model):
    """What a fan placed, once. Its state moves only through ``checkout.orders.move_to``."""

    reference = models.CharField(max_length=20, unique=True, help_text="What people read out: FR-7K3M9Q2D.")
    token_hash = models.CharField(max_length=64, unique=True)
    token_nonce = models.CharField(max_length=32, help_text="The token is derived from this and a secret.")
    idempotency_key = models.OneToOneField(IdempotencyKey, on_delete=models.PROTECT, related_name="order", null=True)
    drop = models.ForeignKey(Drop, on_delete=models.PROTECT, related_name="orders")
    cart = models.ForeignKey(Cart, on_delete=models.SET_NULL, null=True, blank=True, related_name="orders")
    state = models.CharField(max_length=20, choices=OrderState, default=OrderState.PLACED)
    email = models.EmailField()
    name = models.CharField(max_length=120)
    phone = models.CharField(max_length=20, blank=True)
    address = models.JSONField(default=dict, help_text="line1, line2, city, postal_code, region, country.")
    shipping_option = models.CharField(max_length=40, default="standard")
    shipping_title = models.CharField(max_length=80, blank=True, default="", db_default="", help_text="As agreed.")
    subtotal_minor = models.PositiveIntegerField()
    shipping_minor = models.PositiveIntegerField(default=0)
    discount_minor = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Taken off goods and delivery; its lines and redemptions say which."
    )
    tax_minor = models.PositiveIntegerField(default=0, help_text="Tax inside the total.")
    tax_added_minor = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Of it, what was added to the prices: all, or nothing where it is inside."
    )
    tax_title = models.CharField(max_length=60, blank=True, default="", db_default="", help_text="As agreed: VAT 19 %.")
    total_minor = models.PositiveIntegerField()
    captured_minor = models.PositiveIntegerField(default=0)
    refunded_minor = models.PositiveIntegerField(default=0)
    disputed_minor = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Kept back, or taken, by a bank in a dispute that was not won."
    )
    currency = models.CharField(max_length=3)
    placed_reply = models.JSONField(default=dict, help_text="The answer to the order request, less its token.")
    placed_at = models.DateTimeField()
    hold_expires_at = models.DateTimeField()
    hard_cap_at = models.DateTimeField()
    deferral_ends_at = models.DateTimeField()
    state_since = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        permissions = [("refund_order", "Can refund and cancel orders")]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    total_minor=F("subtotal_minor") + F("shipping_minor") - F("discount_minor") + F("tax_added_minor")
                ),
                name="order_adds_up",
            ),
            models.CheckConstraint(condition=Q(captured_minor__gte=F("refunded_minor")), name="order_refund_within"),
        ]
        indexes = [
            models.Index(
                fields=["hold_expires_at"],
                condition=Q(state__in=["placed", "authorising", "action_required", "deferred"]),
                name="order_open_until",
            )
        ]

    @property
    def total(self) -> Money:
        return Money(self.total_minor, self.currency)

    @property
    def money_state(self) -> MoneyState:
        """Derived from the ledger, never stored."""
        if self.disputed_minor:
            return MoneyState.DISPUTED
        if not self.captured_minor:
            return MoneyState.NONE
        if not self.refunded_minor:
            return MoneyState.PAID
        whole = self.refunded_minor == self.captured_minor
        return MoneyState.REFUNDED if whole else MoneyState.PARTLY_REFUNDED

    @property
    def subject(self) -> str:
        """Its name in the journal."""
        return f"order:{self.reference}"

    def __str__(self) -> str:
        return self.reference


class OrderLine(models.Model):
    """A line as it was agreed: title, price and tax are copies, not look-ups."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="+")
    sku = models.CharField(max_length=40)
    title = models.CharField(max_length=200)
    unit_price_minor = models.PositiveIntegerField()
    quantity = models.PositiveSmallIntegerField()
    discount_minor = models.PositiveIntegerField(default=0, db_default=0, help_text="Its share of the discounts.")
    tax_minor = models.PositiveIntegerField(default=0)
    tax_added_minor = models.PositiveIntegerField(default=0, db_default=0, help_text="Tax on top of its price.")

    class Meta:
        ordering = ["id"]

    @property
    def paid_minor(self) -> int:
        """What all its units cost the fan in the end."""
        return self.unit_price_minor * self.quantity - self.discount_minor + self.tax_added_minor

    def __str__(self) -> str:
        return f"{self.quantity} × {self.title}"


class PaymentState(models.TextChoices):
    DUE = "due", "A worker has something to do"
    AWAITING_FAN = "awaiting_fan", "The fan has something to do"
    PROCESSING = "processing", "The bank has something to do"
    AUTHORISED = "authorised", "Set aside by the bank, waits for units"
    LETTING_GO = "letting_go", "Set aside by the bank, to be let go"
    PAID = "paid", "Paid"
    CLOSED = "closed", "Closed, nothing can be paid any more"


class PaymentPath(models.TextChoices):
    INTENT = "intent", "On our page (PaymentIntent)"
    SESSION = "session", "On the provider's page (Checkout Session)"
    PICKUP = "pickup", "When it is picked up"
    FREE = "free", "There is nothing to pay"


# Of these the payment provider knows nothing.
WITHOUT_PROVIDER = (PaymentPath.PICKUP, PaymentPath.FREE)


class Payment(models.Model):
    """The paying of one order: one live payable object at a time, its id stored before it is used."""

    order = models.OneToOneField(Order, on_delete=models.CASCADE, related_name="payment")
    state = models.CharField(max_length=20, choices=PaymentState, default=PaymentState.DUE)
    path = models.CharField(max_length=10, choices=PaymentPath, default=PaymentPath.INTENT)
    confirmation_token = models.CharField(max_length=120, blank=True)
    attempt = models.PositiveSmallIntegerField(default=1, help_text="Counts cards; a part of the confirm key.")
    cards_refused = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="Cards that a bank said no to.")
    confirm_sent = models.BooleanField(default=False, help_text="This attempt's confirm may have reached the provider.")
    create_number = models.PositiveSmallIntegerField(default=1, help_text="A part of the create key.")
    intent_id = models.CharField(max_length=120, blank=True, db_index=True)
    client_secret = models.CharField(max_length=200, blank=True)
    session_id = models.CharField(max_length=120, blank=True, db_index=True)
    session_url = models.URLField(max_length=1000, blank=True)
    session_expires_at = models.DateTimeField(null=True)
    session_number = models.PositiveSmallIntegerField(default=0, help_text="Counts sessions; a part of the create key.")
    provider_status = models.CharField(max_length=40, blank=True, help_text="What the provider last said.")
    capture_before = models.DateTimeField(
        null=True, help_text="Until when the bank keeps the amount set aside; empty where it never did."
    )
    capture_sent = models.BooleanField(
        default=False, db_default=False, help_text="The capture may have reached the provider."
    )
    outcome_unknown = models.BooleanField(default=False, help_text="We asked and got no answer: it may have acted.")
    charge_id = models.CharField(max_length=120, blank=True)
    address_key = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="Keyed fingerprint of the IP address it was ordered from: refused cards are counted by it.",
    )
    card_key = models.CharField(
        max_length=64,
        blank=True,
        db_default="",
        db_index=True,
        help_text="A keyed fingerprint of the card that paid. It finds the card again and cannot be turned back.",
    )
    error_code = models.CharField(max_length=80, blank=True)
    error_message = models.CharField(max_length=300, blank=True, help_text="In words for the fan.")
    due_at = models.DateTimeField(db_default=Now())
    leased_until = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0, help_text="Since the last answer; sets the next wait.")

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="due"), name="payment_due"),
            # Few at any time, and looked for as often as payments.
            models.Index(
                fields=["due_at"], condition=Q(state__in=["authorised", "letting_go"]), name="payment_set_aside"
            ),
        ]

    @property
    def is_authorised(self) -> bool:
        """The bank has set the amount aside, and it is neither taken nor let go yet."""
        waits = (PaymentState.DUE, PaymentState.AUTHORISED, PaymentState.LETTING_GO)
        return self.capture_before is not None and self.state in waits

    @property
    def was_let_go(self) -> bool:
        """The bank had set the amount aside, and nothing of it was taken."""
        return self.capture_before is not None and self.state == PaymentState.CLOSED

    def __str__(self) -> str:
        return f"payment of {self.order_id}"


class CardInDrop(models.Model):
    """A card that paid in a drop. Its row is the lock under which the orders it paid are counted together."""

    drop = models.ForeignKey(Drop, on_delete=models.CASCADE, related_name="+")
    card_key = models.CharField(max_length=64)
    flagged_at = models.DateTimeField(null=True, help_text="Since when staff should look.")
    what = models.CharField(max_length=200, blank=True, help_text="What was counted, in words for staff.")
    looked_at = models.DateTimeField(null=True)
    why = models.CharField(max_length=200, blank=True, help_text="Why it is fine.")

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["drop", "card_key"], name="card_once_a_drop")]

    def __str__(self) -> str:
        return f"a card in {self.drop}"


class WebhookEvent(models.Model):
    """A doorbell that rang. Stored once by its id; the worker re-reads the object it names."""

    event_id = models.CharField(max_length=120, unique=True)
    type = models.CharField(max_length=80)
    object_id = models.CharField(max_length=120, blank=True)
    payload = models.JSONField()
    received_at = models.DateTimeField(db_default=Now())
    pulled = models.BooleanField(
        default=False, db_default=False, help_text="We asked for it: the provider's own call had not come."
    )
    processed_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(db_default=Now())
    tries = models.PositiveSmallIntegerField(default=0)
    outcome = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(processed_at=None), name="webhook_due"),
            # Erasing an order finds by these what names its person, whatever kind of object the event is about.
            models.Index(fields=["object_id"], name="webhook_of_object"),
            models.Index(F("payload__data__object__payment_intent"), name="webhook_of_intent"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"


class Surplus(models.Model):
    """Money that came for an order that was paid already: a charge with a ledger of its own. It goes back by itself."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="surpluses")
    intent_id = models.CharField(max_length=120, unique=True)
    captured_minor = models.PositiveIntegerField()
    refunded_minor = models.PositiveIntegerField(default=0)
    found_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "surpluses"
        constraints = [
            models.CheckConstraint(condition=Q(captured_minor__gte=F("refunded_minor")), name="surplus_refund_within"),
        ]

    def __str__(self) -> str:
        return f"surplus of {self.order_id}"


class RefundState(models.TextChoices):
    DUE = "due", "To be sent"
    PENDING = "pending", "At the provider"
    SUCCEEDED = "succeeded", "Refunded"
    FAILED = "failed", "Failed"


class Refund(models.Model):
    """Money going back. ``key`` makes it once, here and at the provider."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="refunds")
    surplus = models.ForeignKey(
        Surplus,
        on_delete=models.PROTECT,
        null=True,
        related_name="refunds",
        help_text="The charge that it gives back, where that is not the one the order was paid with.",
    )
    key = models.CharField(max_length=120, unique=True)
    amount_minor = models.PositiveIntegerField()
    reason = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=RefundState, default=RefundState.DUE)
    provider_id = models.CharField(max_length=120, blank=True, db_index=True)
    attempt = models.PositiveSmallIntegerField(default=1, help_text="Counts what staff sent again; a part of the key.")
    failure = models.CharField(max_length=200, blank=True, help_text="Why the provider did not give it back.")
    due_at = models.DateTimeField(db_default=Now())
    leased_until = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        constraints = [models.CheckConstraint(condition=Q(amount_minor__gte=1), name="refund_moves_money")]

    def __str__(self) -> str:
        return f"refund of {self.order_id}"


class RefundLine(models.Model):
    """Units of an order's line that a refund is for. They moved when it was asked for, whatever became of the money."""

    refund = models.ForeignKey(Refund, on_delete=models.CASCADE, related_name="lines")
    line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="refunded")
    quantity = models.PositiveSmallIntegerField()
    restocked = models.BooleanField(help_text="Back on sale; else the stock is that much smaller.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["refund", "line"], name="line_once_a_refund"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="refund_line_has_something"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of line {self.line_id}"


class Dispute(models.Model):
    """A bank took money back on its customer's word. We note what the provider says; it only moves forward."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="disputes")
    surplus = models.ForeignKey(
        Surplus, on_delete=models.PROTECT, null=True, related_name="disputes", help_text="As with a refund."
    )
    provider_id = models.CharField(max_length=120, unique=True)
    status = models.CharField(max_length=40)
    reason = models.CharField(max_length=80, blank=True)
    amount_minor = models.PositiveIntegerField()
    due_by = models.DateTimeField(null=True, help_text="Until when the bank wants an answer.")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.provider_id
