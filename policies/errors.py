"""What can be wrong about a promise, in the words of the domain."""

from collections.abc import Sequence
from datetime import datetime

from policies.shown import ShownPolicy


class PolicyError(Exception):
    """The family of everything this app refuses."""


class AlreadyPublished(PolicyError):
    """The version is public; its text can only be followed by a new version."""

    def __init__(self, ref: str) -> None:
        super().__init__(f"{ref} is already published.")
        self.ref = ref


class NotPublishable(PolicyError):
    """The draft misses something. ``reasons`` are sentences for the merchant."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = list(reasons)


class Retired(PolicyError):
    """The policy ends, or has ended; nothing follows in it."""

    def __init__(self, ref: str) -> None:
        super().__init__(f"{ref} retires this policy: nothing can follow. Start another policy.")
        self.ref = ref


class DraftChanged(PolicyError):
    """Somebody edited the draft after it was reviewed; what would be published is not what was read."""


class EditedMeanwhile(PolicyError):
    """Two people write the same draft; the later one has not read what the earlier one wrote."""

    def __init__(self, by: str, at: datetime | None) -> None:
        super().__init__(f"{by.removeprefix('staff:')} wrote in this draft after you opened it.")
        self.by, self.at = by, at


class OwnText(PolicyError):
    """The shop wants a second person, and this one wrote the text."""

    def __init__(self, ref: str) -> None:
        super().__init__(f"You wrote in {ref}: somebody else approves it.")


class NotPublished(PolicyError):
    """A draft was about to become evidence."""


class UnknownVariable(PolicyError):
    """The text asks for a value that nobody gave."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no value for {{{{ {name} }}}}.")
        self.name = name


class PolicyChanged(PolicyError):
    """The fan answered a text that no longer stands. ``current`` is what to show and ask now."""

    def __init__(self, current: Sequence[ShownPolicy]) -> None:
        super().__init__("A policy changed since it was shown.")
        self.current = list(current)


class PolicyUnanswered(PolicyError):
    """Texts that the fan has not answered, or boxes left unticked."""

    def __init__(self, missing: Sequence[ShownPolicy]) -> None:
        super().__init__("Unanswered: " + ", ".join(policy.id for policy in missing))
        self.missing = list(missing)
