"""The diff: a tree of what is wrong."""

from __future__ import annotations

import json
import re

import pytest
from helpers.answers import HOSTILE, field, made_up, scored
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_edgejson.report.diff.render import render_diff
from pytest_edgejson.values.text import columns

ITEM = {"text": "tea", "price": 2.5, "count": 3, "unit": "kg"}
BILL = {
    "number": "B-1",
    "date": "2024-01-05",
    "buyer": {"name": "Ada", "city": "Paris", "phone": "555-1234"},
    "lines": [ITEM, {**ITEM, "text": "ink", "price": 7.25, "count": 41}, {**ITEM, "text": "cake", "price": 99}],
    "tags": ["red", "green", "blue"],
    "total": 38.5,
}


def changed(**changes):
    return json.loads(json.dumps(BILL)) | changes


def diff(answer, expected=BILL, **options):
    made = scored(expected, answer)
    assert made["value"] is not None
    return render_diff(made, **options).splitlines()


def test_a_field_is_a_line_with_its_values_in_columns():
    assert diff(changed(number="B-7", total="38.5", tags=["red", "grey", "blue"])) == [
        '  number   hallucinated  "B-1" → "B-7"',
        '  tags[1]  hallucinated  "green" → "grey"',
        '  total    wrong type    38.5 → "38.5"',
        "  … 18 other fields right",
    ]


def test_nothing_wrong_shows_nothing():
    assert diff(BILL) == []


def test_an_object_with_several_wrong_fields_is_a_heading():
    answer = changed(buyer={"name": "Eve", "city": "Paris", "vat": 7, "phone": None})
    answer["lines"][1] |= {"price": 555.5, "count": 777}
    assert diff(answer) == [
        "  buyer  (1 of 3 right)",
        '    name   hallucinated  "Ada" → "Eve"',
        '    phone  wrong type    "555-1234" → null',
        "    vat    hallucinated  7",
        "  lines[1]  (2 of 4 right)",
        "    price  hallucinated  7.25 → 555.5",
        "    count  hallucinated  41 → 777",
        "  … 14 other fields right",
    ]


def test_one_wrong_field_of_an_object_is_one_line_with_its_path():
    answer = changed()
    answer["lines"][2]["price"] = 9.9
    assert diff(answer) == ["  lines[2].price  hallucinated  99 → 9.9", "  … 20 other fields right"]


def test_what_is_missing_or_extra_as_a_whole_is_one_line():
    answer = changed(lines=BILL["lines"][:1], notes={"a": "Ada", "b": "Paris"})
    del answer["buyer"], answer["tags"]
    assert diff(answer) == [
        '  buyer       missing  3 fields: name "Ada", city "Paris", phone "555-1234"',
        '  lines[1-2]  missing  2 items, 8 fields: text "ink", price 7.25, count 41, uni…',
        '  tags        missing  3 items: "red", "green", "blue"',
        '  notes       extra    2 fields: a "Ada", b "Paris"',
        "  … 7 other fields right",
    ]


def test_verbose_folds_nothing():
    answer = changed(lines=BILL["lines"][:2])
    assert diff(answer, verbose=True) == [
        "  lines[2]  (none of 4 right)",
        '    text   missing  "cake"',
        "    price  missing  99",
        "    count  missing  3",
        '    unit   missing  "kg"',
        "  … 17 other fields right",
    ]


def test_items_are_those_that_the_scorer_matched():
    lines = BILL["lines"]
    answer = changed(lines=[{**lines[1], "price": 555.5, "count": 777}, {**lines[2], "text": "pie"}])
    assert diff(answer) == [
        '  lines[0]  missing       4 fields: text "tea", price 2.5, count 3, unit "kg"',
        "  lines[1]  (got as [0], 2 of 4 right)",
        "    price   hallucinated  7.25 → 555.5",
        "    count   hallucinated  41 → 777",
        "  lines[2]  (got as [1], 3 of 4 right)",
        '    text    hallucinated  "cake" → "pie"',
        "  … 9 other fields right",
    ]


