"""What outsiders check without us: a file of the chain, whole or not, or no such file at all."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from hypothesis import given, settings, strategies as st

from policies import verify_chain
from policies.exporting import lines
from policies.models import Seal

FIRST = json.dumps({"number": 0, "format": verify_chain.FORMAT})


@pytest.mark.django_db(transaction=True)
def test_what_is_exported_can_be_checked_by_anybody(
    sealed: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "chain.jsonl"
    call_command("verify_policies", export=file)
    assert "Whole." in capsys.readouterr().out
    script = [sys.executable, "-I", "-S", verify_chain.__file__]  # nothing but the standard library
    head = Seal.objects.get(number=2).hash
    told = subprocess.run([*script, str(file), "--head", head], capture_output=True, text=True, check=True).stdout
    assert (
        told
        == f"Whole: 3 links over 7 rows, 2 texts and 5 other rows hashed, head {Seal.objects.get(number=3).hash}.\n"
    )
    file.write_text(file.read_text().replace("within 30 days", "within 39 days"))
    broken = subprocess.run([*script, str(file)], capture_output=True, text=True, check=False)
    assert broken.returncode == 1
    assert broken.stdout.startswith("BROKEN. link 1: the words of returns/v1 were altered. Before it: 0 links")
    nothing = subprocess.run([*script, str(tmp_path / "none")], capture_output=True, text=True, check=False)
    assert (nothing.returncode, nothing.stderr) == (2, "")


@pytest.mark.django_db(transaction=True)
def test_the_file_names_nobody(sealed: None) -> None:
    everything = "".join(lines(everything=True))
    assert "FR-1" in everything
    for personal in ("203.0.113.7", "A browser", "example.com", "email_hmac", "staff:"):
        assert personal not in everything
    assert "FR-1" not in "".join(lines())


# --- any file ---------------------------------------------------------------------------------------------------------

WORDS = st.dictionaries(st.text(max_size=5), st.text(max_size=8), max_size=3)


@st.composite
def chains(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Whole chains of up to four links of up to three rows."""
    links: list[dict[str, Any]] = []
    previous = verify_chain.START
    for number, said in enumerate(draw(st.lists(st.lists(WORDS, min_size=1, max_size=3), min_size=1, max_size=4)), 1):
        rows = [
            {"name": f"row {place}", "leaf": verify_chain.digest(one), "said": one}
            for place, one in enumerate(each | {"id": f"row {place}"} for place, each in enumerate(said))
        ]
        link = {
            "number": number,
            "previous": previous,
            "kind": "versions",
            "count": len(rows),
            "leaves": verify_chain.leaves_digest(b"".join(bytes.fromhex(str(row["leaf"])) for row in rows)),
            "sealed_at": "2026-11-20T12:00:00+00:00",
        }
        link["hash"] = previous = verify_chain.link_hash(link)
        links.append(link | {"rows": rows})
    return links


def told(links: Sequence[Any]) -> str | None:
    return verify_chain.verify([FIRST, *map(json.dumps, links)])[1]


@given(chains())
def test_a_whole_chain_is_whole(links: list[dict[str, Any]]) -> None:
    assert told(links) is None


@settings(max_examples=200)
@given(chains(), st.data())
def test_whatever_is_altered_is_named_at_its_link(links: list[dict[str, Any]], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(links) - 1))
    link = links[place]
    deeds = ["said", "name", "leaf", "swap", "drop row", "drop rows", "drop link", *verify_chain.LINK, "hash"]
    match data.draw(st.sampled_from(deeds)):
        case "said":
            link["rows"][0]["said"] = {"other": "words"} | {"n": "1"}
            altered = verify_chain.digest(link["rows"][0]["said"]) != link["rows"][0]["leaf"]
        case "name":
            link["rows"][0]["name"] = "terms/v9"
            altered = True
        case "drop rows":
            del link["rows"]
            altered = True
        case "leaf":
            link["rows"][-1]["leaf"] = "0" * 64
            altered = True
        case "swap":
            before = [row["leaf"] for row in link["rows"]]
            link["rows"].reverse()
            altered = before != before[::-1]
        case "drop row":
            link["rows"].pop()
            altered = True
        case "drop link":
            del links[place]
            # The last one is missed by a published head alone; nothing at all is no chain.
            altered = place < len(links) or not links
        case name:
            link[name] = 99 if isinstance(link[name], int) else f"{link[name]}x"
            altered = True
    problem = told(links)
    assert (problem is not None) == altered
    if problem and links:
        assert problem.startswith(f"link {place + 1}:")


