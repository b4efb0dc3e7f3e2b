"""What a buyer was shown and how they answered: checked before the order, recorded with it, provable after it."""

import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare

from merchant import journal, rows
from merchant.keyed import keyed
from policies.errors import PolicyChanged, PolicyUnanswered
from policies.models import Acceptance, AcceptancePerson, ChangeClass, ForgottenPerson, PolicyVersion, Rendering
from policies.rendering import plain
from policies.shown import ShownPolicy
from policies.verify_chain import digest

PEOPLE, FORGOTTEN = "people", "people_forgotten"  # how the journal calls who answered, and that they went


@dataclass(frozen=True, slots=True)
class Answer:
    """A fan's word on one text: which bytes they saw, and whether they ticked its box (None: it had none)."""

    id: str
    sha256: str
    accepted: bool | None

    @property
    def slug(self) -> str:
        return self.id.rpartition("/v")[0]


@dataclass(frozen=True, slots=True)
class Person:
    """Who answered. Kept apart from the evidence so that it can be erased."""

    ip: str | None
    user_agent: str
    email: str
    place: str = ""  # where the IP seems to be; not kept here


@dataclass(frozen=True, slots=True)
class Occasion:
    """Where and when texts were shown and answered, and by whom."""

    surface: str
    shown_at: datetime
    answered_at: datetime
    person: Person


@dataclass(frozen=True, slots=True)
class Earlier:
    """An answer to a text that was replaced before the order stood."""

    rendering: Rendering
    accepted: bool | None
    shown_at: datetime
    answered_at: datetime
    asked_language: str = ""


def check(current: Sequence[ShownPolicy], answers: Iterable[Answer]) -> list[ShownPolicy]:
    """Compare the answers with the texts in force; give back what the fan was really shown, to be recorded.

    An answer to an earlier version stands as long as no change since was material, and the record then cites the bytes
    that were shown. Raises PolicyChanged when a text must be shown anew, PolicyUnanswered when an answer or a mandatory
    tick is missing. Costs no query while everything matches. A promise that ended under the fan is a change too.
    """
    given = {answer.slug: answer for answer in answers}
    if (gone := given.keys() - {policy.slug for policy in current}) and ended(gone).exists():
        raise PolicyChanged(current)
    shown = [_as_shown(policy, given[policy.slug]) for policy in current if policy.slug in given]
    if None in shown:
        raise PolicyChanged(current)
    missing = [policy for policy in current if not _is_answered(policy, given.get(policy.slug))]
    if missing:
        raise PolicyUnanswered(missing)
    return [policy for policy in shown if policy]


def record(order_ref: str, shown: Sequence[ShownPolicy], answers: Iterable[Answer], occasion: Occasion) -> None:
    """Write the proof for an order, in its transaction and in one statement. ``shown`` is what ``check`` gave."""
    if shown:
        rows.write(**proofs(order_ref, shown, answers, occasion))


def proofs(
    order_ref: str,
    shown: Sequence[ShownPolicy],
    answers: Iterable[Answer],
    occasion: Occasion,
    earlier: Sequence[Earlier] = (),
) -> dict[str, rows.Insert]:
    """The same, to be written in one statement with the order's own rows. Nothing where nothing was ever shown.

    ``earlier``: what the fan had answered before a text changed; both versions go on record.
    """
    if not shown and not earlier:
        return {}
    given = {answer.slug: answer for answer in answers}
    cited = {policy.rendering_id for policy in shown}
    replaced = [each for each in earlier if each.rendering.pk not in cited]
    acceptances = [_replaced(order_ref, each, occasion) for each in replaced]
    acceptances += [_answered(order_ref, policy, given[policy.slug], occasion) for policy in shown]
    digests = [each.rendering.sha256 for each in replaced] + [policy.sha256 for policy in shown]
    address = email_hmac(occasion.person.email)
    people = [_person(occasion.person, address) for _ in acceptances]
    for acceptance, sha256, person in zip(acceptances, digests, people, strict=True):
        acceptance["commitment"] = _commitment(acceptance, sha256, person)
    commitments = [{"proof": acceptance["commitment"]} for acceptance in acceptances]  # salted: no two are alike
    its_proof = rows.Parent(
        "acceptance_id", "(SELECT id FROM proofs WHERE commitment = given.row->>'proof')", commitments
    )
    return {
        "proofs": rows.insert(Acceptance, acceptances),
        "people": rows.insert(AcceptancePerson, people, its_proof),
    }


def ended(slugs: Iterable[str]) -> QuerySet[PolicyVersion]:
    """The last version of each of these policies that was retired by now."""
    return PolicyVersion.objects.select_related("policy").filter(
        policy__slug__in=slugs, retires=True, published_at__isnull=False, effective_at__lte=Now()
    )


def _answered(order_ref: str, policy: ShownPolicy, answer: Answer, occasion: Occasion) -> dict[str, Any]:
    return {
        "order_ref": order_ref,
        "rendering_id": policy.rendering_id,
        "surface": str(occasion.surface),
        "language": policy.language,
        "asked_language": policy.asked_language,
        "wording": policy.box_wording,
        "accepted": answer.accepted if policy.mandatory else None,
        "replaced": False,
        "shown_at": occasion.shown_at,
        "answered_at": occasion.answered_at,
    }


