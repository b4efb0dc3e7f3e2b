"""What a text promises changes by a version alone, never by the shop's profile."""

import json
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module

import pytest
from django.db import connection
from django.test import Client

from merchant.models import StoreProfile
from merchant.store import current_store, forget_store
from policies import chain, queries
from policies.auditing import audit
from policies.diffs import headlines
from policies.errors import DraftChanged
from policies.models import Policy, PolicyVersion
from policies.outdated import outdated
from policies.publishing import fingerprint, new_draft, publish
from policies.queries import show
from policies.rendering import neutral, render
from policies.retiring import retire
from policies.tests.conftest import NOON, Publish
from policies.tests.tampering import tamper, without_triggers
from policies.variables import of_shop

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)
WORDS = "Send it back to {{ postal_address }} within {{ return_days }} days."


@pytest.fixture
def shop() -> Iterator[StoreProfile]:
    yield StoreProfile.objects.create(pk=1, name="Shop", return_days=30, postal_address="1 High Street")
    forget_store()


def says_now(shop: StoreProfile, **changes: object) -> None:
    StoreProfile.objects.filter(pk=shop.pk).update(**changes)
    shop.refresh_from_db()
    forget_store()
    queries.forget()


def test_the_profile_changes_and_the_promise_does_not(
    shop: StoreProfile, returns: Policy, publish_text: Publish, client: Client
) -> None:
    version = publish_text(returns, WORDS)
    shown = show(version)
    assert "1 High Street within 30 days" in shown.html
    says_now(shop, return_days=7, postal_address="2 High Street")
    assert show(version) == shown
    [again] = queries.applicable(["shop"], now=NOON, values=of_shop(current_store()))
    assert (again.sha256, again.summary) == (shown.sha256, shown.summary)
    assert "within 30 days" in client.get("/policies/returns/v1/").content.decode()
    version.refresh_from_db()
    assert neutral(version, "{{ return_days }}, {{ drop }}") == "30, the drop"
    assert render(version, {"return_days": 7, "postal_address": "x"}).values == {
        "return_days": "30",
        "postal_address": "1 High Street",
    }


def test_another_version_brings_it_to_fans_and_says_so(
    shop: StoreProfile, returns: Policy, publish_text: Publish
) -> None:
    first = publish_text(returns, WORDS)
    says_now(shop, return_days=7)
    draft = new_draft(returns, "staff:owner")
    assert "30 → 7" in headlines(first, draft)[0]
    second = publish_text(returns, WORDS)
    assert "within 7 days" in show(second).html
    assert "30 → 7" in headlines(first, second)[0]


def test_what_was_filled_in_is_sealed(shop: StoreProfile, returns: Policy, publish_text: Publish) -> None:
    version = publish_text(returns, WORDS)
    chain.seal(NOON)
    assert audit(NOON).problems == []
    assert json.loads(json.dumps(version.fixed)) == {"return_days": "30", "postal_address": "1 High Street"}
    change = """UPDATE policies_policyversion SET shop_values = '{"return_days": "7"}'"""
    assert tamper(change, "policies_policyversion")[0] == (
        f"Link 1: version returns/v1 (row {version.pk}) was altered after it was sealed."
    )


def test_a_reviewer_approves_what_they_read(shop: StoreProfile, returns: Policy, publish_text: Publish) -> None:
    draft = new_draft(returns, "staff:owner")
    draft.source = draft.summary = "Within {{ return_days }} days."
    draft.save()
    read = fingerprint(draft)
    says_now(shop, tagline="New.")
    assert fingerprint(draft) == read
    says_now(shop, return_days=7)
    with pytest.raises(DraftChanged):
        publish(draft, by="staff:owner", now=NOON, reviewed=read)


def test_the_texts_that_say_otherwise_than_the_profile(
    shop: StoreProfile, returns: Policy, publish_text: Publish
) -> None:
    publish_text(returns, "Within {{ return_days }} days, replaced.")
    version = publish_text(returns, WORDS)
    assert outdated(shop, NOON) == []
    says_now(shop, return_days=7)
    [found] = outdated(shop, NOON)
    assert found.version == version
    assert found.words == (
        "“Returns”, version 2, goes on saying “30” for {{ return_days }}; the shop's profile says “7”."
    )
    assert found.fix == f"/admin/policies/policy/{returns.pk}/change/"
    says_now(shop, return_days=None)
    assert outdated(shop, NOON)[0].words.endswith("says “nothing”.")
    retire(returns, why="It is over.", by="staff:owner", now=NOON)
    assert outdated(shop, NOON + DAY) == []


def test_what_was_public_before_keeps_what_the_profile_says_on_that_day(
    shop: StoreProfile, returns: Policy, publish_text: Publish
) -> None:
    with without_triggers("policies_policyversion") as cursor:
        version = publish_text(returns, WORDS)
        cursor.execute("UPDATE policies_policyversion SET shop_values = NULL, seals_values = false")
    version.refresh_from_db()
    old = render(version, {"return_days": 60, "postal_address": "an older one"})
    chain.seal(NOON)
    with connection.cursor() as cursor:
        cursor.execute(import_module("policies.migrations.0013_shop_values_fixed").FIX_WHAT_IS_PUBLIC)
    says_now(shop, return_days=7)
    version = PolicyVersion.objects.get()
    assert "within 30 days" in show(version).html
    assert "within 60 days" in old.html
    assert audit(NOON).problems == []
    with pytest.raises(Exception, match="Cannot update"):
        PolicyVersion.objects.update(shop_values=None)
