"""The ground every app stands on: the shop itself and the journal of who did what."""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Now

from merchant import journal_words
from merchant.append_only import append_only
from merchant.money import CURRENCIES


class LatePayments(models.TextChoices):
    """What to do with money that came after its order had ended."""

    TAKE_AGAIN = "take_again", "Sell the units after all if there are any left, else refund"
    WAIT = "wait", "The same, but before the refund let it wait at the head of the waiting list"
    REFUND = "refund", "Refund at once"


class StoreProfile(models.Model):
    """The one shop of this deployment: its name, look, place and defaults."""

    name = models.CharField(max_length=80)
    tagline = models.CharField(max_length=160, blank=True)
    story = models.TextField(blank=True, help_text="Markdown. Shown at the foot of the home page.")
    logo = models.FileField(upload_to="logo/", blank=True)
    accent = models.CharField(
        max_length=7,
        default="#8a3b2e",
        validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$", "A colour like #8a3b2e.")],
        help_text="The one colour of the main button. It is shifted where needed to stay readable.",
    )
    currency = models.CharField(max_length=3, default="USD", choices=[(c, c) for c in CURRENCIES])
    country = models.CharField(max_length=2, default="US", help_text="Where the shop is, as two letters: US, DE.")
    timezone = models.CharField(max_length=64, default="UTC", help_text="For example Europe/Berlin.")
    support_email = models.EmailField(default="help@example.com")
    postal_address = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="Where letters and parcels reach you. Policies may fill it in as {{ postal_address }}.",
    )
    return_days = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text="How many days fans have to send something back. Policies may fill it in as {{ return_days }}.",
    )
    second_person_approves = models.BooleanField(
        "a second person approves policies",
        default=False,
        db_default=False,
        help_text="Nobody approves a text that they wrote themselves. Once approved, its writer may publish it.",
    )
    notice_days = models.PositiveSmallIntegerField(
        "notice of material changes",
        default=0,
        db_default=0,
        validators=[MaxValueValidator(180)],
        help_text="Days from the publishing of a material change until it takes effect. 0: at once is fine.",
    )
    ships_to = ArrayField(
        models.CharField(max_length=2),
        default=list,
        blank=True,
        help_text="Countries, as two letters. Empty: everywhere.",
    )
    shipping_minor = models.PositiveIntegerField(
        "flat shipping", default=0, help_text="In minor units (cents): 600 is $6.00. One price for an order."
    )
    limit_by_address = models.BooleanField(
        "limit a household",
        default=False,
        help_text="Count the limit for a person by delivery address too, in orders from then on. Off: people who share "
        "one may each buy.",
    )
    late_payments = models.CharField(
        "when money comes too late",
        max_length=12,
        choices=LatePayments,
        default=LatePayments.TAKE_AGAIN,
        help_text="A payment can arrive after its order's time was up and the units went back on sale.",
    )
    late_payment_days = models.PositiveSmallIntegerField(
        "days to wait",
        default=3,
        db_default=3,
        validators=[MinValueValidator(1), MaxValueValidator(14)],
        help_text="At the head of the waiting list: the fan is told the date, and refunded then if nothing came back.",
    )
    slow_payments = models.BooleanField(
        "take payments that need days to arrive",
        default=True,
        db_default=True,
        help_text="Such as SEPA debit, ACH or a bank transfer, where your Stripe account offers them. Off: fans are "
        "shown none of them; what a bank already works on goes its way.",
    )
    processing_days = models.PositiveSmallIntegerField(
        "days for slow payments",
        default=14,
        db_default=14,
        validators=[MinValueValidator(1), MaxValueValidator(60)],
        help_text="A bank transfer or debit can take days, and the units are held meanwhile. After these days it is "
        "cancelled where the payment provider still can; else you are asked.",
    )
    tax_basis_points = models.PositiveIntegerField(
        "included tax", default=0, help_text="Hundredths of a percent already inside the prices: 1900 is 19 %."
    )
    prices_include_tax = models.BooleanField(
        default=True, db_default=True, help_text="Off: tax is added to your prices at checkout, as shops in the US do."
    )
    stripe_tax = models.BooleanField(
        "ask Stripe Tax",
        default=False,
        db_default=False,
        help_text="Each quote asks Stripe for the tax. Where Stripe is slow or down, your own table counts.",
    )
    allowed_origins = ArrayField(
        models.CharField(max_length=200),
        default=list,
        db_default=[],
        blank=True,
        help_text="Other sites whose pages may sell through the API or the embed, such as https://brand.example.",
    )

    class Meta:
        verbose_name = verbose_name_plural = "shop profile"
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="store_profile_is_one")]

    def __str__(self) -> str:
        return self.name


class JournalEntry(models.Model):
    """Who did what to what, when and why. Written in the transaction of the deed; never changed."""

    at = models.DateTimeField(db_default=Now())
    actor = models.CharField(max_length=80, help_text='"fan", "worker", or "staff:<username>".')
    subject = models.CharField(max_length=80, help_text='"order:<id>", "drop:<id>", "policy:<slug>".')
    verb = models.CharField(max_length=40)
    why = models.CharField(max_length=300, blank=True)
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name_plural = "journal"
        ordering = ["-id"]
        indexes = [models.Index(fields=["subject", "id"])]
        triggers: list[pgtrigger.Trigger] = append_only("journal")

    def __str__(self) -> str:
        return f"{journal_words.subject(self.subject, {})}: {journal_words.deed(self.verb)}"
