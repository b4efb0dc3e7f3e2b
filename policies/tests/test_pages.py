import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import feedparser
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from merchant.clock import now as clock
from merchant.store import current_store
from policies import chain
from policies.feed import authority
from policies.models import Policy, PolicyVersion, TaggingAuthority
from policies.publishing import new_draft, publish
from policies.queries import show
from policies.retiring import retire
from policies.tests.conftest import Publish
from policies.tests.racing import race

pytestmark = pytest.mark.django_db
LAST_WEEK = datetime.now(UTC) - timedelta(days=7)
YESTERDAY = LAST_WEEK + timedelta(days=6)
NEXT_WEEK = LAST_WEEK + timedelta(days=14)
ATOM = {"a": "http://www.w3.org/2005/Atom"}


@pytest.fixture
def three(returns: Policy, publish_text: Publish) -> list[PolicyVersion]:
    """An earlier version, the one in force, and one announced."""
    return [
        publish_text(returns, "Send it back within 30 days.", now=LAST_WEEK),
        publish_text(returns, "Send it back within 14 days.", now=YESTERDAY, box_wording="I have read it."),
        publish_text(returns, "Send it back within 60 days.", now=YESTERDAY, effective_at=NEXT_WEEK),
    ]


def text_of(client: Client, address: str, *, status: int = 200) -> str:
    response = client.get(address)
    assert response.status_code == status
    return response.content.decode()


def test_the_index_shows_what_stands(client: Client, three: list[PolicyVersion]) -> None:
    page = text_of(client, "/policies/")
    assert "In short: Send it back within 14 days." in page
    assert "changes on" in page
    assert "30 days" not in page


def test_the_index_knows_a_shop_without_promises(client: Client) -> None:
    assert "Nothing is published yet." in text_of(client, "/policies/")


def test_a_policys_page_is_the_text_in_force(client: Client, three: list[PolicyVersion]) -> None:
    page = text_of(client, "/policies/returns/")
    assert "Send it back within 14 days.</p>" in page
    assert "I have read it." in page
    assert "takes over on" in page
    assert show(three[1]).sha256 in page
    assert "<del>30</del><ins>14</ins>" in page


def test_an_earlier_version_keeps_its_page(client: Client, three: list[PolicyVersion]) -> None:
    page = text_of(client, "/policies/returns/v1/")
    assert "Send it back within 30 days.</p>" in page
    assert "It was replaced on" in page
    assert 'content="noindex"' in page


def test_an_announced_version_says_when(client: Client, three: list[PolicyVersion]) -> None:
    page = text_of(client, "/policies/returns/v3/")
    assert "This version takes effect on" in page


def test_a_draft_is_not_counted_among_the_public_versions(
    client: Client, returns: Policy, publish_text: Publish
) -> None:
    publish_text(returns, "Send it back.", now=LAST_WEEK)
    assert "<dd> 1 </dd>" in " ".join(text_of(client, "/policies/returns/").split())
    new_draft(returns, "staff:owner", language="de")
    publish_text(returns, "Send it back soon.", now=YESTERDAY)
    assert '<dd> 3 · <a href="#versions">2 public versions</a> </dd>' in " ".join(
        text_of(client, "/policies/returns/").split()
    )


def test_a_translation_in_force_is_linked_from_the_policys_page(
    client: Client, returns: Policy, publish_text: Publish
) -> None:
    publish_text(returns, "Send it back within 30 days.", now=LAST_WEEK)
    assert "Also in" not in text_of(client, "/policies/returns/")
    german = publish_text(returns, "Binnen 30 Tagen.", now=LAST_WEEK, language="de")
    publish_text(returns, "Em 30 dias.", now=LAST_WEEK, effective_at=NEXT_WEEK, language="pt-br")
    page = text_of(client, "/policies/returns/")
    assert '<a href="/policies/returns/v2/" hreflang="de" lang="de">Deutsch</a>' in page
    assert "Português" not in page.partition('id="versions"')[0], "not in force yet"
    there = text_of(client, german.get_absolute_url())
    assert '<a href="/policies/returns/v1/" hreflang="en" lang="en">English</a>' in there
    assert '<p class="subtitle" lang="de">' in there