def test_another_order_shows_scalars_themselves_and_positions_of_objects():
    answer = changed(lines=[*BILL["lines"][1:], BILL["lines"][0]], tags=["blue", "red", "green"])
    assert diff(answer) == [
        "  lines  other order  items [0, 1, 2] → [2, 0, 1]",
        '  tags   other order  ["red", "green", "blue"] → ["blue", "red", "green"]',
        "  … 21 other fields right",
    ]


def test_a_renamed_field_names_both():
    answer = changed(grand_total=38.5)
    del answer["total"]
    assert diff(answer) == ["  total  renamed  to grand_total", "  … 20 other fields right"]


def test_a_renamed_object_is_one_line():
    answer = changed(customer=BILL["buyer"])
    del answer["buyer"]
    assert diff(answer)[0] == "  buyer  renamed  3 fields to customer: name, city, phone"


def test_what_stands_in_another_place_says_where():
    inner = {"outer": BILL["buyer"], "n": 1}
    assert diff(BILL["buyer"], inner)[0] == "  outer  moved    3 fields to the root: name, city, phone"


def test_another_type_of_container_is_one_line():
    assert diff(changed(buyer="Ada", lines={"text": "tea", "price": 2.5}))[:2] == [
        '  buyer  wrong type  {3 fields} → "Ada"',
        "  lines  wrong type  [3 items] → {2 fields}",
    ]
    assert diff(changed(total={"net": 1, "gross": 2}))[0] == "  total  wrong type  38.5 → {2 fields}"


def test_a_detail_stands_beside_the_kind():
    made = made_up(fields=[field("a", "near", expected="A b", got="a b") | {"detail": "case"}])
    assert render_diff(made).startswith('  a  near: case  "A b" → "a b"')


def test_strings_that_look_alike_are_told_apart():
    assert diff({"name": "Jose\u0301"}, {"name": "José"})[-2:] == ['      - "Jos\\u00e9"', '      + "Jose\\u0301"']
    assert diff({"name": "Аda"}, {"name": "Ada"}) == [
        "  name  near: look-alike",
        "      U+0041 LATIN CAPITAL LETTER A → U+0410 CYRILLIC CAPITAL LETTER A:",
        '      - "Ada"',
        '      + "\\u0410da"',
    ]


LONG = "Coach government arrive cost, follow despite guy note sound number list. Local nice"


def test_long_strings_show_the_words_that_differ():
    made = made_up(fields=[field("text", expected=LONG, got=LONG.replace("follow", "vice"))])
    assert render_diff(made, width=120).splitlines()[0] == (
        '  text  wrong  "… arrive cost, [-follow-]{+vice+} despite guy note sound …"'
    )
    assert render_diff(made, width=60).splitlines()[0] == '  text  wrong  "… cost, [-follow-]{+vice+} …"'
    made = made_up(fields=[field("k" * 40, expected=LONG, got=LONG.replace("follow", "vice"))])
    assert render_diff(made, width=60).splitlines()[:2] == [
        f"  {'k' * 40}  wrong",
        '      "… arrive cost, [-follow-]{+vice+} despite guy note',
    ]


def test_values_that_do_not_fit_and_differ_throughout_stand_one_above_the_other():
    lines = diff({"note": "y" * 100}, {"note": "x" * 90}, width=60)
    assert lines == ["  note  hallucinated", '      - "' + "x" * 50 + "…", '      + "' + "y" * 50 + "…"]
    whole = diff({"note": "y" * 100}, {"note": "x" * 90}, width=60, verbose=True)
    assert "".join(whole).count("x") == 90
    assert "".join(whole).count("y") == 100


names = st.sampled_from(["a", "b", "long_name_of_a_field", "日本", "a b", HOSTILE])
scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["x", LONG, LONG + LONG, "山" * 50, HOSTILE])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=20
)
objects = st.dictionaries(names, values, min_size=1, max_size=4)


