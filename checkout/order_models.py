"""What a fan placed, once, and as it was agreed."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from checkout.cart_models import Cart
from drops.models import Drop, Offer
from merchant.money import Money
from policies.models import Surface


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
    person_keys = ArrayField(
        models.CharField(max_length=64),
        null=True,
        blank=True,
        help_text="The fingerprints that its units count against: they are given back to these, whatever the shop says "
        "by then. Empty in orders that are older than this column.",
    )
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
    surface = models.CharField(
        max_length=20,
        choices=Surface,
        default=Surface.CHECKOUT,
        db_default=Surface.CHECKOUT.value,
        help_text="The door it came through: the shop's page, or another front end by the API.",
    )
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
                condition=Q(state__in=["placed", "authorising", "action_required", "deferred", "processing"]),
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
    """A line as it was agreed: title, tags, parts, price and tax are copies, not look-ups."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="+")
    sku = models.CharField(max_length=40)
    title = models.CharField(max_length=200)
    tags = ArrayField(
        models.SlugField(max_length=40),
        default=list,
        db_default=[],
        blank=True,
        help_text="Of the product, as it was sold: what its fan may do afterwards hangs on them.",
    )
    parts = ArrayField(
        ArrayField(models.BigIntegerField(), size=2),
        default=list,
        db_default=[],
        blank=True,
        help_text="What one of it took from stock, as it was sold: stock items, and how many of each.",
    )
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