def test_a_policy_that_ended_links_no_translation(client: Client, returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "Send it back within 30 days.", now=LAST_WEEK)
    publish_text(returns, "Binnen 30 Tagen.", now=LAST_WEEK, language="de")
    retire(returns, why="No more returns.", by="staff:owner", now=clock())
    assert "Also in" not in text_of(client, "/policies/returns/")
    assert "Also in" not in text_of(client, "/policies/returns/v2/")


@pytest.mark.parametrize("address", ["/policies/returns/v2/", "/policies/nothing/", "/policies/returns/v9/"])
def test_drafts_and_nothing_are_not_found(client: Client, returns: Policy, publish_text: Publish, address: str) -> None:
    publish_text(returns, "30 days.")
    new_draft(returns, "staff:owner")
    text_of(client, address, status=404)


def test_a_policy_with_a_draft_alone_is_not_found(client: Client, returns: Policy) -> None:
    new_draft(returns, "staff:owner")
    text_of(client, "/policies/returns/", status=404)


def test_the_changelog_shows_each_word_newest_first(client: Client, three: list[PolicyVersion]) -> None:
    page = text_of(client, "/policies/changelog/")
    assert page.index("Returns, version 3") < page.index("Returns, version 2") < page.index("Returns, version 1")
    assert "<del>14</del><ins>60</ins>" in page
    assert "Takes effect" in page


def test_a_strangers_page_number_is_forgiven(client: Client, three: list[PolicyVersion]) -> None:
    assert "Returns, version 3" in text_of(client, "/policies/changelog/?page=nonsense")


def test_words_of_the_merchant_are_escaped_in_diffs(client: Client, returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "Plain.", now=LAST_WEEK)
    publish_text(returns, "<script>alert(1)</script>", now=YESTERDAY)
    assert "<script>alert" not in text_of(client, "/policies/changelog/")


def ids_of_the_feed(client: Client) -> list[str | None]:
    """The feed's own, then its entries'."""
    response = client.get("/policies/changelog.atom")
    assert response["Content-Type"] == "application/atom+xml; charset=utf-8"
    feed = ET.fromstring(response.content)  # noqa: S314  # our own feed
    entries = [entry.findtext("a:id", namespaces=ATOM) for entry in feed.findall("a:entry", ATOM)]
    return [feed.findtext("a:id", namespaces=ATOM), *entries]


def test_the_feed_is_atom_with_ids_that_outlive_an_address(
    client: Client, three: list[PolicyVersion], settings: Any
) -> None:
    settings.PUBLIC_URL = "https://old.example:8443"
    first = ids_of_the_feed(client)
    day = TaggingAuthority.objects.get().day
    names = ("policies", "returns/v3", "returns/v2", "returns/v1")
    assert first == [f"tag:old.example,{day:%Y-%m-%d}:{name}" for name in names]
    settings.PUBLIC_URL = "https://new.example"
    authority.cache_clear()  # another process, on another day
    assert ids_of_the_feed(client) == first


@pytest.mark.django_db(transaction=True)
def test_all_who_read_the_feed_first_read_the_same_ids() -> None:
    assert len(set(race(authority.__wrapped__))) == 1
    assert TaggingAuthority.objects.count() == 1


def test_an_empty_feed_is_a_feed(client: Client) -> None:
    assert client.get("/policies/changelog.atom").status_code == 200


def test_machines_can_verify_every_text(client: Client, three: list[PolicyVersion]) -> None:
    said = json.loads(text_of(client, "/policies/changelog.json"))
    assert [entry["id"] for entry in said["entries"]] == ["returns/v3", "returns/v2", "returns/v1"]
    for entry in said["entries"]:
        assert entry["sha256"] == hashlib.sha256(entry["text"].encode()).hexdigest()
    assert said["entries"][0]["url"].endswith("/policies/returns/v3/")


def test_a_fingerprint_leads_to_its_text(client: Client, three: list[PolicyVersion]) -> None:
    digest = show(three[0]).sha256
    page = text_of(client, reverse("policies:verify", args=[digest.upper()]))
    assert "it is the same" in page
    assert "Returns, version 1" in page


def test_the_exact_bytes_give_the_fingerprint_again(client: Client, three: list[PolicyVersion]) -> None:
    digest = show(three[0]).sha256
    response = client.get(reverse("policies:exact-bytes", args=[digest]))
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert hashlib.sha256(response.content).hexdigest() == digest


