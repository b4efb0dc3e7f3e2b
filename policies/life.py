"""The life of a version: what was decided about a draft is written down, the rest follows from times by query."""

from datetime import datetime

from django.db.models import Case, CharField, Exists, F, OuterRef, Q, QuerySet, TextChoices, Value, When

from policies.models import PolicyVersion


class Life(TextChoices):
    DRAFT = "draft", "Draft"
    IN_REVIEW = "in_review", "In review"
    APPROVED = "approved", "Approved"
    SCHEDULED = "scheduled", "Scheduled"
    IN_FORCE = "in_force", "In force"
    SUPERSEDED = "superseded", "Superseded"
    RETIRED = "retired", "Retired"


def with_life(versions: QuerySet[PolicyVersion], now: datetime) -> QuerySet[PolicyVersion]:
    """Each version with ``life``, one of ``Life``, as it is at ``now``."""
    later = Q(effective_at__gt=OuterRef("effective_at")) | Q(
        effective_at=OuterRef("effective_at"), number__gt=OuterRef("number")
    )
    successor = PolicyVersion.objects.filter(
        later,
        Q(language=OuterRef("language")) | Q(retires=True),
        policy=OuterRef("policy"),
        published_at__isnull=False,
        effective_at__lte=now,
    )
    draft = Q(published_at=None)
    return versions.annotate(
        life=Case(
            When(draft & Q(approved_at__isnull=False), then=Value(Life.APPROVED)),
            When(draft & Q(review_asked_at__isnull=False), then=Value(Life.IN_REVIEW)),
            When(draft, then=Value(Life.DRAFT)),
            When(effective_at__gt=now, then=Value(Life.SCHEDULED)),
            When(retires=True, then=Value(Life.RETIRED)),
            When(Exists(successor), then=Value(Life.SUPERSEDED)),
            default=Value(Life.IN_FORCE),
            output_field=CharField(),
        )
    )


def life_of(version: PolicyVersion, now: datetime) -> Life:
    """Where one version stands at ``now``. One query."""
    found = with_life(PolicyVersion.objects.filter(pk=version.pk), now).values_list(F("life"), flat=True)
    return Life(found.get())
