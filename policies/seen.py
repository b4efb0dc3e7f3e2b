"""What a fan had answered when a text changed under them: signed, carried by their page, recorded with the order."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from django.core import signing

from policies.acceptance import Answer, Earlier
from policies.models import Rendering
from policies.shown import ShownPolicy

SALT = "frontrow.policies.seen"
LONGEST = 20_000  # characters
MOST = 20  # texts carried along; a fan meets one change, seldom two


class Said(NamedTuple):
    """An answer as it is sealed; times in seconds. Seals of the release before name no language."""

    ref: str
    sha256: str
    accepted: bool | None
    shown: float
    answered: float
    asked_language: str = ""


def seal(
    subject: str,
    answers: Iterable[Answer],
    current: Sequence[ShownPolicy],
    *,
    shown_at: datetime,
    answered_at: datetime,
    asked_language: str,
    before: str = "",
) -> str:
    """Sign the answers to texts that are no longer ``current``, behind those of an earlier seal; "" for none.

    ``subject`` says for which drop, so that they count for no other.
    """
    stands = {policy.sha256 for policy in current}
    replaced: list[Said] = [
        Said(answer.id, answer.sha256, answer.accepted, shown_at.timestamp(), answered_at.timestamp(), asked_language)
        for answer in answers
        if answer.sha256 not in stands
    ]
    carried = (_opened(subject, before) + replaced)[-MOST:]
    return signing.dumps({"for": subject, "seen": carried}, salt=SALT, compress=True) if carried else ""


def read(subject: str, sealed: str) -> list[Earlier]:
    """The sealed answers to texts of ours; none for a seal that is not ours or for another drop. One query, if any."""
    said = {(one.ref, one.sha256): one for one in _opened(subject, sealed)}
    if not said:
        return []
    digests = [sha256 for _, sha256 in said]
    found = Rendering.objects.select_related("version__policy").filter(sha256__in=digests).order_by("pk")
    return [_earlier(each, said[key]) for each in found if (key := (each.version.ref, each.sha256)) in said]


def _earlier(seen: Rendering, said: Said) -> Earlier:
    return Earlier(seen, said.accepted, _time(said.shown), _time(said.answered), said.asked_language)


def _opened(subject: str, sealed: str) -> list[Said]:
    if not sealed or len(sealed) > LONGEST:
        return []
    try:
        opened = signing.loads(sealed, salt=SALT)
    except (signing.BadSignature, UnicodeError):
        return []
    return [Said(*one) for one in opened["seen"]] if opened["for"] == subject else []


def _time(stamp: float) -> datetime:
    return datetime.fromtimestamp(stamp, tz=UTC)
