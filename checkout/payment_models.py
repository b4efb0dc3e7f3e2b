"""How orders are paid, and what the payment provider told us."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from checkout.order_models import Order
from drops.models import Drop


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
