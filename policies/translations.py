"""Translations that say what the English text said before it changed."""

from collections.abc import Iterable
from dataclasses import dataclass

from policies.languages import DEFAULT_LANGUAGE, language_name
from policies.models import ChangeClass, PolicyVersion
from policies.queries import published


@dataclass(frozen=True, slots=True)
class Behind:
    """A translation that is older than the English text by more than a mended typo."""

    translation: PolicyVersion
    english: PolicyVersion

    @property
    def words(self) -> str:
        language = language_name(self.translation.language)
        return (
            f"The {language} text (version {self.translation.number}) is older than the English one (version "
            f"{self.english.number}): who reads {language} is still promised what it said before."
        )


def behind(policy_ids: Iterable[int]) -> list[Behind]:
    """Every translation of these policies that lags, whether or not its English text is in force already. One query."""
    newest: dict[tuple[int, str], PolicyVersion] = {}
    versions = published().filter(policy__in=policy_ids, retires=False).defer("source")
    for version in versions.order_by("policy_id", "number"):
        is_english = version.language == DEFAULT_LANGUAGE
        if is_english and version.change_class == ChangeClass.TECHNICAL:
            continue
        newest[version.policy_id, version.language] = version
    return [
        Behind(version, english)
        for (policy, _), version in newest.items()
        if (english := newest.get((policy, DEFAULT_LANGUAGE))) and version.number < english.number
    ]
