"""Money that goes back: charges too many, refunds, and what a bank takes in a dispute."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from checkout.order_models import Order, OrderLine


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
    """Units of an order's line that came back. They moved when it was asked for, whatever became of the money."""

    refund = models.ForeignKey(
        Refund,
        on_delete=models.CASCADE,
        null=True,
        related_name="lines",
        help_text="That is for them. Empty where their money had gone another way: by hand, or to a bank.",
    )
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
        return f"dispute of {self.order}"
