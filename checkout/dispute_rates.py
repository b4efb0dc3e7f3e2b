"""How often payments are disputed: by drop, and by the version of a text that the buyers had seen."""

from dataclasses import dataclass

from django.db.models import Count, Q

from checkout.models import Order
from policies.models import Acceptance


@dataclass(frozen=True, slots=True)
class Rate:
    """``disputed`` of ``paid`` orders."""

    name: str
    paid: int
    disputed: int

    @property
    def percent(self) -> float:
        return round(100 * self.disputed / self.paid, 2)


def by_drop(limit: int = 20) -> list[Rate]:
    """The newest drops that sold something."""
    paid = Order.objects.filter(captured_minor__gt=0).order_by()
    counted = paid.values_list("drop_id", "drop__title").annotate(
        paid=Count("pk", distinct=True), disputed=Count("pk", filter=Q(disputes__isnull=False), distinct=True)
    )
    return [Rate(title, paid, disputed) for _, title, paid, disputed in counted.order_by("-drop_id")[:limit]]


def by_version(limit: int = 20) -> list[Rate]:
    """The newest versions under which a paid order stands; not what was shown before it changed."""
    paid = Order.objects.filter(captured_minor__gt=0).order_by()
    disputed = paid.filter(disputes__isnull=False)
    version = "rendering__version"
    counted = (
        Acceptance.objects.filter(order_ref__in=paid.values("reference"), replaced=False)
        .order_by()
        .values_list(f"{version}_id", f"{version}__policy__title", f"{version}__number")
        .annotate(
            paid=Count("order_ref", distinct=True),
            disputed=Count("order_ref", filter=Q(order_ref__in=disputed.values("reference")), distinct=True),
        )
    )
    rows = counted.order_by(f"-{version}_id")[:limit]
    return [Rate(f"{title}, version {number}", paid, disputed) for _, title, number, paid, disputed in rows]
