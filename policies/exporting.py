"""The chain as lines of JSON, for whoever wants to check it without us."""

import json
from collections.abc import Iterator
from typing import Any

from policies.chain import ACCEPTANCE_COLUMNS, acceptance_words, as_link, version_words
from policies.models import Acceptance, PolicyVersion, Seal, SealKind

MOST_LINKS = 500  # a public answer; the script asks for the next ones


def lines(*, after: int = 0, most: int | None = None, acceptances: bool = False) -> Iterator[str]:
    """Each link with the words of its versions; with ``acceptances`` also their rows, which hold no personal data."""
    links = Seal.objects.filter(number__gt=after).order_by("number")
    for link in (links[:most] if most else links).iterator(chunk_size=20):
        told = as_link(link)
        if link.kind == SealKind.VERSIONS:
            told["rows"] = list(_versions(link))
        elif acceptances:
            told["rows"] = list(_acceptances(link))
        yield json.dumps(told) + "\n"


def _versions(link: Seal) -> Iterator[dict[str, Any]]:
    found = PolicyVersion.objects.select_related("policy").in_bulk(link.rows)
    for pk in link.rows:
        said = version_words(found[pk]) if pk in found else {}
        yield {"name": said.get("id", f"row {pk}"), "leaf": _leaf(link, pk), "said": said}


def _acceptances(link: Seal) -> Iterator[dict[str, Any]]:
    found = {row[0]: row for row in Acceptance.objects.filter(pk__in=link.rows).values_list(*ACCEPTANCE_COLUMNS)}
    for pk in link.rows:
        said = acceptance_words(found[pk]) if pk in found else []
        yield {"name": f"acceptance {pk}", "leaf": _leaf(link, pk), "said": said}


def _leaf(link: Seal, pk: int) -> str:
    place = link.rows.index(pk)
    return bytes(link.leaves)[32 * place : 32 * place + 32].hex()
