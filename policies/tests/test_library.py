"""The texts that ship with the project, and what the lint says of texts."""

from dataclasses import replace

import pytest

from merchant.models import JournalEntry
from policies import scopes
from policies.library import JURISDICTIONS, start, templates
from policies.lint import LONGEST, Wording, contradictions, days, stumbles
from policies.models import Kind, Policy
from policies.rendering import VARIABLES, variables

NAMES = [each.name for each in templates()]


@pytest.mark.parametrize("template", templates(), ids=NAMES)
def test_each_is_whole_readable_and_fits_its_fields(template) -> None:  # type: ignore[no-untyped-def]
    assert scopes.PATTERN.fullmatch(template.scope)
    assert template.jurisdiction in JURISDICTIONS
    assert 0 < len(template.summary) <= 200 >= len(template.box)
    assert set(variables(template.source)) <= set(VARIABLES)
    assert set(variables(template.summary + template.box)) <= set(variables(template.source))
    wording = Wording(template.kind, template.title, template.summary, template.source, template.box)
    assert stumbles(wording) == []


def test_every_kind_has_one() -> None:
    assert {template.kind for template in templates()} == set(Kind)


@pytest.mark.django_db
def test_starting_from_one_fills_a_draft_of_a_new_policy() -> None:
    draft = start("withdrawal-eu", by="staff:editor")
    assert (draft.policy.slug, draft.policy.scope, draft.number) == ("right-of-withdrawal", "area:EEA", 1)
    assert draft.source.startswith("## Your right")
    assert JournalEntry.objects.filter(subject="policy:right-of-withdrawal", verb="named").count() == 1


@pytest.mark.django_db
def test_the_second_from_the_same_gets_an_address_of_its_own() -> None:
    slugs = [start("returns", by="staff:editor").policy.slug for _ in range(3)]
    assert slugs == ["returns", "returns-2", "returns-3"]
    assert Policy.objects.count() == 3


@pytest.mark.django_db
def test_an_unknown_one_is_refused() -> None:
    with pytest.raises(KeyError):
        start("../secrets", by="staff:editor")


# --- lint -------------------------------------------------------------------------------------------------------------


def wording(source: str = "Words.", summary: str = "Short.", kind: str = "returns", title: str = "Returns") -> Wording:
    return Wording(kind, title, summary, source)


def test_a_sentence_nobody_finishes() -> None:
    long = " ".join(["word"] * (LONGEST + 1)) + "."
    assert stumbles(wording(long)) == [
        f"Hard to follow: a sentence of {LONGEST + 1} words, “word word word word word word …”. Split it."
    ]
    assert stumbles(wording(" ".join(["word"] * LONGEST) + ".")) == []


def test_shouting() -> None:
    assert stumbles(wording("THIS IS ALL AT YOUR OWN RISK, ALWAYS.")) == ["Words in capitals are read less, not more."]


def test_short_words_that_promise_other_days() -> None:
    assert stumbles(wording("Within 14 days.", summary="30 days to send it back.")) == [
        "The short words say 30 days, the whole text 14 days."
    ]
    assert stumbles(wording("Within 14 days. Refund in 5 days.", summary="14 days.")) == []
    assert stumbles(wording("Within 14 days.", summary="30 days.", kind="shipping")) == []


def test_return_windows_that_contradict() -> None:
    texts = [wording(summary="30 days.", title="Returns"), wording(summary="{{ return_days }} days.", title="Ours")]
    assert contradictions(texts, {"return_days": 14}) == [
        "Return windows contradict each other: “Returns” says 30 days; “Ours” says 14 days."
    ]
    assert contradictions(texts, {"return_days": 30}) == []
    assert contradictions([*texts[:1], wording(summary="14 days.", kind="shipping")], {}) == []


def test_a_sentence_is_one_however_its_lines_are_wrapped() -> None:
    wrapped = "\n".join(" ".join(["word"] * 12) for _ in range(6)) + "."
    assert stumbles(wording(wrapped)) == [
        "Hard to follow: a sentence of 72 words, “word word word word word word …”. Split it."
    ]
    point = f"- {' '.join(['word'] * 30)}"
    assert stumbles(wording(f"# {' '.join(['word'] * 30)}\n{point}\n{point}\n1. {' '.join(['word'] * 30)}")) == []


def test_how_soon_money_comes_is_no_window() -> None:
    text = "Send it back within 14 days, and we refund within 30 days."
    assert stumbles(wording(text, summary="30 days to send it back.")) == [
        "The short words say 30 days, the whole text 14 days."
    ]
    assert stumbles(wording(text, summary="14 days to send it back.")) == []
    assert stumbles(wording("A refund when you return it within 14 days.", summary="14 days.")) == []


def test_whole_texts_that_contradict() -> None:
    texts = [wording("Send it back within 30 days.", title="Ours"), wording("Return it within fourteen days.")]
    assert contradictions(texts, {}) == [
        "Return windows contradict each other: “Ours” says 30 days; “Returns” says 14 days."
    ]
    refunds = [wording(f"We refund in {number} days.", kind="refunds", title=str(number)) for number in (5, 10)]
    assert contradictions([*refunds, texts[0]], {}) == [
        "Times of a refund contradict each other: “5” says 5 days; “10” says 10 days."
    ]


def test_what_is_sold_for_good_does_not_come_back() -> None:
    returns = wording("Send it back within 30 days.")
    final = Wording("final_sale", "Final sale", "Nothing comes back.", "Nothing comes back.")
    assert contradictions([returns, final], {}) == [
        "“Final sale” sells for good what “Returns” takes back for 30 days."
    ]
    assert contradictions([returns, replace(final, scope="tag:underwear")], {}) == []


def test_a_withdrawal_that_is_too_short() -> None:
    text = "You may withdraw within 7 days. We pay back within 14 days."
    said = "A right of withdrawal lasts 14 days at least in the European Economic Area, not 7."
    assert stumbles(wording(text, kind="cancellations")) == [said]
    assert stumbles(wording(text.replace("7", "14"), kind="cancellations")) == []
    assert stumbles(wording("Cancel within 3 days.", kind="cancellations")) == []


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("within 14 days", {14}),
        ("a 30-day window", {30}),
        ("14 calendar days or 2 weeks", {14}),
        ("innerhalb von 14 Tagen", {14}),
        ("€14 for 3 robes", set()),
        ("1.14 days", set()),
        ("thirty (30) days", {30}),
        ("30 (thirty) days", {30}),
        ("30 business days", {30}),
        ("4 weeks", {28}),
        ("Fourteen days", {14}),
        ("twenty-one days, not seventy two", {21}),
        ("within six\nweeks", {42}),
    ],
)
def test_days_are_found(words: str, found: set[int]) -> None:
    assert days(words, {}) == found
