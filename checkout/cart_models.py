"""What is put aside before it is ordered, and how much of it one person may have."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from drops.models import Drop, Offer
from policies.models import Surface


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
    surface = models.CharField(
        max_length=20,
        choices=Surface,
        default=Surface.CHECKOUT,
        db_default=Surface.CHECKOUT.value,
        help_text="Where it was begun.",
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
