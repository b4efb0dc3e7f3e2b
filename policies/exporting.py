"""The chain as lines of JSON, for whoever wants to check it without us."""

import json
from collections.abc import Iterator
from typing import Any

from policies.chain import as_link
from policies.models import Seal
from policies.sealed import words_of
from policies.verify_chain import FORMAT, PUBLIC, name_of

MOST_LINKS = 500  # a public answer; the script asks for the next ones


def lines(*, after: int = 0, most: int | None = None, everything: bool = False) -> Iterator[str]:
    """The format, then each link with the words of its versions.

    With ``everything`` also those of rules, renderings and acceptances, which hold no personal data.
    """
    if after == 0:
        yield json.dumps({"number": 0, "format": FORMAT}) + "\n"
    links = Seal.objects.filter(number__gt=after).order_by("number")
    for link in (links[:most] if most else links).iterator(chunk_size=20):
        told = as_link(link)
        if everything or link.kind in PUBLIC:
            told["rows"] = list(_rows(link))
        yield json.dumps(told) + "\n"


def _rows(link: Seal) -> Iterator[dict[str, Any]]:
    found = words_of(link.kind, link.rows)
    leaves = bytes(link.leaves)
    for place, pk in enumerate(link.rows):
        said: Any = found[pk][0] if pk in found else {}
        yield {"name": name_of(said) or f"row {pk}", "leaf": leaves[32 * place : 32 * place + 32].hex(), "said": said}
