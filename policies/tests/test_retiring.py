"""A promise ends: from a time on, with a reason, for good; and what was promised before stays what it was."""

import json
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from merchant.clock import now as clock_now
from merchant.models import JournalEntry, StoreProfile
from policies import acceptance, chain, meanwhile
from policies.auditing import audit
from policies.errors import NotPublishable, PolicyChanged, Retired
from policies.life import Life, life_of
from policies.models import Acceptance, Policy, PolicyVersion
from policies.publishing import fingerprint, new_draft, publish
from policies.queries import applicable, in_force, standing_scopes
from policies.retiring import retire
from policies.reviewing import approve
from policies.tests.conftest import NOON, Publish

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
WHY = "We take nothing back any more: all is made to order."


def shown_at(at: datetime, language: str = "en") -> list[str]:
    return [policy.id for policy in applicable(["shop"], now=at, values={}, language=language)]


def test_ends_at_its_instant_in_every_language(returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 days.")
    publish_text(returns, "30 Tage.", language="de")
    end = retire(returns, why=WHY, by="staff:owner", now=NOON, effective_at=NOON + DAY)
    before = NOON + DAY - timedelta(microseconds=1)
    assert (shown_at(before), shown_at(before, "de")) == (["returns/v1"], ["returns/v2"])
    assert (shown_at(NOON + DAY), shown_at(NOON + DAY, "de")) == ([], [])
    assert in_force(returns, before) == PolicyVersion.objects.get(number=1)
    assert in_force(returns, NOON + DAY) is None
    assert standing_scopes("returns", before) == [frozenset({"shop"})]
    assert standing_scopes("returns", NOON + DAY) == []
    assert life_of(end, NOON) == Life.SCHEDULED
    assert [life_of(each, NOON + DAY) for each in PolicyVersion.objects.order_by("number")] == [
        Life.SUPERSEDED,
        Life.SUPERSEDED,
        Life.RETIRED,
    ]


def test_needs_a_reason_and_something_public(returns: Policy, publish_text: Publish) -> None:
    with pytest.raises(NotPublishable, match="nothing to retire"):
        retire(returns, why=WHY, by="staff:owner", now=NOON)
    publish_text(returns, "30 days.")
    with pytest.raises(NotPublishable, match="why it ends"):
        retire(returns, why="  ", by="staff:owner", now=NOON)
    assert PolicyVersion.objects.count() == 1
    retire(returns, why=WHY, by="staff:owner", now=NOON)
    entry = JournalEntry.objects.filter(subject="policy:returns", verb="retirement_asked").get()
    assert (entry.why, entry.actor) == (WHY, "staff:owner")


def test_never_before_what_is_announced_and_never_without_notice(returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 days.")
    publish_text(returns, "30 Tage.", language="de", effective_at=NOON + 2 * DAY)
    with pytest.raises(NotPublishable, match="Version 2 takes effect later"):
        retire(returns, why=WHY, by="staff:owner", now=NOON)
    StoreProfile.objects.update_or_create(pk=1, defaults={"notice_days": 14})
    with pytest.raises(NotPublishable, match="announced first"):
        retire(returns, why=WHY, by="staff:owner", now=NOON, effective_at=NOON + 3 * DAY)
    assert retire(returns, why=WHY, by="staff:owner", now=NOON).effective_at == NOON + 14 * DAY


def test_nothing_follows(returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 days.")
    open_draft = new_draft(returns, "staff:owner")
    PolicyVersion.objects.filter(pk=open_draft.pk).update(source="14 days.", change_summary="Shorter.")
    retire(returns, why=WHY, by="staff:owner", now=NOON)
    with pytest.raises(NotPublishable, match="retired by version 3"):
        publish(open_draft, by="staff:owner", now=NOON)
    with pytest.raises(Retired):
        new_draft(returns, "staff:owner")
    with pytest.raises(Retired):
        retire(returns, why=WHY, by="staff:owner", now=NOON)


def test_a_second_person_decides_where_the_shop_wants_one(returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 days.")
    StoreProfile.objects.update_or_create(pk=1, defaults={"second_person_approves": True})
    draft = retire(returns, why=WHY, by="staff:editor", now=NOON)
    assert life_of(draft, NOON) == Life.IN_REVIEW
    assert shown_at(NOON + DAY) == ["returns/v1"]
    with pytest.raises(NotPublishable, match="waits to be decided"):
        retire(returns, why=WHY, by="staff:other", now=NOON)
    draft = approve(draft, by="staff:reviewer", now=NOON, reviewed=fingerprint(draft))
    publish(draft, by="staff:reviewer", now=NOON)
    assert shown_at(NOON + DAY) == []


def test_what_was_accepted_stays_and_is_sealed_with_the_end(returns: Policy, accepted: str) -> None:
    chain.seal(NOON)
    retire(returns, why=WHY, by="staff:owner", now=NOON)
    assert chain.seal(NOON) == 2  # the version, and its rendering
    assert audit(NOON).problems == []
    said = Acceptance.objects.get(order_ref=accepted)
    assert (said.rendering.version.ref, acceptance.holds(said)) == ("returns/v1", True)


def test_a_promise_that_ends_under_a_fan_is_a_change(returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 days.", now=clock_now() - DAY)
    shown = applicable(["shop"], now=clock_now(), values={})
    answers = [acceptance.Answer(policy.id, policy.sha256, accepted=None) for policy in shown]
    assert acceptance.check([], answers) == []  # another address: it only does not apply
    end = retire(returns, why=WHY, by="staff:owner", now=clock_now())
    with pytest.raises(PolicyChanged):
        acceptance.check([], answers)
    assert acceptance.check([], []) == []
    assert [(entry.version, entry.headline, entry.pieces) for entry in meanwhile.since(answers, [])] == [(end, WHY, ())]


def test_the_public_pages_say_so(client: Client, returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 days.", now=clock_now() - DAY)
    retire(returns, why=WHY, by="staff:owner", now=clock_now())
    own = client.get("/policies/returns/").content.decode()
    assert "This policy was retired on" in own
    assert WHY in own
    assert "The last version, kept for whoever bought under it." in client.get("/policies/returns/v1/").content.decode()
    assert "retired on" in client.get("/policies/").content.decode()
    changes = client.get("/policies/changelog/").content.decode()
    assert WHY in changes
    assert "· Retired" in " ".join(changes.split())
    assert "Returns, version 2 (retired)" in client.get("/policies/changelog.atom").content.decode()
    newest = json.loads(client.get("/policies/changelog.json").content)["entries"][0]
    assert (newest["id"], newest["retires"], newest["change_summary"]) == ("returns/v2", True, WHY)


def test_one_that_is_announced_says_until_when(client: Client, returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 days.", now=clock_now() - DAY)
    retire(returns, why=WHY, by="staff:owner", now=clock_now(), effective_at=clock_now() + DAY)
    assert "ends this policy on" in " ".join(client.get("/policies/returns/").content.decode().split())
    assert "This policy is retired on" in client.get("/policies/returns/v2/").content.decode()
    assert "ends on" in " ".join(client.get("/policies/").content.decode().split())


def test_the_desk_retires_with_a_reason(admin_client: Client, returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 days.", now=clock_now() - DAY)
    page = reverse("admin:policies_policy_retire_policy", args=[returns.pk])
    form = {"_form_submitted": "on", "why": "", "effective_at_0": "", "effective_at_1": ""}
    assert "This field is required." in admin_client.post(page, form).content.decode()
    assert not returns.versions.filter(retires=True).exists()
    answer = admin_client.post(page, form | {"why": WHY})
    end = returns.versions.get(retires=True)
    assert answer["HX-Redirect"] == reverse("admin:policies_policyversion_change", args=[end.pk])
    desk = admin_client.get(reverse("admin:policies_policy_change", args=[returns.pk])).content.decode()
    assert "Ended" in desk
    assert WHY in desk
    assert admin_client.get(reverse("admin:policies_policyversion_change", args=[end.pk])).status_code == 200