@given(objects, objects, st.sampled_from([60, 80, 120]), st.booleans())
def test_no_line_is_too_wide_or_acts_on_the_terminal(expected, got, width, verbose):
    made = scored(expected, got)
    for line in render_diff(made, width=width, verbose=verbose).splitlines():
        assert columns(line) <= width
        assert line.isprintable()


@given(objects, objects)
@example({"a": {"a": None, "b": {"a b": -1}}}, {"a": {}, "b": {"a": None, "b": None, "a b": -1}})
def test_every_finding_is_told_of(expected, got):
    made = scored(expected, got)
    text = render_diff(made)
    assert bool(text) is bool(made["fields"])
    assert "-vv" not in text or len(made["fields"]) > 60


def test_an_object_that_is_empty_because_a_part_of_it_moved() -> None:
    expected = {"a": {"a": None, "b": {"key": -1}}}
    text = render_diff(scored(expected, {"a": {}, "b": {"a": None, "b": None, "key": -1}}))
    assert [line.split() for line in text.splitlines()] == [
        ["a", "(none", "of", "2", "right)"],
        ["(itself)", "extra", "{}"],
        ["a", "missing", "null"],
        ["b.key", "moved", "to", "b.key"],
        ["b", "extra", "2", "fields:", "a", "null,", "b", "null"],
    ]


@given(objects, objects)
def test_colour_is_only_paint(expected, got):
    made = scored(expected, got)
    assert re.sub(r"\x1b\[\d+m", "", render_diff(made, color=True)) == render_diff(made)


def test_expected_values_are_red_and_given_ones_green():
    (line, _) = diff(changed(total=3.5), color=True)
    assert "\x1b[31m38.5\x1b[0m → \x1b[32m3.5\x1b[0m" in line


def test_many_findings_are_counted_rather_than_shown():
    made = made_up(fields=[field(f"f{number}", expected=1, got=2) for number in range(100)])
    lines = render_diff(made).splitlines()
    assert len(lines) == 61
    assert lines[-1] == "  … and 40 more, -vv shows them"
    assert len(render_diff(made, verbose=True).splitlines()) >= 100


@pytest.mark.slow
def test_a_million_findings_and_megabytes_are_a_screenful():
    count = 1_000_000
    many = made_up(fields=[field(f"a[{number}].b", expected=number, got=-number) for number in range(count)])
    assert len(render_diff(many)) < 10_000
    assert f"… and {count - 60:,} more" in render_diff(many)
    big = "long text " * 500_000
    text = render_diff(made_up(fields=[field("a", expected=big, got=big + "x"), field("b", "missing", expected=big)]))
    assert len(text.splitlines()) <= 4
    assert len(render_diff(made_up(fields=[field("a", expected=big, got="y")]), verbose=True)) < 50_000


@pytest.mark.parametrize(
    "fields",
    [
        [{"path": "a", "kind": "array_order", "got": "none"}],
        [{"path": "a", "kind": "missing"}, {"path": "a.b", "kind": "missing"}, {"path": "a.c", "kind": "missing"}],
        [{"path": "]][", "kind": "\x1b[2J", "got": 1, "detail": "\x1b"}],
        [{"path": "a" + ".a" * 10_000 + end, "kind": "missing", "expected": 1} for end in ("", ".b")],
        [{"path": "x[1]" * 90 + f"[{number}]", "kind": "extra", "got": number} for number in range(5)],
        [{"path": "a", "kind": "renamed", "got": 1}, {"path": "a", "kind": "renamed", "expected": 1}],
    ],
)
def test_findings_of_any_make_can_be_shown(fields):
    for verbose in (False, True):
        text = render_diff(made_up(fields=fields), verbose=verbose)
        assert text.replace("\n", "").isprintable()
        assert all(columns(line) <= 80 for line in text.splitlines())
