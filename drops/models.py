"""What is sold, when, and how much of it there is."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import FileExtensionValidator, MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from drops import sign_up_models  # noqa: F401  # Django finds an app's tables through this module
from merchant.money import Money

PICTURES = FileExtensionValidator(["svg", "png", "jpg", "jpeg", "webp", "avif"])


class Product(models.Model):
    """A thing with a story; its variants are what is bought."""

    slug = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=120)
    description = models.TextField(blank=True, help_text="Markdown.")
    tags = ArrayField(models.SlugField(max_length=40), default=list, blank=True)

    class Meta:
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title


class Picture(models.Model):
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="pictures")
    file = models.FileField(upload_to="pictures/", validators=[PICTURES])
    alt = models.CharField(max_length=160, help_text="What one sees, for those who don't.")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.alt


class Variant(models.Model):
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="variants")
    sku = models.CharField("SKU", max_length=40, unique=True)
    title = models.CharField(max_length=60, help_text='What sets it apart: "M", "Sand / L".')
    picture = models.FileField(upload_to="pictures/", blank=True, validators=[PICTURES])
    weight_grams = models.PositiveIntegerField(default=0)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return f"{self.product} · {self.title}"


class StockItem(models.Model):
    """The hot counter. Only ``drops.stock`` writes it; no foreign key constraint points at it."""

    code = models.CharField(max_length=60, unique=True, help_text="The SKU, or offer:<id> for an allocation.")
    total = models.PositiveIntegerField(default=0)
    held = models.PositiveIntegerField(default=0)
    sold = models.PositiveIntegerField(default=0)
    missing = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Held or sold, and not there: the count fell below what was promised."
    )
    awaited = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Waited for on a waiting list: what comes free is theirs first."
    )
    available = models.GeneratedField(
        expression=F("total") - F("held") - F("sold") - F("awaited"),
        output_field=models.IntegerField(),
        db_persist=True,
        help_text="What the public can have; below zero while more are waited for than are there.",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(total__gte=F("held") + F("sold")), name="stock_never_oversold"),
            models.CheckConstraint(
                condition=Q(missing=0) | Q(total=F("held") + F("sold")), name="missing_units_stop_sales"
            ),
        ]

    @property
    def free(self) -> int:
        """Neither held nor sold: on sale, or kept for who waits."""
        return self.total - self.held - self.sold

    @property
    def there(self) -> int:
        """All that there really are: free, held or sold. Selling does not change it."""
        return self.total - self.missing

    def __str__(self) -> str:
        return self.code


class DropState(models.TextChoices):
    DRAFT = "draft", "Draft"
    SCHEDULED = "scheduled", "Scheduled"
    LIVE = "live", "Live"
    PAUSED = "paused", "Paused"
    SOLD_OUT = "sold_out", "Sold out"
    CLOSED = "closed", "Closed"


class DropKind(models.TextChoices):
    TIMED = "timed", "Timed drop"
    STANDING = "standing", "Always on sale"


class HoldFrom(models.TextChoices):
    CART = "cart", "When it is put in the cart"
    ORDER = "order", "When the order is placed"


class Capture(models.TextChoices):
    AUTOMATIC = "automatic", "With the bank's yes"
    WHEN_CERTAIN = "when_certain", "When it is certain that it can be had"


class Drop(models.Model):
    """One timed sale, or (kind *standing*) an ordinary product page without an end."""

    slug = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=120)
    strapline = models.CharField(max_length=200, blank=True, help_text="One sentence under the name.")
    story = models.TextField(blank=True, help_text="Markdown.")
    creator_name = models.CharField(max_length=80, blank=True)
    creator_note = models.TextField(blank=True, help_text="Markdown. Who made it, in their words.")
    cover = models.FileField(upload_to="covers/", blank=True, validators=[PICTURES])
    cover_alt = models.CharField(max_length=160, blank=True)
    kind = models.CharField(max_length=10, choices=DropKind, default=DropKind.TIMED)
    state = models.CharField(max_length=10, choices=DropState, default=DropState.DRAFT, editable=False)
    starts_at = models.DateTimeField(null=True, blank=True, help_text="In the shop's time zone.")
    ends_at = models.DateTimeField(
        null=True, blank=True, help_text="In the shop's time zone. Empty: until sold out or closed."
    )
    ship_date = models.DateField(null=True, blank=True, help_text="For a pre-order: when it leaves.")
    hold_from = models.CharField(max_length=10, choices=HoldFrom, default=HoldFrom.CART)
    hold_minutes = models.PositiveSmallIntegerField(default=10, validators=[MinValueValidator(1)])
    hard_cap_minutes = models.PositiveSmallIntegerField(
        default=25, help_text="However long paying takes, units are not held longer than this."
    )
    deferral_minutes = models.PositiveSmallIntegerField(
        default=120,
        help_text="How long an order is held while the payment provider is in trouble. Not less than the longest hold.",
    )
    capture = models.CharField(
        "card is charged",
        max_length=12,
        choices=Capture,
        default=Capture.AUTOMATIC,
        db_default=Capture.AUTOMATIC,
        help_text="When it is certain: the bank sets the amount aside first, and it is taken once the units are the "
        "fan's for good. Who comes too late was never charged. Only cards and wallets that can do this are offered.",
    )
    pay_at_pickup = models.BooleanField(
        "pay at pick-up", default=False, db_default=False, help_text="Fans may collect it themselves and pay then."
    )
    pickup_until = models.DateTimeField(
        null=True, blank=True, help_text="What is not collected by then goes back on sale. In the shop's time zone."
    )
    pickup_place = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text='Where and when, as fans read it: "Long Street 1, Saturday 10 to 18".',
    )
    waiting_list = models.BooleanField(
        default=True,
        db_default=True,
        help_text="When something is sold out, fans may wait for what comes back. It is theirs before it is on sale.",
    )
    waiting_minutes = models.PositiveSmallIntegerField(
        "time to take it, in minutes",
        default=20,
        db_default=20,
        validators=[MinValueValidator(5), MaxValueValidator(1440)],
        help_text="How long a fan at the head of the waiting list has to buy what came back, before the next is asked.",
    )
    live_version = models.BigIntegerField(default=0, editable=False, help_text="Number of the newest live message.")
    live_digest = models.CharField(
        max_length=80, blank=True, editable=False, help_text="Its phase and the sha256 of what it said."
    )

    class Meta:
        ordering = ["-starts_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")), name="drop_ends_after_it_starts"
            ),
            models.CheckConstraint(condition=~Q(kind="standing") | Q(ends_at=None), name="standing_drop_has_no_end"),
            models.CheckConstraint(
                condition=Q(state="draft") | Q(starts_at__isnull=False), name="scheduled_drop_has_a_start"
            ),
            models.CheckConstraint(
                condition=Q(hard_cap_minutes__gte=F("hold_minutes")), name="hard_cap_is_not_before_the_hold"
            ),
            models.CheckConstraint(
                condition=Q(deferral_minutes__gte=F("hard_cap_minutes")), name="deferral_is_not_before_the_hard_cap"
            ),
        ]

    @property
    def capture_method(self) -> str:
        """In the payment provider's word."""
        return "manual" if self.capture == Capture.WHEN_CERTAIN else "automatic"

    def __str__(self) -> str:
        return self.title


