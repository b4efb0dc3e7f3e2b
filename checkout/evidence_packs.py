"""A dispute's answer: a worker puts it together and stages it at the provider; a person submits it, once.

Three steps like everywhere: what is to be done stands in the row, the provider is called with no lock held, what became
of it is written down. A worker that dies leaves a lease that ends.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from pypdf.errors import PyPdfError

from checkout import compelling, evidence_facts, evidence_files, evidence_texts, gateway
from checkout.errors import CannotAnswer, GatewayRefused, GatewayUnavailable
from checkout.evidence import EvidenceFile, EvidencePack, PackState
from checkout.evidence_files import Paper
from checkout.gateway import DisputeView
from checkout.models import Dispute
from merchant import journal
from merchant.wake import wake

S = PackState
DUE = (S.DUE, S.BUILT, S.SUBMITTING)
CHANGEABLE = (S.DUE, S.BUILT, S.HELD, S.STAGED)
ANSWERABLE = ("needs_response", "warning_needs_response")
LEASE = timedelta(minutes=5)  # more than all its files take when each waits for its time-out
PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
OWN_FILE = "uncategorized_file"
FILE_STARTS = (b"%PDF-", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
LONGEST_WORDS = 500_000  # above this a form is not even read; what fits the provider is said in words


def begin(dispute: Dispute, *, is_closed: bool, now: datetime) -> None:
    """One answer to each dispute, in the transaction that notes it. One that is decided needs none."""
    pack, is_new = EvidencePack.objects.get_or_create(dispute=dispute, defaults={"due_at": now})
    if is_closed:
        unsent = EvidencePack.objects.filter(pk=pack.pk, state__in=CHANGEABLE)
        unsent.update(state=S.OVER, explained=_decided(dispute.status))
    elif is_new:
        wake("evidence")


def submit(pack_id: int, *, by: str, now: datetime) -> None:
    """A person sends the answer to the bank; a worker carries it there. Raises CannotAnswer with the reason."""
    with transaction.atomic(durable=True):
        pack = _locked(pack_id)
        if pack.state != S.STAGED:
            raise CannotAnswer(pack.explained or f"It cannot be submitted: {pack.get_state_display().lower()}.")
        if pack.dispute.due_by is None or pack.dispute.due_by <= now:
            raise CannotAnswer(_no_time(pack.dispute.due_by))
        _change(pack, state=S.SUBMITTING, submitted_by=by, due_at=now, leased_until=None, tries=0)
        journal.record(_subject(pack), "evidence_submit_pressed", actor=by, data={"dispute": pack.dispute.provider_id})
        wake("evidence")


def add(pack_id: int, words: str, file: tuple[str, bytes] | None, *, by: str, now: datetime) -> None:
    """Staff's own words, and a file of theirs; then it is built and staged anew. Raises CannotAnswer.

    What would not fit is refused here, before anything reaches the provider.
    """
    pack = EvidencePack.objects.select_related("dispute").get(pk=pack_id)
    facts = evidence_facts.collect(pack.dispute)
    if why := evidence_texts.too_long(evidence_texts.write(facts, words)):
        raise CannotAnswer(why)
    paper = _own_paper(pack, *file) if file else None
    with transaction.atomic(durable=True):
        pack = _changeable(pack_id)
        if paper is not None:
            _keep(pack, paper)
        _change(pack, own_words=words, **_from_the_start(now))
        # Not the file's name: the journal is for good, and people name files after people.
        data = {"file": paper.sha256 if paper else ""}
        journal.record(_subject(pack), "evidence_changed", actor=by, data=data)
        wake("evidence")


def build_again(pack_id: int, *, by: str, now: datetime) -> None:
    """With what our books know by now. Raises CannotAnswer."""
    with transaction.atomic(durable=True):
        pack = _changeable(pack_id)
        _change(pack, **_from_the_start(now))
        journal.record(_subject(pack), "evidence_built_again", actor=by)
        wake("evidence")


def drain(clock: Callable[[], datetime], limit: int = 5) -> int:
    """Go on with the answers that are due. Returns how many were tried."""
    done = 0
    while done < limit and (pack := _claim(clock())):
        _go_on(pack, clock())
        done += 1
    return done


def unanswerable(found: DisputeView, now: datetime) -> str:
    """Why the bank takes no answer; empty where it does. ``due_by`` is 0 or absent where there never was a time."""
    if found.submissions or found.status in ("under_review", "warning_under_review"):
        return "An answer was submitted already, perhaps in the provider's dashboard. There is no second one."
    if found.status not in ANSWERABLE:
        return _decided(found.status)
    if found.due_by is None or found.past_due or found.due_by <= now:
        return _no_time(found.due_by)
    return ""


def _claim(now: datetime) -> EvidencePack | None:
    with transaction.atomic(durable=True):
        due = EvidencePack.objects.filter(state__in=DUE, due_at__lte=now).exclude(leased_until__gt=now)
        found = due.order_by("due_at", "pk").select_for_update(skip_locked=True).first()
        if found is not None:
            EvidencePack.objects.filter(pk=found.pk).update(leased_until=now + LEASE, tries=F("tries") + 1)
            return EvidencePack.objects.select_related("dispute__order").get(pk=found.pk)
        return None


def _go_on(pack: EvidencePack, now: datetime) -> None:
    try:
        found = gateway.retrieve_dispute(pack.dispute.provider_id)
        if why := unanswerable(found, now):
            _end(pack, found, why, now)
        elif pack.state == S.SUBMITTING:
            # The provider was just asked: nothing has arrived there, so another key sends nothing twice.
            sent = gateway.submit_evidence(found.id, key=f"evidence:{pack.pk}:submit:{pack.tries}")
            _submitted(pack, sent, now)
        else:
            _build_and_stage(pack, found, now)
    except GatewayUnavailable as away:
        pause = min(PAUSE * 2 ** min(pack.tries - 1, 7), LONGEST_PAUSE)
        _note(pack, due_at=now + pause, leased_until=None, explained=f"The provider does not answer: {away.why}."[:300])
    except GatewayRefused as refused:
        _hold(pack, f"The provider refused it: {refused.message}")


def _build_and_stage(pack: EvidencePack, found: DisputeView, now: datetime) -> None:
    if pack.state == S.DUE and not _build(pack, found):
        return
    for file in pack.files.filter(provider_id="").only("pk", "name", "sha256", "content"):
        key = f"evidence-file:{pack.pk}:{file.pk}:{file.sha256[:16]}:{pack.tries}"
        uploaded = gateway.upload_evidence(file.name, bytes(file.content), key=key)
        EvidenceFile.objects.filter(pk=file.pk, sha256=file.sha256).update(provider_id=uploaded)
    facts = evidence_facts.collect(pack.dispute)
    files = dict(pack.files.values_list("field", "provider_id"))
    evidence: dict[str, Any] = {**pack.texts, **files}
    if pack.priors:
        evidence["enhanced_evidence"] = compelling.as_evidence(facts, compelling.from_json(pack.priors))
    gateway.stage_evidence(found.id, evidence, key=f"evidence:{pack.pk}:{pack.leased_until:%Y%m%d%H%M%S%f}")
    if _note(pack, state=S.STAGED, staged_at=now, leased_until=None, explained="", tries=0):
        journal.record(_subject(pack), "evidence_staged", actor=journal.WORKER, data={"dispute": found.id})


def _build(pack: EvidencePack, found: DisputeView) -> bool:
    """Texts, list and papers into the row; False when they do not fit and a person must shorten them."""
    facts = evidence_facts.collect(pack.dispute)
    priors = compelling.find(facts) if compelling.is_wanted(found) else []
    texts = evidence_texts.write(facts, pack.own_words)
    checklist = evidence_texts.checklist(facts, pack.own_words)
    if compelling.is_wanted(found):
        checklist.append(("Two earlier undisputed charges (Visa Compelling Evidence 3.0)", bool(priors)))
    made = evidence_files.papers(facts)
    own = pack.files.filter(field=OWN_FILE).first()
    sizes = [(len(paper.content), paper.pages) for paper in made] + ([(own.size, own.pages)] if own else [])
    counted = texts | ({"": json.dumps(compelling.as_evidence(facts, priors))} if priors else {})
    why = evidence_texts.too_long(counted) or evidence_files.too_big(sizes)
    with transaction.atomic(durable=True):
        pack.files.exclude(field__in=[OWN_FILE, *(paper.field for paper in made)]).delete()
        for paper in made:
            _keep(pack, paper)
        pack.texts, pack.priors, pack.checklist = texts, [_as_json(prior) for prior in priors], checklist
        state = S.HELD if why else S.BUILT
        kept = {"texts": pack.texts, "priors": pack.priors, "checklist": checklist, "state": state}
        return _note(pack, **kept, explained=why, **({"leased_until": None} if why else {})) and not why


def _keep(pack: EvidencePack, paper: Paper) -> None:
    """The same bytes stay what the provider has; others take their place."""
    file = EvidenceFile.objects.filter(pack=pack, field=paper.field).first()
    if file is not None and file.sha256 == paper.sha256:
        return
    values = {"name": paper.name, "content": paper.content, "sha256": paper.sha256, "pages": paper.pages}
    EvidenceFile.objects.update_or_create(pack=pack, field=paper.field, defaults=values | {"provider_id": ""})


def _own_paper(pack: EvidencePack, name: str, content: bytes) -> Paper:
    if not content.startswith(FILE_STARTS):
        raise CannotAnswer("The file must be a PDF, a PNG or a JPEG.")
    paper = Paper(OWN_FILE, name[-80:], content)
    others = pack.files.exclude(field=OWN_FILE)
    try:
        why = evidence_files.too_big([(len(content), paper.pages), *((each.size, each.pages) for each in others)])
    except PyPdfError as error:
        raise CannotAnswer("This PDF cannot be read. Save it anew and try again.") from error
    if why:
        raise CannotAnswer(why)
    return paper


def _end(pack: EvidencePack, found: DisputeView, why: str, now: datetime) -> None:
    if pack.state == S.SUBMITTING and (found.submissions or "under_review" in found.status):
        _submitted(pack, found, now)  # by us: the reply was lost
        return
    if _note(pack, state=S.OVER, explained=why, leased_until=None):
        journal.record(_subject(pack), "evidence_not_wanted", actor=journal.WORKER, why=why)


def _submitted(pack: EvidencePack, found: DisputeView, now: datetime) -> None:
    with transaction.atomic(durable=True):
        if _note(pack, state=S.SUBMITTED, submitted_at=now, leased_until=None, explained=""):
            data = {"dispute": found.id, "pressed_by": pack.submitted_by}
            journal.record(_subject(pack), "evidence_submitted", actor=journal.WORKER, data=data)


def _hold(pack: EvidencePack, why: str) -> None:
    if _note(pack, state=S.HELD, explained=why[:300], leased_until=None):
        journal.record(_subject(pack), "evidence_held", actor=journal.WORKER, why=why)


def _note(pack: EvidencePack, **changes: Any) -> bool:
    """Write what became of it, unless the lease went to somebody else or a person changed the answer meanwhile."""
    ours = EvidencePack.objects.filter(pk=pack.pk, leased_until=pack.leased_until)
    if not ours.update(**changes):
        return False
    for name in ("state", "leased_until"):
        setattr(pack, name, changes.get(name, getattr(pack, name)))
    return True


def _locked(pack_id: int) -> EvidencePack:
    found = EvidencePack.objects.select_for_update(of=("self",)).select_related("dispute__order")
    return found.get(pk=pack_id)


def _changeable(pack_id: int) -> EvidencePack:
    pack = _locked(pack_id)
    if pack.state not in CHANGEABLE:
        raise CannotAnswer(pack.explained or f"It cannot be changed: {pack.get_state_display().lower()}.")
    return pack


def _change(pack: EvidencePack, **changes: Any) -> None:
    EvidencePack.objects.filter(pk=pack.pk).update(**changes)


def _from_the_start(now: datetime) -> Mapping[str, Any]:
    return {"state": S.DUE, "due_at": now, "leased_until": None, "tries": 0, "explained": ""}


def _as_json(prior: compelling.Prior) -> dict[str, Any]:
    return asdict(prior) | {"paid_on": prior.paid_on.isoformat()}


def _subject(pack: EvidencePack) -> str:
    return pack.dispute.order.subject


def _decided(status: str) -> str:
    return f"The bank has decided: {status.replace('_', ' ')}."


def _no_time(due_by: datetime | None) -> str:
    if due_by is None:
        return "The bank takes no answer to this dispute: it has set no time for one."
    return "The time to answer is over."
