"""What the desk reads about fans."""

from datetime import datetime
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from segments.models import Channel, Consent, Fan, Footprint, FootprintKind
from segments.rules import parse


def with_history(fans: QuerySet[Fan]) -> QuerySet[Any]:
    """Each fan with ``purchases``, ``spent_minor`` and ``wants_email`` (None: never asked), in the same query."""
    bought = Footprint.objects.filter(fan=OuterRef("pk"), kind=FootprintKind.PURCHASED).order_by().values("fan")
    answer = Consent.objects.filter(fan=OuterRef("pk"), channel=Channel.EMAIL, topic="drops").order_by("-id")
    return fans.annotate(
        purchases=Coalesce(Subquery(bought.annotate(n=Count("id")).values("n")), 0),
        spent_minor=Coalesce(Subquery(bought.annotate(n=Sum("amount_minor")).values("n")), 0),
        wants_email=Subquery(answer.values("granted")[:1]),
    )


def matching(rule: Any, *, now: datetime) -> Q:
    """The rule as a condition over Fan. Raises BadRule."""
    return parse(rule).condition(now)
