"""The tables that a merchant fills in: where it is delivered and for how much, which tax, and which discounts.

Every table's rows are counted by a version that a trigger raises, so that an order knows in a statement that it makes
anyhow whether what its process remembers still holds.
"""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now, Upper

from drops.models import Drop
from merchant.money import CURRENCIES

PICKUP = "pickup"  # the code of paying at pick-up, which is a drop's own setting
CODE = RegexValidator(r"^(?!pickup$)[a-z0-9][a-z0-9-]*$", 'Small letters, digits and dashes; not "pickup".')
COUPON = RegexValidator(r"^[A-Z0-9][A-Z0-9_-]*$", "Letters, digits, dashes and underscores: SAVE10.")
MOST_MINOR = 99_999_999  # eight digits: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts


def raises_the_version(name: str) -> list[pgtrigger.Trigger]:
    """Any change of the table, in raw SQL too, is another version of all of them."""
    return [
        pgtrigger.Trigger(
            name=f"{name}_raises_version",
            level=pgtrigger.Statement,
            when=pgtrigger.After,
            operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
            func="""
                INSERT INTO checkout_tablesversion AS v (id, number) VALUES (1, 1)
                ON CONFLICT (id) DO UPDATE SET number = v.number + 1;
                RETURN NULL;
            """,
        )
    ]


class TablesVersion(models.Model):
    """One row: how often any of these tables was changed."""

    number = models.BigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="tables_version_is_one")]

    def __str__(self) -> str:
        return str(self.number)


class ShippingZone(models.Model):
    """Places with the same delivery options. The zone that names a place most closely is the one that counts."""

    title = models.CharField(max_length=80, help_text='For you: "Germany", "Rest of the world".')
    countries = ArrayField(models.CharField(max_length=2), default=list, blank=True)
    regions = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    position = models.PositiveSmallIntegerField(default=0, editable=False)

    class Meta:
        ordering = ["position", "id"]
        verbose_name = "delivery zone"
        triggers = raises_the_version("shipping_zone")

    def __str__(self) -> str:
        return self.title


class ShippingRate(models.Model):
    """One delivery option of a zone, for orders within its weights. Options with one code differ by weight only."""

    zone = models.ForeignKey(ShippingZone, on_delete=models.CASCADE, related_name="rates")
    code = models.CharField(max_length=40, validators=[CODE], help_text="For machines: standard, express.")
    title = models.CharField(max_length=80, help_text='As buyers read it: "Standard delivery".')
    note = models.CharField(max_length=120, blank=True, help_text='Below it: "3–5 working days".')
    price_minor = models.PositiveIntegerField("price", validators=[MaxValueValidator(MOST_MINOR)])
    per_kg_minor = models.PositiveIntegerField(
        "and per kilogram", default=0, validators=[MaxValueValidator(MOST_MINOR)], help_text="For each one begun."
    )
    from_grams = models.PositiveIntegerField("from, grams", default=0)
    up_to_grams = models.PositiveIntegerField("up to, grams", null=True, blank=True, help_text="Empty: any weight.")
    free_from_minor = models.PositiveIntegerField(
        "free from", null=True, blank=True, help_text="What the goods must cost, after discounts. Empty: never."
    )
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["zone", "code", "from_grams"],
                name="rate_once_a_weight",
                violation_error_message="This zone has an option with that code from the same weight on.",
            ),
            models.CheckConstraint(
                condition=Q(up_to_grams=None) | Q(up_to_grams__gt=F("from_grams")),
                name="rate_ends_above_its_start",
                violation_error_message='"Up to" must be more than "from".',
            ),
        ]
        triggers = raises_the_version("shipping_rate")

    def __str__(self) -> str:
        return self.title


class PickupPoint(models.Model):
    """A place where fans collect what they paid for on the page."""

    code = models.CharField(max_length=40, unique=True, validators=[CODE], help_text="For machines: shop-berlin.")
    title = models.CharField(max_length=80, help_text='As buyers read it: "Collect at the shop".')
    note = models.CharField(max_length=200, help_text='Where and when: "Long Street 1, Berlin, Tue to Sat 11 to 19".')
    country = models.CharField(max_length=2, help_text="Its tax is that of this place.")
    region = models.CharField(max_length=80, blank=True)
    price_minor = models.PositiveIntegerField("price", default=0, validators=[MaxValueValidator(MOST_MINOR)])
    is_open = models.BooleanField("offer it", default=True)

    class Meta:
        ordering = ["id"]
        verbose_name = "pick-up point"
        triggers = raises_the_version("pickup_point")

    def __str__(self) -> str:
        return self.title


