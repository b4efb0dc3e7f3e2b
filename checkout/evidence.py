"""The answer to a dispute, as rows: what is said, the files that prove it, and how far it has come."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class PackState(models.TextChoices):
    DUE = "due", "Being put together"
    BUILT = "built", "On its way to the provider"
    HELD = "held", "Waits for a person"
    STAGED = "staged", "Ready to be submitted"
    SUBMITTING = "submitting", "Being submitted"
    SUBMITTED = "submitted", "Submitted to the bank"
    OVER = "over", "No answer is possible"


class EvidencePack(models.Model):
    """One answer to one dispute. A worker builds and stages it; a person submits it."""

    dispute = models.OneToOneField("checkout.Dispute", on_delete=models.PROTECT, related_name="pack")
    state = models.CharField(max_length=10, choices=PackState, default=PackState.DUE)
    texts = models.JSONField(default=dict, help_text="By the provider's names of its evidence fields.")
    priors = models.JSONField(default=list, help_text="Earlier charges for Visa Compelling Evidence 3.0; two or none.")
    checklist = models.JSONField(default=list, help_text="[what, is it there] for the reason of the dispute.")
    own_words = models.TextField(blank=True, help_text="What staff add in their own words.")
    explained = models.CharField(max_length=300, blank=True, help_text="Why it cannot go on, for staff.")
    staged_at = models.DateTimeField(null=True)
    submitted_at = models.DateTimeField(null=True)
    submitted_by = models.CharField(max_length=80, blank=True)
    due_at = models.DateTimeField(db_default=Now())
    leased_until = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["-id"]
        permissions = [("submit_evidencepack", "Can submit evidence to a bank")]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(state__in=["due", "built", "submitting"]), name="evidence_pack_due"
            )
        ]

    @property
    def score(self) -> int:
        """How much of what this reason calls for is there, in percent."""
        there = sum(bool(is_there) for _, is_there in self.checklist)
        return round(100 * there / len(self.checklist)) if self.checklist else 0

    def __str__(self) -> str:
        return f"answer to {self.dispute_id}"


class EvidenceFile(models.Model):
    """A file of a pack, by the provider's name of the evidence field that it fills."""

    pack = models.ForeignKey(EvidencePack, on_delete=models.CASCADE, related_name="files")
    field = models.CharField(max_length=40)
    name = models.CharField(max_length=80)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    pages = models.PositiveSmallIntegerField(default=1)
    provider_id = models.CharField(max_length=120, blank=True, help_text="Once it is at the provider.")

    class Meta:
        ordering = ["field"]
        constraints = [models.UniqueConstraint(fields=["pack", "field"], name="evidence_field_once_a_pack")]

    @property
    def size(self) -> int:
        return len(self.content)

    def __str__(self) -> str:
        return self.name
