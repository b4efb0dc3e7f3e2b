#!/usr/bin/env python3
"""Checks a shop's published chain of policies. Needs Python 3.8 or newer and nothing else; trusts nobody.

    python3 verify_chain.py https://shop.example/policies/chain.jsonl
    python3 verify_chain.py chain.jsonl --head 3f9a…       # is a head that you noted earlier still in the chain?

The shop seals what it publishes and what buyers accepted into links. Each link names the one before it by its sha256,
so nothing that was sealed can be altered, left out or put in afterwards without every later link changing too. Texts
are in the file and are hashed anew here. Of acceptances, of the bytes that fans were shown and of the rules that orders
were judged by the public file holds one digest a link; a file that the shop exported for a dispute holds their rows,
without personal data.

Prints what it read and exits 0; names the first bad link and exits 1; exits 2 when there is nothing it can read.
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
FORMAT = 2  # said by the first line of a file; the first format had no such line, and cannot be mistaken for this one
KINDS = ("versions", "acceptances", "renderings", "rules")
PUBLIC = ("versions",)  # kinds whose words are in every file
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
    return None if link["kind"] in KINDS else f"nobody here knows its kind, {link['kind']!r}"


def problem_of_rows(link: dict[str, Any]) -> str | None:
    """What is wrong with the rows of a link. Those of texts are never left out: a digest alone shows nothing."""
    rows = link.get("rows")
    if rows is None:
        return "its texts are left out" if link["kind"] in PUBLIC else None
    if len(rows) != link["count"]:
        return f"it holds {len(rows)} rows and says {link['count']}"
    for row in rows:
        if digest(row["said"]) != row["leaf"]:
            return f"the words of {row['name']} were altered"
        if row["name"] != name_of(row["said"]):
            return f"a row is named {row['name']} and says that it is {name_of(row['said'])}"
    if leaves_digest(b"".join(bytes.fromhex(row["leaf"]) for row in rows)) != link["leaves"]:
        return "its rows are not those that were sealed"
    return None


def name_of(said: Any) -> str:
    """What the words of a row say that they are."""
    if isinstance(said, list):
        return f"acceptance of order {said[0]}" if said else ""
    return str(said.get("id", ""))


def read_line(line: str | bytes) -> dict[str, Any]:
    """One line of the file: a link, or the first line. Raises ValueError for anything else."""
    try:
        link = json.loads(line)
    except (ValueError, RecursionError):
        link = None
    if not isinstance(link, dict) or not (_is_first(link) or _is_link(link)):
        raise ValueError("its line is not that of a link")
    return link


def _is_first(link: dict[str, Any]) -> bool:
    return "format" in link


def _is_link(link: dict[str, Any]) -> bool:
    numbers = all(type(link.get(name)) is int for name in ("number", "count"))
    words = all(isinstance(link.get(name), str) for name in ("previous", "kind", "leaves", "sealed_at", "hash"))
    rows = link.get("rows")
    return numbers and words and (rows is None or (isinstance(rows, list) and all(map(_is_row, rows))))


def _is_row(row: Any) -> bool:
    if not isinstance(row, dict) or not isinstance(row.get("said"), (dict, list)):
        return False
    leaf = row.get("leaf")
    is_digest = isinstance(leaf, str) and len(leaf) == len(START) and set(leaf) <= set("0123456789abcdef")
    return is_digest and isinstance(row.get("name"), str)


class Reading:
    """What was read so far of a file, up to its first problem."""

    def __init__(self) -> None:
        self.links = self.rows = self.texts = self.others = 0
        self.head = START
        self.heads = {START}

    def problem(self, place: int, line: str | bytes) -> str | None:
        """Read one more line; what is wrong with it."""
        try:
            link = read_line(line)
        except ValueError as error:
            return f"link {self.links + 1}: {error}"
        if place == 0:
            known = link.get("format") == FORMAT
            return None if known else f"this script reads files of format {FORMAT}: use the one that came with the file"
        if _is_first(link):
            return f"link {self.links + 1}: its line is not that of a link"
        problem = problem_of(link, self.links + 1, self.head) or problem_of_rows(link)
        if problem:
            return f"link {self.links + 1}: {problem}"
        self._count(link)
        return None

    def _count(self, link: dict[str, Any]) -> None:
        self.links, self.head = link["number"], link["hash"]
        self.heads.add(self.head)
        self.rows += link["count"]
        hashed = len(link.get("rows") or ())
        if link["kind"] in PUBLIC:
            self.texts += hashed
        else:
            self.others += hashed

    def __str__(self) -> str:
        others = f" and {self.others} other rows" if self.others else ""
        return f"{self.links} links over {self.rows} rows, {self.texts} texts{others} hashed, head {self.head}"


def verify(lines: Iterable[str | bytes], head: str | None = None) -> tuple[str, str | None]:
    """Read a file line by line. Returns (what was read, None) or (what was read before, the first problem)."""
    read = Reading()
    for place, line in enumerate(lines):
        problem = read.problem(place, line)
        if problem:
            return str(read), problem
    if not read.links:
        return str(read), "there is no link in it"
    if head and head not in read.heads:
        return str(read), f"the head you noted, {head}, is not in this chain"
    return str(read), None


def _lines(source: str) -> Iterator[str | bytes]:
    if not source.startswith(("http://", "https://")):
        with open(source, "rb") as file:
            yield from file
        return
    after, more = 0, True
    while more:  # the shop gives so many links at a time
        with urllib.request.urlopen(f"{source}?after={after}", timeout=60) as answer:  # noqa: S310
            more = False
            for line in answer:
                yield line  # whoever reads it goes no further when it is none
                number = json.loads(line)["number"]
                after, more = max(after, number), more or number > after


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Checks a shop's published chain of policies.")
    parser.add_argument("source", help="a file, or the address of the shop's chain.jsonl")
    parser.add_argument("--head", help="a head noted earlier, which must still be in the chain")
    given = parser.parse_args(arguments)
    try:
        read, problem = verify(_lines(given.source), given.head)
    except OSError as error:
        print(f"Cannot read {given.source}: {error}")
        return 2
    print(f"BROKEN. {problem}. Before it: {read}." if problem else f"Whole: {read}.")
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
