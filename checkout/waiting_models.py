"""Who waits for what is sold out."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now


class PlaceState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    OFFERED = "offered", "Has an offer"
    BOUGHT = "bought", "Got it"
    LAPSED = "lapsed", "Offer not taken"
    LEFT = "left", "Left"
    REMOVED = "removed", "Removed by staff"
    CLOSED = "closed", "Drop over"


class WaitingPlace(models.Model):
    """One person's place for one offer; or the place of an order that was paid too late, ahead of all of them.

    What it waits for are its claims on stock (``drops.awaited``). Its secret address is derived, as an order's is.
    """

    token_hash = models.CharField(max_length=64, unique=True)
    token_nonce = models.CharField(max_length=32)
    drop = models.ForeignKey("drops.Drop", on_delete=models.CASCADE, related_name="waiting_places")
    offer = models.ForeignKey("drops.Offer", on_delete=models.CASCADE, null=True, related_name="+")
    order = models.OneToOneField("checkout.Order", on_delete=models.CASCADE, null=True, related_name="waiting_place")
    email = models.EmailField()
    person_key = models.CharField(max_length=64, help_text="A keyed fingerprint of the address: one place a person.")
    quantity = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=PlaceState, default=PlaceState.WAITING)
    since = models.DateTimeField(db_default=Now())
    short_since = models.DateTimeField(
        null=True, help_text="Since when some of it has been there, and not enough for the whole group."
    )
    let_go_at = models.DateTimeField(
        null=True, help_text="Since when what was not enough for the group has been on sale for others."
    )
    cart = models.OneToOneField(
        "checkout.Cart", on_delete=models.SET_NULL, null=True, related_name="waiting_place", help_text="The offer."
    )
    offered_until = models.DateTimeField(null=True)
    refund_by = models.DateTimeField(null=True, help_text="For an order paid too late: then its money goes back.")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name, verbose_name_plural = "place on a waiting list", "places on waiting lists"
        ordering = [F("order").asc(nulls_last=True), "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["offer", "person_key"],
                condition=Q(state__in=["waiting", "offered"]),
                name="one_place_a_person",
            ),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="place_waits_for_something"),
            models.CheckConstraint(
                condition=Q(offer__isnull=False) | Q(order__isnull=False), name="place_waits_for_an_offer_or_an_order"
            ),
            models.CheckConstraint(condition=~Q(state="offered") | Q(offered_until__isnull=False), name="offer_ends"),
        ]
        indexes = [
            models.Index(fields=["drop", "id"], condition=Q(state__in=["waiting", "offered"]), name="place_open")
        ]

    @property
    def subject(self) -> str:
        """Its name in the journal."""
        return f"place:{self.pk}"

    def __str__(self) -> str:
        return f"{self.email or 'somebody'} for {self.drop}"
