"""What an audit of the record found, and how it calls a row."""

from collections import Counter
from dataclasses import dataclass, field

from policies.models import Acceptance, PolicyVersion, Rendering, SealKind
from policies.rules_models import RuleVersion
from policies.verify_chain import START

MOST_TOLD = 20


@dataclass
class Audit:
    """What was read, and what is wrong with it, first things first. ``head``: the name of the last good link."""

    links: int = 0
    rows: Counter[str] = field(default_factory=Counter)  # that links hold, by kind
    renderings: int = 0
    persons: int = 0
    forgotten: int = 0
    unsealed: int = 0
    head: str = START
    problems: list[str] = field(default_factory=list)

    @property
    def versions(self) -> int:
        return self.rows[SealKind.VERSIONS]

    @property
    def acceptances(self) -> int:
        return self.rows[SealKind.ACCEPTANCES]

    @property
    def rules(self) -> int:
        return self.rows[SealKind.RULES]

    @property
    def whole(self) -> bool:
        return not self.problems

    @property
    def full(self) -> bool:
        """Whether as much is told as anybody reads."""
        return len(self.problems) >= MOST_TOLD

    def tell(self, problem: str) -> None:
        if not self.full:
            self.problems.append(problem)


def named(kind: str, pk: int) -> str:
    """A row as a person looks for it."""
    match kind:
        case SealKind.VERSIONS:
            version = PolicyVersion.objects.select_related("policy").filter(pk=pk).first()
            return f"version {version.ref} (row {pk})" if version else f"version row {pk}"
        case SealKind.RULES:
            rule = RuleVersion.objects.select_related("rule").filter(pk=pk).first()
            return f"rule {rule.ref} (row {pk})" if rule else f"rule row {pk}"
        case SealKind.RENDERINGS:
            digest = Rendering.objects.filter(pk=pk).values_list("sha256", flat=True).first()
            return f"rendering {digest[:12]}… (row {pk})" if digest else f"rendering row {pk}"
    order = Acceptance.objects.filter(pk=pk).values_list("order_ref", flat=True).first()
    return f"acceptance row {pk} of order {order}" if order else f"acceptance row {pk}"
