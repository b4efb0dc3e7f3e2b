"""What comes after a sale, as rows: parcels, what fans ask for, and later ship dates they were asked about."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from drops.models import Drop


class Shipment(models.Model):
    """A parcel of an order. An order may have several; what is in each is its lines."""

    order = models.ForeignKey("checkout.Order", on_delete=models.PROTECT, related_name="shipments")
    carrier = models.CharField(max_length=60, blank=True)
    tracking = models.CharField(max_length=80, blank=True)
    shipped_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True, help_text="When the fan, or somebody they named, had it in hand.")
    key = models.CharField(max_length=80, unique=True, help_text="Makes a form that is sent twice one parcel.")

    class Meta:
        ordering = ["id"]
        permissions = [("ship_order", "Can record parcels and deliveries")]
        constraints = [
            models.CheckConstraint(
                condition=Q(delivered_at=None) | Q(delivered_at__gte=models.F("shipped_at")),
                name="parcel_arrives_after_it_left",
            )
        ]

    def __str__(self) -> str:
        return f"parcel {self.pk} of {self.order_id}"


class ShipmentLine(models.Model):
    shipment = models.ForeignKey(Shipment, on_delete=models.CASCADE, related_name="lines")
    line = models.ForeignKey("checkout.OrderLine", on_delete=models.PROTECT, related_name="shipped")
    quantity = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["shipment", "line"], name="line_once_a_parcel"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="parcel_line_has_something"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of line {self.line_id}"


class RequestKind(models.TextChoices):
    WITHDRAWAL = "withdrawal", "Withdrawal"
    RETURN = "return", "Return"
    CANCELLATION = "cancellation", "Cancellation"


class RequestState(models.TextChoices):
    REQUESTED = "requested", "Waiting for you"
    ACCEPTED = "accepted", "Accepted"
    DECLINED = "declined", "Declined"
    RECEIVED = "received", "Back here"
    REFUNDED = "refunded", "Refunded"


class FanRequest(models.Model):
    """What a fan asked for by their order's page: to withdraw, to send back, to cancel. Moves by ``MOVES`` alone."""

    order = models.ForeignKey("checkout.Order", on_delete=models.PROTECT, related_name="fan_requests")
    kind = models.CharField(max_length=12, choices=RequestKind)
    state = models.CharField(max_length=10, choices=RequestState, default=RequestState.REQUESTED)
    name = models.CharField(max_length=120)
    email = models.EmailField(help_text="Where the acknowledgement went.")
    reason = models.CharField(max_length=500, blank=True)
    statement = models.TextField(help_text="The words they sent, as they were acknowledged.")
    requested_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=300, blank=True, help_text="What staff wrote back.")
    received_at = models.DateTimeField(null=True)
    refund = models.OneToOneField("checkout.Refund", on_delete=models.PROTECT, null=True, related_name="fan_request")
    key = models.CharField(max_length=80, unique=True, help_text="Makes a form that is sent twice one request.")

    class Meta:
        ordering = ["-id"]
        verbose_name = "request"
        indexes = [
            models.Index(
                fields=["requested_at"],
                condition=Q(state__in=["requested", "accepted", "received"]),
                name="fan_request_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"


class FanRequestLine(models.Model):
    request = models.ForeignKey(FanRequest, on_delete=models.CASCADE, related_name="lines")
    line = models.ForeignKey("checkout.OrderLine", on_delete=models.PROTECT, related_name="requested")
    quantity = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["request", "line"], name="line_once_a_request"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="request_line_has_something"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of line {self.line_id}"


class DelayNotice(models.Model):
    """A drop ships later than promised: whoever waits for it is asked once, and has until ``answer_by``."""

    drop = models.ForeignKey(Drop, on_delete=models.PROTECT, related_name="delay_notices")
    old_date = models.DateField(null=True)
    new_date = models.DateField()
    why = models.CharField(max_length=200, help_text="Fans read it.")
    announced_at = models.DateTimeField()
    announced_by = models.CharField(max_length=80)
    answer_by = models.DateTimeField()
    superseded_at = models.DateTimeField(null=True, help_text="When a still later date took its place.")

    class Meta:
        ordering = ["-id"]
        verbose_name = "new ship date"
        constraints = [
            models.UniqueConstraint(fields=["drop"], condition=Q(superseded_at=None), name="one_delay_in_force_a_drop"),
            models.CheckConstraint(
                condition=Q(old_date=None) | Q(new_date__gt=models.F("old_date")), name="delay_is_later"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.drop}: {self.new_date}"


class DelayChoice(models.TextChoices):
    WAITING = "waiting", "Asked"
    CONSENTED = "consented", "Waits for the new date"
    REFUNDED = "refunded", "Wanted the money back"
    UNANSWERED = "unanswered", "No answer: refunded"
    MOOT = "moot", "Shipped or given back before"
    STUCK = "stuck", "A person must give the money back"


class DelayAnswer(models.Model):
    """One fan's answer to a later ship date."""

    notice = models.ForeignKey(DelayNotice, on_delete=models.PROTECT, related_name="answers")
    order = models.ForeignKey("checkout.Order", on_delete=models.PROTECT, related_name="delay_answers")
    choice = models.CharField(max_length=10, choices=DelayChoice, default=DelayChoice.WAITING)
    asked_at = models.DateTimeField(db_default=Now())
    answer_by = models.DateTimeField(help_text="Later than the notice's for whoever could only be asked late.")
    answered_at = models.DateTimeField(null=True)
    refund = models.OneToOneField("checkout.Refund", on_delete=models.PROTECT, null=True, related_name="delay_answer")
    trouble = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["notice", "order"], name="asked_once_a_delay")]
        indexes = [models.Index(fields=["answer_by"], condition=Q(choice="waiting"), name="delay_unanswered")]

    def __str__(self) -> str:
        return f"{self.order_id}: {self.choice}"
