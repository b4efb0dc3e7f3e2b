"""Orders of which another amount came than was agreed, until a person has said that it is settled."""

from django.db import models

from merchant.money import Money


class AmountDiffers(models.Model):
    """What came for an order, where it is not the order's total. Written once, when the money came."""

    order = models.OneToOneField("checkout.Order", on_delete=models.PROTECT, related_name="amount_differs")
    received_minor = models.PositiveIntegerField()
    currency = models.CharField(max_length=3, help_text="Of what came; another than the order's, at the worst.")
    found_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, help_text="Since when nobody has to look any more.")

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "amounts that differ"

    @property
    def received(self) -> Money:
        return Money(self.received_minor, self.currency)

    def __str__(self) -> str:
        return f"another amount for {self.order_id}"