class WindowKind(models.TextChoices):
    PUBLIC = "public", "Everyone"
    EXCLUSIVE = "exclusive", "Invited segments"


class SaleWindow(models.Model):
    """Who may buy when. One public window a drop for now."""

    drop = models.ForeignKey(Drop, on_delete=models.CASCADE, related_name="windows")
    kind = models.CharField(max_length=10, choices=WindowKind, default=WindowKind.PUBLIC)
    opens_at = models.DateTimeField()
    closes_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["opens_at"]
        constraints = [
            models.UniqueConstraint(fields=["drop"], condition=Q(kind="public"), name="one_public_window_a_drop"),
            models.CheckConstraint(
                condition=Q(closes_at=None) | Q(closes_at__gt=F("opens_at")), name="window_closes_after_it_opens"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} from {self.opens_at:%Y-%m-%d %H:%M}"


class Offer(models.Model):
    """A variant in a drop: its price, its limit for a person, its share of the stock."""

    drop = models.ForeignKey(Drop, on_delete=models.CASCADE, related_name="offers")
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="offers")
    price_minor = models.PositiveIntegerField("price", help_text="In minor units (cents): 4800 is $48.00.")
    currency = models.CharField(max_length=3)
    per_person_limit = models.PositiveSmallIntegerField(
        default=2, validators=[MinValueValidator(1), MaxValueValidator(50)]
    )
    allocation = models.PositiveIntegerField(
        null=True, blank=True, help_text="At most this many of the stock in this drop. Empty: all there is."
    )
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["drop", "variant"], name="variant_once_a_drop")]

    @property
    def price(self) -> Money:
        return Money(self.price_minor, self.currency)

    def __str__(self) -> str:
        return f"{self.variant} in {self.drop}"


