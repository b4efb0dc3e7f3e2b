from hypothesis import given, strategies

from policies.diffs import Piece, apply, clauses, edits, rows, said, words


def test_shows_words_that_went_and_came() -> None:
    assert words("Send it back within 30 days.", "Send it back within 14 days.") == (
        Piece("same", "Send it back within "),
        Piece("del", "30"),
        Piece("ins", "14"),
        Piece("same", " days."),
    )


def test_a_date_is_one_change_and_not_three() -> None:
    assert words("Sent on 17 December 2026.", "Sent on 15 February 2027.") == (
        Piece("same", "Sent on "),
        Piece("del", "17 December 2026"),
        Piece("ins", "15 February 2027"),
        Piece("same", "."),
    )


def test_keeps_the_paragraph_of_a_change_and_leaves_out_the_others() -> None:
    long = " ".join(f"word{n}" for n in range(200))
    pieces = words(f"{long}\n\nFor 30 days.\n\n{long}", f"{long}\n\nFor 14 days.\n\n{long}")
    assert pieces == (
        Piece("gap"),
        Piece("same", "For "),
        Piece("del", "30"),
        Piece("ins", "14"),
        Piece("same", " days."),
        Piece("gap"),
    )


def test_equal_texts_have_no_change() -> None:
    assert {piece.kind for piece in words("The same.", "The same.")} == {"same"}


def test_a_long_text_that_was_rewritten_is_shown_as_gone_and_come() -> None:
    """Word by word it took a minute, on a page that anybody may open."""
    old = ". ".join(f"old{n} and so on" for n in range(600))
    new = ". ".join(f"new{n} and so on" for n in range(600))
    assert words(old, new) == (Piece("del", old), Piece("ins", new))


def test_words_are_looked_for_in_the_clauses_that_changed_alone() -> None:
    long = "".join(f"Clause {n} says what it says.\n\n" for n in range(1000))
    assert words(f"{long}For 30 days.", f"{long}For 14 days.") == (
        Piece("gap"),
        Piece("same", "For "),
        Piece("del", "30"),
        Piece("ins", "14"),
        Piece("same", " days."),
    )


SHORT = strategies.lists(strategies.sampled_from(["a", "b", " ", "\n", "30", "."]), max_size=30).map("".join)


@given(SHORT, SHORT)
def test_the_pieces_give_both_texts_again(old: str, new: str) -> None:
    pieces = words(old, new)
    assert "".join(piece.text for piece in pieces if piece.kind != "del") == new
    assert "".join(piece.text for piece in pieces if piece.kind != "ins").split() == old.split()


LETTERS = strategies.text(alphabet="ab30 .!?\n-#*→é", max_size=60)


@given(LETTERS)
def test_clauses_lose_nothing(text: str) -> None:
    assert "".join(clauses(text)) == text


@given(LETTERS, LETTERS)
def test_applying_the_difference_gives_the_new_text(old: str, new: str) -> None:
    assert apply(old, edits(old, new)) == new


@given(LETTERS, LETTERS)
def test_the_rows_give_both_texts_again(old: str, new: str) -> None:
    found = rows(old, new)
    assert "".join(piece.text for row in found for piece in row.old) == old
    assert "".join(piece.text for row in found for piece in row.new) == new


def test_a_changed_clause_stands_beside_what_it_was() -> None:
    old = "Send it back within 30 days. Keep the receipt."
    new = "Send it back within 14 days. Keep the receipt. Write to us first."
    kinds = [row.kind for row in rows(old, new)]
    assert kinds == ["changed", "same", "added"]
    first = rows(old, new)[0]
    assert [piece.text for piece in first.old if piece.kind == "del"] == ["30"]
    assert [piece.text for piece in first.new if piece.kind == "ins"] == ["14"]


def test_clauses_that_are_not_alike_stand_alone() -> None:
    kinds = [row.kind for row in rows("Dogs may come in.\n", "Prices include tax.\n")]
    assert kinds == ["removed", "added"]


def test_a_short_change_is_said() -> None:
    assert said("Returns are open for a window of 30 days.", "Returns are open for a window of 14 days.") == (
        "of 30 → 14 days",
    )
    assert said("Postage is on us.", "Postage is on you.") == ("on us → you",)
    assert said("You have **30 days** for it.", "You have **14 days** for it.") == ("30 → 14 days",)
    assert said("Send it back, postage is ours.", "Send it back; postage is ours.") == ()


def test_a_long_change_is_no_headline() -> None:
    assert said("One two three four five six.", "Seven eight nine ten eleven twelve.") == ()