# --- no such file -----------------------------------------------------------------------------------------------------


@pytest.fixture
def public(sealed: None) -> list[dict[str, Any]]:
    """The links as anybody gets them."""
    return [json.loads(line) for line in lines()][1:]


@pytest.mark.django_db(transaction=True)
def test_what_anybody_gets_has_every_text(public: list[dict[str, Any]]) -> None:
    read, problem = verify_chain.verify(lines())
    assert problem is None
    assert read == f"3 links over 7 rows, 2 texts hashed, head {public[-1]['hash']}"
    assert [[row["name"] for row in link.get("rows", [])] for link in public] == [["returns/v1", "returns/v2"], [], []]


@pytest.mark.django_db(transaction=True)
def test_texts_that_are_left_out_are_missed(public: list[dict[str, Any]]) -> None:
    del public[0]["rows"]
    assert told(public) == "link 1: its texts are left out"


@pytest.mark.django_db(transaction=True)
def test_a_text_under_another_name_is_noticed(public: list[dict[str, Any]]) -> None:
    public[0]["rows"][1]["name"] = "terms/v9"
    assert told(public) == "link 1: a row is named terms/v9 and says that it is returns/v2"


@pytest.mark.parametrize("file", [[], [FIRST]])
def test_nothing_is_no_chain(file: list[str]) -> None:
    assert verify_chain.verify(file)[1] == "there is no link in it"


@pytest.mark.parametrize(
    "line",
    [
        *("", "\n", "5", "null", "nonsense", '{"number": 1}', "[" * 100_000, b"\xff\xfe", '{"number": 1e999}'),
        *(json.dumps({"number": number, "format": 2}) for number in (0, 1)),
        json.dumps(
            {"number": True, "previous": "", "kind": "versions", "count": 1, "leaves": "", "sealed_at": "", "hash": ""}
        ),
        json.dumps(
            {"number": 1, "previous": "", "kind": [], "count": 1, "leaves": "", "sealed_at": "", "hash": "", "rows": 5}
        ),
    ],
)
def test_a_line_that_is_no_link_is_named(line: str | bytes) -> None:
    assert verify_chain.verify([FIRST, line])[1] == "link 1: its line is not that of a link"


@given(
    st.lists(
        st.recursive(
            st.none() | st.integers() | st.text(),
            lambda each: (
                st.lists(each)
                | st.dictionaries(st.sampled_from([*verify_chain.LINK, "hash", "rows", "said", "leaf", "name"]), each)
            ),
        ),
        max_size=3,
    )
)
def test_no_json_at_all_breaks_the_script(links: list[Any]) -> None:
    assert told(links) is not None


def test_a_kind_of_later_is_not_passed_over_in_silence() -> None:
    link = {"number": 1, "previous": verify_chain.START, "kind": "songs", "count": 0, "leaves": "", "sealed_at": ""}
    assert told([link | {"hash": verify_chain.link_hash(link)}]) == "link 1: nobody here knows its kind, 'songs'"


def test_a_file_of_another_format_is_refused() -> None:
    other = json.dumps({"number": 0, "format": verify_chain.FORMAT + 1})
    words = "this script reads files of format 2: use the one that came with the file"
    assert verify_chain.verify([other])[1] == words


@pytest.mark.django_db(transaction=True)
def test_the_script_of_before_refuses_what_it_cannot_judge(sealed: None) -> None:
    """It took the first object with a number for link 1."""
    first = json.loads(next(lines()))
    assert first["number"] == 0
    _, without_a_format = verify_chain.verify(list(lines())[1:])
    assert without_a_format == "this script reads files of format 2: use the one that came with the file"