class TaxRate(models.Model):
    """The tax of a country, or of one of its regions instead."""

    title = models.CharField(max_length=40, help_text='As buyers read it: "VAT", "Sales tax".')
    country = models.CharField(max_length=2)
    region = models.CharField(
        max_length=80, blank=True, default="", help_text="As buyers write it: CA. Empty: the whole country."
    )
    basis_points = models.PositiveIntegerField("rate", validators=[MaxValueValidator(10_000)])
    on_shipping = models.BooleanField("on delivery too", default=True)

    class Meta:
        ordering = ["country", "region"]
        constraints = [
            models.UniqueConstraint(
                "country",
                Upper("region"),
                name="tax_once_a_place",
                violation_error_message="There is a rate for this place already.",
            )
        ]
        triggers = raises_the_version("tax_rate")

    def __str__(self) -> str:
        return f"{self.title}, {self.country} {self.region}".strip()


class DiscountKind(models.TextChoices):
    AMOUNT = "amount", "An amount off the goods"
    PERCENTAGE = "percentage", "A percentage off the goods"
    FREE_SHIPPING = "free_shipping", "Free delivery"


class Discount(models.Model):
    """What takes something off an order: by a code that a fan types, or by itself."""

    title = models.CharField(max_length=80, help_text='As buyers read it: "Opening week".')
    code = models.CharField(
        max_length=40, blank=True, default="", validators=[COUPON], help_text="Empty: it applies by itself."
    )
    kind = models.CharField(max_length=16, choices=DiscountKind, default=DiscountKind.PERCENTAGE)
    amount_minor = models.PositiveIntegerField("amount", default=0, validators=[MaxValueValidator(MOST_MINOR)])
    currency = models.CharField(
        max_length=3, blank=True, default="", choices=[(c, c) for c in CURRENCIES], help_text="Of amount and least."
    )
    basis_points = models.PositiveIntegerField("percentage", default=0, validators=[MaxValueValidator(10_000)])
    least_minor = models.PositiveIntegerField("from a subtotal of", default=0)
    starts_at = models.DateTimeField("from", null=True, blank=True, help_text="Empty: at once.")
    ends_at = models.DateTimeField("until", null=True, blank=True, help_text="Empty: without an end.")
    limit_in_all = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="How many orders. Empty: no limit."
    )
    limit_per_person = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="Known by e-mail address. Empty: no limit."
    )
    is_on = models.BooleanField("switched on", default=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["code"],
                condition=~Q(code=""),
                name="discount_code_once",
                violation_error_message="Another discount has this code.",
            ),
            models.CheckConstraint(
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="discount_ends_after_it_starts",
                violation_error_message="It must end after it starts.",
            ),
        ]
        triggers = raises_the_version("discount")

    def __str__(self) -> str:
        return self.code or self.title


class DiscountDrop(models.Model):
    """A drop that a discount is for. A discount without any is for all."""

    discount = models.ForeignKey(Discount, on_delete=models.CASCADE, related_name="scope")
    drop = models.ForeignKey(Drop, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["discount", "drop"], name="discount_once_a_drop")]
        triggers = raises_the_version("discount_drop")

    def __str__(self) -> str:
        return f"{self.discount_id} in {self.drop_id}"


class DiscountCount(models.Model):
    """How many orders used a discount: of one person (a keyed fingerprint), or, with an empty key, of all."""

    discount = models.ForeignKey(Discount, on_delete=models.CASCADE, related_name="counts")
    person_key = models.CharField(max_length=64, blank=True)
    used = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["discount", "person_key"], name="discount_count_once_a_person")]

    def __str__(self) -> str:
        return f"{self.used} of discount {self.discount_id}"


class Redemption(models.Model):
    """That an order used a discount, and what it took off. Given back when the order ends without its units."""

    order = models.ForeignKey("checkout.Order", on_delete=models.CASCADE, related_name="redemptions")
    discount = models.ForeignKey(Discount, on_delete=models.PROTECT, related_name="redemptions")
    title = models.CharField(max_length=80)
    code = models.CharField(max_length=40, blank=True)
    amount_minor = models.PositiveIntegerField()
    redeemed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["order", "discount"], name="discount_once_an_order")]

    def __str__(self) -> str:
        return f"{self.discount_id} in {self.order_id}"