class OfferComponent(models.Model):
    """What one unit of an offer takes from stock: one row, several for a bundle, one more for an allocation."""

    offer = models.ForeignKey(Offer, on_delete=models.CASCADE, related_name="components")
    # A constraint would make every order lock the hot row once more for its check.
    stock_item = models.ForeignKey(StockItem, on_delete=models.PROTECT, related_name="components", db_constraint=False)
    quantity = models.PositiveSmallIntegerField(default=1, validators=[MinValueValidator(1)])

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["offer", "stock_item"], name="component_once_an_offer"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="component_takes_something"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.stock_item_id}"


class HoldState(models.TextChoices):
    AWAITED = "awaited", "Waited for"
    ACTIVE = "active", "Held"
    RELEASED = "released", "Freed"
    COMMITTED = "committed", "Sold"


class OwnerKind(models.TextChoices):
    CART = "cart", "Cart"
    ORDER = "order", "Order"
    PLACE = "place", "Place on a waiting list"


class Hold(models.Model):
    """Units of one stock item kept for one owner until a time; or waited for by one, without an end."""

    stock_item = models.ForeignKey(StockItem, on_delete=models.PROTECT, related_name="holds", db_constraint=False)
    quantity = models.PositiveIntegerField()
    owner_kind = models.CharField(max_length=10, choices=OwnerKind)
    owner_ref = models.CharField(max_length=40)
    state = models.CharField(max_length=10, choices=HoldState, default=HoldState.ACTIVE)
    expires_at = models.DateTimeField()
    hard_cap_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gte=1), name="hold_keeps_something"),
            # One active hold an owner and item: taking twice is a mistake the database can see.
            models.UniqueConstraint(
                fields=["owner_kind", "owner_ref", "stock_item"],
                condition=Q(state="active"),
                name="one_active_hold_an_owner",
            ),
            models.UniqueConstraint(
                fields=["owner_kind", "owner_ref", "stock_item"],
                condition=Q(state="awaited"),
                name="waited_for_once_an_owner",
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(state="active"), name="hold_active_until"),
            models.Index(fields=["stock_item", "id"], condition=Q(state="awaited"), name="hold_awaited"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.stock_item_id} for {self.owner_kind} {self.owner_ref}"


class DropVisits(models.Model):
    """How often a drop's page was loaded on a day (the shop's). A number, and nobody's name."""

    drop = models.ForeignKey(Drop, on_delete=models.CASCADE, related_name="visits")
    day = models.DateField()
    visits = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["day"]
        constraints = [models.UniqueConstraint(fields=["drop", "day"], name="visits_once_a_day")]

    def __str__(self) -> str:
        return f"{self.visits} of {self.drop_id} on {self.day}"
