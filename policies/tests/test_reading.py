"""The words of a rendered text without its markup."""

from policies.reading import Block, blocks, in_plain

PAGE = (
    '<article class="prose"><h2>Returns</h2>\n<p>Within <strong>30</strong> days,<br>free &amp; easy.</p>\n'
    "<ul>\n<li>unworn</li>\n<li>with its tag</li>\n</ul>\n"
    "<table><tr><th>Country</th><th>Days</th></tr><tr><td>Germany</td><td>30</td></tr></table></article>\n"
)


def test_headings_paragraphs_items_and_rows_are_blocks_without_markup() -> None:
    assert blocks(PAGE) == [
        Block("heading", "Returns"),
        Block("para", "Within 30 days, free & easy."),
        Block("item", "unworn"),
        Block("item", "with its tag"),
        Block("para", "Country Days"),
        Block("para", "Germany 30"),
    ]


def test_as_one_text_the_items_of_a_list_stay_together() -> None:
    assert in_plain(PAGE) == (
        "Returns\n\nWithin 30 days, free & easy.\n\n• unworn\n• with its tag\n\nCountry Days\n\nGermany 30"
    )