def _replaced(order_ref: str, earlier: Earlier, occasion: Occasion) -> dict[str, Any]:
    version = earlier.rendering.version
    return {
        "order_ref": order_ref,
        "rendering_id": earlier.rendering.pk,
        "surface": str(occasion.surface),
        "language": version.language,
        "asked_language": earlier.asked_language,
        "wording": plain(version.box_wording, earlier.rendering.values, version.language),
        "accepted": earlier.accepted if version.mandatory else None,
        "replaced": True,
        "shown_at": earlier.shown_at,
        "answered_at": earlier.answered_at,
    }


def holds(acceptance: Acceptance) -> bool | None:
    """Whether the commitment still matches the row, its bytes and its person; None once the person was erased."""
    person = AcceptancePerson.objects.filter(acceptance=acceptance).first()
    if person is None:
        return None
    shown = hashlib.sha256(acceptance.rendering.html.encode()).hexdigest()
    return constant_time_compare(acceptance.commitment, _commitment(vars(acceptance), shown, vars(person)))


@transaction.atomic
def erase_person(order_ref: str, *, actor: str, why: str) -> int:
    """Delete who answered for an order, not what was answered. Returns how many rows; the second time none."""
    erased = forget(AcceptancePerson.objects.filter(acceptance__order_ref=order_ref))
    if erased:
        journal.record(f"acceptance:{order_ref}", "person_erased", actor=actor, why=why, data={"rows": erased})
    return erased


@transaction.atomic
def forget(people: QuerySet[AcceptancePerson]) -> int:
    """Delete who answered, with a record by which the verifier tells it from tampering. Returns how many rows.

    The journal's line names the acceptances; who asked for it and why stands in the line of the deed it belongs to.
    """
    found = dict(people.order_by("pk").select_for_update(of=("self",)).values_list("pk", "acceptance_id"))
    forgotten = [ForgottenPerson(acceptance_id=each) for each in found.values()]
    ForgottenPerson.objects.bulk_create(forgotten, ignore_conflicts=True)
    if found:
        journal.record(PEOPLE, FORGOTTEN, actor=journal.WORKER, data={"acceptances": list(found.values())})
    AcceptancePerson.objects.filter(pk__in=list(found)).delete()
    return len(found)


def email_hmac(email: str) -> str:
    """A keyed fingerprint of an address: finds it again, cannot be turned back, useless without our key."""
    return keyed("policies.acceptance.email", email.strip().lower()).hex()


def _is_answered(policy: ShownPolicy, answer: Answer | None) -> bool:
    return answer is not None and (answer.accepted is True or not policy.mandatory)


def _as_shown(current: ShownPolicy, answer: Answer) -> ShownPolicy | None:
    """The text the answer was given to, when that still stands for ``current``; None when it must be shown anew."""
    if answer.sha256 == current.sha256:
        return current
    seen = (
        Rendering.objects.select_related("version__policy")
        .filter(
            sha256=answer.sha256,
            version__policy__slug=current.slug,
            version__language=current.language,
            version__number__lte=current.number,
        )
        .first()
    )
    if seen is None or not _says_the_same(seen, current):
        return None
    return replace(
        current,
        id=seen.version.ref,
        number=seen.version.number,
        summary=plain(seen.version.summary, seen.values, seen.version.language),
        html=seen.html,
        sha256=seen.sha256,
        box_wording=plain(seen.version.box_wording, seen.values, seen.version.language),
        mandatory=seen.version.mandatory,
        language=seen.version.language,
        rendering_id=seen.pk,
        values=seen.values,
    )


def _says_the_same(seen: Rendering, current: ShownPolicy) -> bool:
    """No material change from the seen version to the current one, and the same values filled in."""
    if current.mandatory and not seen.version.mandatory:
        return False
    if seen.values != Rendering.objects.get(pk=current.rendering_id).values:
        return False
    return not PolicyVersion.objects.filter(
        policy=seen.version.policy_id,
        language=current.language,
        published_at__isnull=False,
        number__gt=seen.version.number,
        number__lte=current.number,
        change_class=ChangeClass.MATERIAL,
    ).exists()


def _person(person: Person, address: str) -> dict[str, Any]:
    return {
        "salt": secrets.token_hex(16),
        "ip": person.ip,
        "user_agent": person.user_agent[:300],
        "email_hmac": address,
    }


def _commitment(acceptance: Mapping[str, Any], sha256: str, person: Mapping[str, Any]) -> str:
    return commitment_over({**person, **acceptance, "rendering__sha256": sha256})


def commitment_over(row: Mapping[str, Any]) -> str:
    """The digest over an acceptance and its person, as a row of both.

    The salt keeps a guessed address or IP from being tried against the published digest.
    """
    said: dict[str, Any] = {
        "order": row["order_ref"],
        "rendering": row["rendering__sha256"],
        "surface": str(row["surface"]),
        "language": row["language"],
        "wording": row["wording"],
        "accepted": row["accepted"],
        "shown_at": row["shown_at"].astimezone(UTC).isoformat(),
        "answered_at": row["answered_at"].astimezone(UTC).isoformat(),
        **{name: row[name] for name in ("ip", "user_agent", "email_hmac", "salt")},
    }
    if row["asked_language"]:  # rows from before it was recorded keep their commitments
        said["asked_language"] = row["asked_language"]
    if row["replaced"]:
        said["replaced"] = True
    return digest(said)
