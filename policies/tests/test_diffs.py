from hypothesis import given, strategies

from policies.diffs import Piece, words


def test_shows_words_that_went_and_came() -> None:
    assert words("Send it back within 30 days.", "Send it back within 14 days.") == (
        Piece("same", "Send it back within "),
        Piece("del", "30"),
        Piece("ins", "14"),
        Piece("same", " days."),
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


SHORT = strategies.lists(strategies.sampled_from(["a", "b", " ", "\n", "30", "."]), max_size=30).map("".join)


@given(SHORT, SHORT)
def test_the_pieces_give_both_texts_again(old: str, new: str) -> None:
    pieces = words(old, new)
    assert "".join(piece.text for piece in pieces if piece.kind != "del") == new
    assert "".join(piece.text for piece in pieces if piece.kind != "ins").split() == old.split()
