"""What is kept how long, who asked to be forgotten, and what is left of an order then."""

from django.db import models
from django.db.models.functions import Now


class RetentionPeriod(models.Model):
    """How many days one kind of thing is kept here, where the shop wants it otherwise than by default."""

    what = models.SlugField(max_length=40, unique=True)
    days = models.PositiveIntegerField()

    class Meta:
        ordering = ["what"]

    def __str__(self) -> str:
        return f"{self.what}: {self.days} days"


class ErasureRequest(models.Model):
    """Somebody asked to be forgotten. Their address stands here until it is done, then a keyed fingerprint of it."""

    email = models.EmailField(blank=True)
    email_key = models.CharField(max_length=64, db_index=True, help_text="A keyed fingerprint; it finds an address.")
    asked_by = models.CharField(max_length=80, help_text="Who entered it.")
    why = models.CharField(max_length=200)
    asked_at = models.DateTimeField(db_default=Now())
    done_at = models.DateTimeField(null=True)
    kept = models.JSONField(default=list, help_text="What could not go yet, in sentences.")

    class Meta:
        ordering = ["-id"]
        permissions = [("erase_person", "Can erase a person on request")]
        constraints = [
            models.UniqueConstraint(
                fields=["email_key"], condition=models.Q(done_at=None), name="one_open_erasure_a_person"
            )
        ]

    @property
    def subject(self) -> str:
        """Its name in the journal."""
        return f"erasure:{self.pk}"

    def __str__(self) -> str:
        return f"erasure {self.pk}"


class ErasedOrder(models.Model):
    """What is left of who ordered: keyed hashes, by which a claim about the order can still be checked."""

    order = models.OneToOneField("checkout.Order", on_delete=models.PROTECT, related_name="erased")
    hashes = models.JSONField(help_text="email, name, phone, address: each with the order's reference, under our key.")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"erased {self.order_id}"