def test_an_unknown_fingerprint_is_said_to_be_unknown(client: Client) -> None:
    assert "We do not know this fingerprint" in text_of(client, f"/policies/verify/{'0' * 64}/", status=404)


@pytest.mark.parametrize(
    ("address", "queries"),
    [("/policies/", 1), ("/policies/returns/", 2), ("/policies/changelog/", 4), ("/policies/changelog.json", 2)],
)
def test_pages_cost_the_same_whatever_their_length(
    client: Client, returns: Policy, publish_text: Publish, address: str, queries: int
) -> None:
    for day in range(5):
        publish_text(returns, f"{day + 10} days.", now=LAST_WEEK + timedelta(days=day))
    current_store()
    with CaptureQueriesContext(connection) as queried:
        text_of(client, address)
    assert len(queried) == queries


def test_no_page_has_inline_styles_or_scripts(client: Client, three: list[PolicyVersion]) -> None:
    for address in ("/policies/", "/policies/returns/", "/policies/changelog/"):
        page = text_of(client, address)
        assert " style=" not in page
        assert "<script>" not in page


def test_any_two_versions_stand_side_by_side(client: Client, three: list[PolicyVersion]) -> None:
    page = text_of(client, "/policies/returns/compare/1/3/")
    assert "30 → 60 days" in page
    assert "<del>30</del>" in page
    assert "<ins>60</ins>" in page
    assert '<th scope="row">' in page
    assert "<del>30</del><ins>60</ins>" in text_of(client, "/policies/returns/compare/1/3/?as=inline")
    text_of(client, "/policies/returns/compare/1/9/", status=404)
    text_of(client, f"/policies/returns/compare/1/{10**30}/", status=404)


def test_drafts_are_not_compared(client: Client, returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 days.")
    new_draft(returns, "staff:owner")
    text_of(client, "/policies/returns/compare/1/2/", status=404)


def test_the_feed_is_valid_and_says_what_changed_and_where_the_chain_is(
    client: Client, three: list[PolicyVersion]
) -> None:
    chain.seal(YESTERDAY)
    feed = feedparser.parse(client.get("/policies/changelog.atom").content)
    assert feed.bozo == 0, feed.get("bozo_exception")
    assert feed.version == "atom10"
    newest = feed.entries[0]
    assert newest.title == "Returns, version 3"
    assert "14 → 60 days" in newest.summary
    assert [tag.term for tag in newest.tags] == ["returns", "material"]
    head = chain.head()
    assert head is not None
    assert feed.feed.chain_head == {"number": "2", "sealed": head.sealed_at.isoformat()}
    assert head.hash in client.get("/policies/changelog.atom").content.decode()
    assert json.loads(text_of(client, "/policies/changelog.json"))["chain"]["hash"] == head.hash


@pytest.mark.parametrize("address", ["/policies/changelog.atom", "/policies/changelog.json"])
def test_who_has_it_already_hears_304(client: Client, three: list[PolicyVersion], address: str) -> None:
    etag = client.get(address)["ETag"]
    again = client.get(address, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    new = new_draft(three[0].policy, "staff:owner")
    new.source, new.change_summary = "90 days.", "Longer."
    new.save()
    publish(new, by="staff:owner", now=NEXT_WEEK, effective_at=NEXT_WEEK)
    assert client.get(address, headers={"If-None-Match": etag}).status_code == 200


def test_the_chain_is_public_and_checks_with_the_public_script(client: Client, three: list[PolicyVersion]) -> None:
    chain.seal(YESTERDAY)
    lines = text_of(client, "/policies/chain.jsonl").splitlines()
    script: dict[str, Any] = {"__name__": "downloaded"}
    exec(text_of(client, "/policies/verify_chain.py"), script)  # noqa: S102  # our own script, as anybody runs it
    assert script["verify"](lines) == (
        f"2 links over 6 rows, 3 texts hashed, head {json.loads(lines[-1])['hash']}",
        None,
    )
    assert "Send it back within 30 days." in lines[1]
    assert text_of(client, "/policies/chain.jsonl?after=2") == ""
    assert text_of(client, "/policies/chain.jsonl?after=1").splitlines() == lines[2:]
    assert text_of(client, "/policies/chain.jsonl?after=nonsense").splitlines() == lines
