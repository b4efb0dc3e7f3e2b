#!/usr/bin/env python3
"""Checks a shop's published chain of policies. Needs Python 3.8 or newer and nothing else; trusts nobody.

    python3 verify_chain.py https://shop.example/policies/chain.jsonl
    python3 verify_chain.py chain.jsonl --head 3f9a…       # is a head that you noted earlier still in the chain?

The shop seals what it publishes and what buyers accepted into links. Each link names the one before it by its sha256,
so nothing that was sealed can be altered, left out or put in afterwards without every later link changing too. Texts
are in the file and are hashed anew here; of acceptances the public file holds one digest a link, and a file that the
shop exported for a dispute holds their rows, without personal data.

Prints what it read and exits 0; names the first bad link and exits 1.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Any

START = "0" * 64  # what the first link names as the one before it
_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"))  # made once: a record has millions of rows
LINK = ("number", "previous", "kind", "count", "leaves", "sealed_at")


def canonical(value: Any) -> bytes:
    """The bytes that are hashed: JSON with sorted keys, no spaces, ASCII."""
    return _JSON.encode(value).encode()


def digest(value: Any) -> str:
    """The sha256 of a JSON value, in hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def link_hash(link: dict[str, Any]) -> str:
    """The name of a link: over its number, the one before it, and what it holds."""
    return digest({name: link[name] for name in LINK})


def leaves_digest(leaves: bytes) -> str:
    """What a link says of its rows: the sha256 over their 32-byte digests, one after the other."""
    return hashlib.sha256(leaves).hexdigest()


def problem_of(link: dict[str, Any], number: int, previous: str) -> str | None:
    """What is wrong with a link that should have this number and follow ``previous``; None when nothing is."""
    if link["number"] != number:
        return f"link {number} is missing"
    if link["previous"] != previous:
        return "it names another link before it than the one that is there"
    if link_hash(link) != link["hash"]:
        return "its hash is not that of its words"
    rows = link.get("rows")
    return None if rows is None else _problem_of_rows(link, rows)


def _problem_of_rows(link: dict[str, Any], rows: list[dict[str, Any]]) -> str | None:
    if len(rows) != link["count"]:
        return f"it holds {len(rows)} rows and says {link['count']}"
    for row in rows:
        if digest(row["said"]) != row["leaf"]:
            return f"the words of {row['name']} were altered"
    if leaves_digest(b"".join(bytes.fromhex(row["leaf"]) for row in rows)) != link["leaves"]:
        return "its rows are not those that were sealed"
    return None


def verify(lines: Iterable[str | bytes], head: str | None = None) -> tuple[str, str | None]:
    """Read links as JSON lines. Returns (what was read, None) or (what was read before, the first problem)."""
    number, previous, seen, rows = 0, START, {START}, 0
    for line in lines:
        link = json.loads(line)
        if "number" not in link:
            continue
        number += 1
        problem = problem_of(link, number, previous)
        if problem:
            return _read(number - 1, rows, previous), f"link {number}: {problem}"
        previous = link["hash"]
        seen.add(previous)
        rows += link["count"]
    if head and head not in seen:
        return _read(number, rows, previous), f"the head you noted, {head}, is not in this chain"
    return _read(number, rows, previous), None


def _read(links: int, rows: int, head: str) -> str:
    return f"{links} links over {rows} rows, head {head}"


def _lines(source: str) -> Iterator[str | bytes]:
    if not source.startswith(("http://", "https://")):
        with open(source, encoding="utf-8") as file:
            yield from file
        return
    after, more = 0, True
    while more:  # the shop gives so many links at a time
        with urllib.request.urlopen(f"{source}?after={after}", timeout=60) as answer:  # noqa: S310
            more = False
            for line in answer:
                link = json.loads(line)
                if "number" in link:
                    after, more = link["number"], True
                yield line


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Checks a shop's published chain of policies.")
    parser.add_argument("source", help="a file, or the address of the shop's chain.jsonl")
    parser.add_argument("--head", help="a head noted earlier, which must still be in the chain")
    given = parser.parse_args(arguments)
    read, problem = verify(_lines(given.source), given.head)
    print(f"BROKEN. {problem}. Before it: {read}." if problem else f"Whole: {read}.")
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
