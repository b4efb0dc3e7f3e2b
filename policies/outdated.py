"""Texts that go on promising what the shop's profile said when they were published, and says no more."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.urls import reverse

from merchant.models import StoreProfile
from policies.models import PolicyVersion
from policies.queries import published, retired
from policies.rendering import names_in
from policies.variables import of_shop


@dataclass(frozen=True, slots=True)
class Outdated:
    """A version that stands or is to come, and one value of the shop that it says otherwise."""

    version: PolicyVersion
    name: str
    promised: str
    now: str

    @property
    def words(self) -> str:
        said = f"“{self.version.policy}”, version {self.version.number}, goes on saying “{self.promised}”"
        return f"{said} for {{{{ {self.name} }}}}; the shop's profile says “{self.now or 'nothing'}”."

    @property
    def fix(self) -> str:
        """The page of the desk where a new version is started."""
        return reverse("admin:policies_policy_change", args=[self.version.policy_id])


def outdated(shop: StoreProfile, now: datetime) -> list[Outdated]:
    """For each text that fans are shown or will be, what it says otherwise than the profile. Two queries."""
    given = {name: str(value) for name, value in of_shop(shop).items()}
    return [
        Outdated(version, name, promised, given.get(name, ""))
        for version in _standing(now)
        for name, promised in version.fixed.items()
        if name in names_in(version) and promised != given.get(name, "")
    ]


def _standing(now: datetime) -> list[PolicyVersion]:
    """The last version in force of each policy and language, and those that were announced."""
    ended = set(retired(now).values_list("policy_id", flat=True))
    last: dict[tuple[int, str], PolicyVersion] = {}
    coming = []
    lines = published().filter(Q(retires=False)).exclude(policy__in=ended)
    for version in lines.order_by("policy__position", "policy__title", "effective_at", "number"):
        if version.effective_at and version.effective_at > now:
            coming.append(version)
        else:
            last[version.policy_id, version.language] = version
    return [*last.values(), *coming]
