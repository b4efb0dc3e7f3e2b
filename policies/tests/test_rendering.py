import hashlib
import re
from datetime import date

import pytest
from django.db import IntegrityError

from policies.errors import NotPublishable, NotPublished, UnknownVariable
from policies.models import Policy, PolicyVersion, Rendering
from policies.publishing import new_draft, publish
from policies.queries import applicable
from policies.rendering import VARIABLES, neutral, render, to_html, variables
from policies.tests.conftest import NOON, Publish
from policies.tests.racing import TWINS, race


def draft_of(source: str) -> PolicyVersion:
    return PolicyVersion(policy=Policy(slug="returns"), number=3, source=source)


def html_of(source: str, **values: str) -> str:
    return to_html(draft_of(source), values)


def test_bytes_name_their_version() -> None:
    assert html_of("30 **days**.") == (
        '<article class="prose" id="policy-returns-v3" lang="en">\n<p>30 <strong>days</strong>.</p>\n</article>\n'
    )


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        '<img src=x onerror="alert(1)">',
        '<p onclick="alert(1)">text</p>',
        "[link](javascript:alert(1))",
        "[link](JaVaScRiPt:alert(1))",
        "<javascript:alert(1)>",
        "[link](data:text/html;base64,PHNjcmlwdD4=)",
        "![picture](https://elsewhere.example/pixel.gif)",
        "<iframe src='https://elsewhere.example'></iframe>",
        '<a href="https://x.example" style="position:fixed">text</a>',
    ],
)
def test_nothing_that_acts_survives(attack: str) -> None:
    html = html_of(attack)
    for acting in ("<script", "<img", "<iframe", "<p on", "<a style", 'href="j', 'href="J', 'href="d'):
        assert acting not in html


def test_a_value_is_text_never_markup() -> None:
    html = html_of("Ships on {{ ship_date }}.", ship_date="<b>12</b> [December](https://x.example) *2026*")
    assert "Ships on &lt;b&gt;12&lt;/b&gt; [December](https://x.example) *2026*." in html


def test_links_lead_out_safely_and_headings_leave_the_first_level_to_the_page() -> None:
    html = html_of("# Returns\n\n[carrier](https://carrier.example)")
    assert "<h2>Returns</h2>" in html
    assert '<a href="https://carrier.example" rel="noopener noreferrer">carrier</a>' in html


def test_tables_stay() -> None:
    assert "<td>30 days</td>" in html_of("| What | How long |\n|---|---|\n| Robes | 30 days |")


def test_variables_are_named_once_in_order() -> None:
    assert variables("{{ ship_date }} {{shop}} {{  ship_date }}") == ["ship_date", "shop"]


def test_refuses_a_variable_without_a_value() -> None:
    with pytest.raises(UnknownVariable) as refusal:
        html_of("Ships on {{ ship_day }}.", **VARIABLES)
    assert refusal.value.name == "ship_day"


@pytest.mark.django_db
def test_the_same_bytes_are_stored_once_under_their_digest(returns: Policy, publish_text: Publish) -> None:
    version = publish_text(returns, "Ships on {{ ship_date }}.")
    first = render(version, {"ship_date": "12 December 2026", "shop": "unused"})
    again = render(version, {"ship_date": "12 December 2026", "shop": "another"})
    other = render(version, {"ship_date": "13 December 2026"})
    assert first == again
    assert first.values == {"ship_date": "12 December 2026"}
    assert first.sha256 == hashlib.sha256(first.html.encode()).hexdigest()
    assert other.sha256 != first.sha256


@pytest.mark.django_db
def test_equal_words_of_two_versions_are_two_renderings(returns: Policy, publish_text: Publish) -> None:
    first, second = publish_text(returns, "30 days."), publish_text(returns, "30 days.")
    assert render(first, {}).sha256 != render(second, {}).sha256


@pytest.mark.django_db
def test_a_draft_cannot_become_evidence(returns: Policy) -> None:
    with pytest.raises(NotPublished):
        render(new_draft(returns, "staff:owner"), {})


@pytest.mark.django_db(transaction=True)
def test_twins_without_the_guard_collide(returns: Policy, publish_text: Publish) -> None:
    version = publish_text(returns, "Ships on {{ ship_date }}.")
    outcomes = race(lambda: insert_unguarded(version))
    assert sorted(outcomes) == ["collided"] * (TWINS - 1) + ["stored"]


