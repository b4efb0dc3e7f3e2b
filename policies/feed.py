"""The changelog as an Atom feed, for whoever wants to hear of every change."""

from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.syndication.views import Feed
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed

from merchant.clock import now
from merchant.store import current_store
from policies.chain import head
from policies.changelog import Entry, entries, newest_first
from policies.models import TaggingAuthority

NEWEST = 50


class ChainedAtom(Atom1Feed):
    """Atom with the head of the chain: who keeps the feed keeps a proof of everything before it."""

    def root_attributes(self) -> dict[str, str]:
        return {**super().root_attributes(), "xmlns:chain": f"{authority()}:policies/chain"}

    def add_root_elements(self, handler: Any) -> None:
        super().add_root_elements(handler)
        if last := head():
            about = {"number": str(last.number), "sealed": last.sealed_at.astimezone(UTC).isoformat()}
            handler.addQuickElement("chain:head", last.hash, about)


class ChangelogFeed(Feed):  # type: ignore[type-arg]  # generic for the type checker alone
    """The ids are tag: URIs (RFC 4151): an entry stays the same entry when the shop moves to another address."""

    feed_type = ChainedAtom

    def title(self) -> str:
        return f"{current_store().name}: policy changes"

    def subtitle(self) -> str:
        return "Every version of every policy, with what it changed."

    def link(self) -> str:
        return reverse("policies:changelog")

    def feed_url(self) -> str:
        return reverse("policies:feed")

    def feed_guid(self) -> str:
        return f"{authority()}:policies"

    def author_name(self) -> str:
        return current_store().name

    def items(self) -> list[Entry]:
        return entries(newest_first()[:NEWEST])

    def item_title(self, item: Entry) -> str:
        ends = " (retired)" if item.version.retires else ""
        return f"{item.version.policy.title}, version {item.version.number}{ends}"

    def item_description(self, item: Entry) -> str:
        """What changed and from when on, in HTML, with the words that came and went."""
        return render_to_string("policies/feed_entry.html", {"entry": item})

    def item_link(self, item: Entry) -> str:
        return item.version.get_absolute_url()

    def item_guid(self, item: Entry) -> str:
        return f"{authority()}:{item.version.ref}"

    def item_pubdate(self, item: Entry) -> datetime:
        return _published(item)

    def item_updateddate(self, item: Entry) -> datetime:
        return _published(item)

    def item_categories(self, item: Entry) -> list[str]:
        return [item.version.policy.kind, item.version.change_class]


def _published(item: Entry) -> datetime:
    if item.version.published_at is None:
        raise ValueError(f"{item.version.ref} is a draft.")
    return item.version.published_at


@cache  # one row that never changes, and each entry asks for it
def authority() -> str:
    """What all ids begin with: ``tag:shop.example,2026-11-20``. Derived from the shop's address once, then kept."""
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    return str(TaggingAuthority.objects.get_or_create(defaults={"host": host, "day": now().astimezone(UTC).date()})[0])
