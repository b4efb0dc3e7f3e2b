"""Fans, what they agreed to, what they did, and the messages that went to them."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now


class Fan(models.Model):
    """A person the shop knows, by e-mail without regard to case. Dots and plus signs are not folded."""

    email = models.EmailField("e-mail")
    name = models.CharField(max_length=120, blank=True)
    phone = models.CharField(max_length=20, blank=True, help_text="E.164: +4930…")
    country = models.CharField(max_length=2, blank=True)
    region = models.CharField(max_length=40, blank=True)
    language = models.CharField(max_length=12, default="en")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(Lower("email"), name="fan_email_once")]

    def __str__(self) -> str:
        return self.email


class Channel(models.TextChoices):
    EMAIL = "email", "E-mail"
    SMS = "sms", "SMS"


class Consent(models.Model):
    """One recorded yes or no for a channel. The newest row of a channel is the fan's answer; no row is changed."""

    fan = models.ForeignKey(Fan, on_delete=models.CASCADE, related_name="consents")
    channel = models.CharField(max_length=10, choices=Channel)
    topic = models.CharField(max_length=40, default="drops")
    granted = models.BooleanField()
    source = models.CharField(max_length=60, help_text='Where: "checkout", "drop:<slug>", "preferences".')
    wording = models.CharField(max_length=300, help_text="The words the fan answered.")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["fan", "channel", "-id"])]
        triggers: list[pgtrigger.Trigger] = [
            pgtrigger.Protect(name="consent_append_only", operation=pgtrigger.Update),
        ]

    def __str__(self) -> str:
        return f"{self.fan_id} {self.channel} {'yes' if self.granted else 'no'}"


class FootprintKind(models.TextChoices):
    PURCHASED = "purchased", "Purchased"
    SIGNED_UP = "signed_up", "Asked to be told"
    ABANDONED = "abandoned", "Left a checkout"
    REFUNDED = "refunded", "Was refunded"


class Footprint(models.Model):
    """Something a fan did: a behaviour signal. ``key`` makes writing it twice harmless."""

    fan = models.ForeignKey(Fan, on_delete=models.CASCADE, related_name="footprints")
    kind = models.CharField(max_length=20, choices=FootprintKind)
    subject = models.CharField(max_length=80, help_text='An opaque key: "drop:<slug>".')
    amount_minor = models.BigIntegerField(
        null=True, help_text="Money of the deed, in minor units of the shop's currency."
    )
    key = models.CharField(max_length=120, unique=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["kind", "subject", "fan"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class Segment(models.Model):
    """A rule over footprints and traits. Built-in ones ship with the project and cannot be edited."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=80)
    description = models.CharField(max_length=200, blank=True)
    rule = models.JSONField(default=dict, help_text='For example {"did": "purchased", "at_least": 1}.')
    builtin = models.BooleanField("built in", default=False, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class MembershipSnapshot(models.Model):
    """Who matched a segment at an instant, frozen."""

    segment = models.ForeignKey(Segment, on_delete=models.PROTECT, related_name="snapshots")
    subject = models.CharField(max_length=80, blank=True, help_text='What it was frozen for: "drop:<slug>".')
    frozen_at = models.DateTimeField()
    size = models.PositiveIntegerField()
    fans = models.ManyToManyField(Fan, related_name="+")

    class Meta:
        ordering = ["-frozen_at"]

    def __str__(self) -> str:
        return f"{self.segment} at {self.frozen_at:%Y-%m-%d %H:%M}"


class PolicyNews(models.Model):
    """A version of a policy of which the followers were told; once."""

    version = models.CharField(max_length=80, unique=True, help_text="An opaque key: returns/v3.")
    told_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "policy news"

    def __str__(self) -> str:
        return self.version


class MessageState(models.TextChoices):
    DUE = "due", "To be sent"
    SENT = "sent", "Sent"
    UNCERTAIN = "uncertain", "Unclear whether it was sent"
    FAILED = "failed", "Failed"
    SKIPPED = "skipped", "Skipped"


class Message(models.Model):
    """One message in the ledger: planned once by its key, leased by a worker, handed to the provider."""

    key = models.CharField(max_length=120, unique=True, help_text="Planned once by this name.")
    kind = models.CharField(max_length=40)
    channel = models.CharField(max_length=10, choices=Channel, default=Channel.EMAIL)
    marketing = models.BooleanField(default=False, help_text="Needs consent; a receipt does not.")
    topic = models.CharField(
        max_length=40,
        default="drops",
        db_default="drops",
        help_text="Of which the fan must want to hear, if marketing.",
    )
    leave_url = models.CharField(
        max_length=500, blank=True, default="", db_default="", help_text="Where one POST ends it (RFC 8058)."
    )
    to = models.CharField(max_length=254)
    subject = models.CharField(max_length=200)
    text = models.TextField()
    html = models.TextField(blank=True)
    state = models.CharField(max_length=10, choices=MessageState, default=MessageState.DUE)
    reason = models.CharField(max_length=200, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(db_default=Now())
    leased_until = models.DateTimeField(null=True)
    handed_at = models.DateTimeField(null=True, help_text="When a worker began to hand it to the provider.")
    sent_at = models.DateTimeField(null=True)
    provider_id = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["due_at"], condition=Q(state="due"), name="message_due")]

    def __str__(self) -> str:
        return f"{self.subject} → {self.to}"