@pytest.mark.django_db(transaction=True)
def test_twins_share_one_rendering(returns: Policy, publish_text: Publish) -> None:
    version = publish_text(returns, "Ships on {{ ship_date }}.")
    before = Rendering.objects.count()
    outcomes = race(lambda: render(version, {"ship_date": "12 December 2026"}).sha256)
    assert len(outcomes) == TWINS
    assert len(set(outcomes)) == 1
    assert Rendering.objects.count() == before + 1


def insert_unguarded(version: PolicyVersion) -> str:
    try:
        Rendering.objects.create(version=version, html="the same", sha256=hashlib.sha256(b"the same").hexdigest())
    except IntegrityError:
        return "collided"
    return "stored"


@pytest.mark.django_db
def test_the_one_sentence_and_the_box_are_filled_in_too(returns: Policy) -> None:
    draft = new_draft(returns, "staff:owner")
    draft.summary, draft.source = "Leaves on {{ ship_date }}.", "It leaves on {{ ship_date }}, or earlier."
    draft.box_wording = "I know it leaves on {{ship_date}}."
    draft.save()
    version = publish(draft, by="staff:owner", now=NOON)
    [shown] = applicable(["shop"], now=NOON, values={"ship_date": date(2026, 12, 12)})
    assert shown.summary == "Leaves on 12 December 2026."
    assert shown.box_wording == "I know it leaves on 12 December 2026."
    assert neutral(version, version.summary) == "Leaves on the ship date shown with the drop."


@pytest.mark.django_db
def test_the_short_words_say_nothing_that_the_whole_does_not(returns: Policy) -> None:
    draft = new_draft(returns, "staff:owner")
    draft.summary, draft.source = "Leaves on {{ ship_date }}.", "Soon."
    draft.save()
    with pytest.raises(NotPublishable, match=r"The whole text says \{\{ ship_date \}\} too"):
        publish(draft, by="staff:owner", now=NOON)


@pytest.mark.django_db
def test_a_date_is_written_in_the_language_of_the_text(returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "Ab {{ ship_date }}.", language="de")
    [shown] = applicable(["shop"], now=NOON, values={"ship_date": date(2026, 12, 12)}, language="de")
    assert "Ab 12. Dezember 2026." in shown.html


VECTORS = [
    "<svg/onload=alert(1)>",
    "<math><mtext></table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<a href='jav&#x09;ascript:alert(1)'>x</a>",
    "[x](vbscript:msgbox)",
    "[x](  javascript:alert(1))",
    "[x](javascript&colon;alert(1))",
    "![x](x 'onerror=alert(1)')",
    "<details open ontoggle=alert(1)>",
    "`<script>alert(1)</script>`",
    '"><script>alert(1)</script>',
    "<form action=https://x.example><button>go</button></form>",
    "<base href=https://x.example/>",
    "<meta http-equiv=refresh content=0>",
    "<link rel=stylesheet href=//x.example>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<object data=javascript:alert(1)>",
    "{{ constructor }}",
    "javascript:alert(1)",
    'https://x.example/" onmouseover=alert(1) x="',
]
ALLOWED = re.compile(
    r"</?(?:article|h[2-6]|p|ul|ol|li|blockquote|hr|br|pre|code|em|strong|a|table|thead|tbody|tr|th|td)"
    r"(?: (?:href|title|rel|start|class|id|lang)=\"[^\"<>]*\")* ?/?>"
)


@pytest.mark.parametrize("vector", VECTORS)
def test_neither_text_nor_value_brings_anything_executable(vector: str) -> None:
    """Everything that looks like a tag is one of ours with attributes of ours, and no link leads to a script."""
    as_text = html_of(vector.replace("{{ constructor }}", "x"))
    as_value = html_of("Before {{ ship_date }} after, [{{ ship_date }}](https://x.example).", ship_date=vector)
    for html in (as_text, as_value):
        assert "<" not in ALLOWED.sub("", html), html
        assert not re.search(r"href=\"(?!https?:|mailto:|tel:|[/#])", html), html
