from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_edgejson.scoring.kinds import DETAILS
from pytest_edgejson.scoring.near import near_detail
from pytest_edgejson.values.jsonvalue import equal


@pytest.mark.parametrize(
    ("expected", "got", "detail"),
    [
        (385.5, 385, "rounding"),
        (385.5, 386, "rounding"),
        (3.14159, 3.14, "rounding"),
        (3.14159, 3.1416, "rounding"),
        (99.999, 99.99, "rounding"),
        (33.3, 33.33, "rounding"),
        (12.34, 12.35, "rounding"),
        (0.3, 0.30000000000000004, "rounding"),
        (12.34, 12.36, None),
        (12.34, 12.29, None),
        (385.5, 384, None),
        (0.0825, 0.08, None),
        (12, 13, None),
        (10**18, 10**18 + 1, None),
        (1250.0, 1251.0, None),
        (-5.5, 5.5, None),
        (1e308, -1e308, None),
        (0, 1e-9, None),
        ("Mill Lane 4", "Mill  Lane 4\n", "whitespace"),
        ("Mill Lane", "MillLane", "whitespace"),
        ("Mill Lane 4", "mill lane 4", "case"),
        ("Straße", "STRASSE", "case"),
        ("Mill Lane, 4", "Mill Lane 4.", "punctuation"),
        ("555-1234", "(555) 1234", "punctuation"),
        ("5.2.3", "52.3", None),
        ("-5", "5", None),
        ("José", "Jose\u0301", "look-alike"),
        ("Anna", "\u0410nna", "look-alike"),
        ("Ann", "Ann\u200b", "look-alike"),
        ("AB12", "\uff21\uff2212", "look-alike"),
        ("O'Neil", "O\u2019Neil", "look-alike"),
        ("-5 °C", "\u22125 °C", "look-alike"),
        ("Mill Lane", "Mill\u00a0Lane", "look-alike"),
        ("10²", "102", None),
        ("1000", "1 000", "whitespace"),
        ("+1 (555) 123-4567", "+15551234567", "punctuation"),
        ("1 5", "15", None),
        ("5 mW", "5 MW", None),
        ("10 Mb", "10 MB", None),
        ("U.S.", "US", "punctuation"),
        ("e-mail", "email", "punctuation"),
        ('"Ada"', "Ada", "punctuation"),
        ("1,000", "1000", "punctuation"),
        ("2024-03-01", "1er mars 2024", "date form"),
        ("2024-03-01", "2024年3月1日", "date form"),
        ("03/04/2024", "04/03/2024", None),
        ("03/04/2024", "3/4/2024", "date form"),
        ("The fee is 5% in all of the shops.", "The fee is 5 in all of the shops.", None),
        ("Dogs are not allowed in the garden.", "Dogs are allowed in the garden.", None),
        ("It is possible to pay by card here.", "It is impossible to pay by card here.", None),
        ("Three boxes stand at the back door.", "Thirteen boxes stand at the back door.", None),
        ("p < 0.05 in the group of patients", "p > 0.05 in the group of patients", None),
        ("2005-07-03", "July 3, 2005", "date form"),
        ("2005-07-03", "Sunday, 3rd of July 2005", "date form"),
        ("2005-07-03", "07/03/2005", "date form"),
        ("2005-07-03", "03.07.2005", "date form"),
        ("2005-07-03", "2005-07-03T00:00:00", "date form"),
        ("2005-07-03T17:42:00", "Jul 3, 2005 at 5:42 PM", "date form"),
        ("2005-07-03T17:42:00+02:00", "2005-07-03T15:42:00Z", "date form"),
        ("2005-07-03T17:42:53.545351", "2005-07-03T17:42:53", "rounding"),
        ("2005-07-03T17:42:53", "2005-07-03T17:42:54", None),
        ("2005-07-03", "2005-03-07", None),
        ("2005-07-03", "July 2005", None),
        ("10", "10.10.2010", None),
        ("may", "2010-05-01", None),
        ("Zoë Müller", "Zoe Muller", "spelling"),
        ("Tobias Thompson", "Tobias Thomson", "spelling"),
        ("ada@example.org", "adaa@example.org", "spelling"),
        ("We deliver it from the store by noon.", "We deliver it from a store by noon.", "wording"),
        ("We deliver it to your door at noon.", "We deliver it to your door noon.", "wording"),
        ("9be578c7-81f6-41d4-a392-31a7d777a477", "9be578c7-81f6-41d4-a392-31a7d7777a477", None),
        ("Order AX-4501 of Monday was late", "Order AX-4507 of Monday was late", None),
        ("Help owner majority", "Help own", None),
        ("open", "done", None),
        ("", "x", None),
        (True, 1, None),
        ("1", 1, None),
        (None, "", None),
    ],
)
def test_what_is_near_and_what_is_not(expected, got, detail):
    assert near_detail(expected, got) == detail
    if not isinstance(expected, str):
        assert near_detail(got, expected) == detail


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *[
            ("1/2", "12"),
            ("3:1", "31"),
            ("v1.2", "v12"),
            ("1,5", "15"),
            ("10:30", "1030"),
            ("10-20", "1020"),
            ("1e-5", "1e5"),
            ("2^3", "23"),
        ],
        *[
            ("C#", "C"),
            ("C++", "C"),
            ("A+", "A"),
            ("A+", "A-"),
            ("B-", "B"),
            ("x*y", "xy"),
            ("a/b", "ab"),
            ("A&B", "AB"),
        ],
        *[
            ("-$5", "$5"),
            ("+5", "-5"),
            ("(5)", "5"),
            ("€50", "$50"),
            ("5%", "5"),
            ("~5", "5"),
            ("±5", "5"),
            ("— 5", "5"),
        ],
        *[
            ("<=5", ">=5"),
            ("x≠y", "x=y"),
            ("!ready", "ready"),
            (".net", "net"),
            ("@ada", "ada"),
            ("#1", "1"),
            ("-v", "v"),
        ],
        *[("user_id", "userid"), ("user_id", "user id"), ("a-b.com", "ab.com"), ("re-port.pdf", "report.pdf")],
        *[("a.b@x.com", "ab@x.com"), ("192.168.1.10", "192168.1.10"), ("5'", '5"'), ("5/7", "5-7"), ("2.0.1", "2.01")],
    ],
)
def test_a_mark_that_says_something_is_never_near(one, other):
    assert near_detail(one, other) is near_detail(other, one) is None


def test_one_word_in_a_long_text():
    text = "The parcel was left with the neighbour. " * 2_000
    middle = len(text) // 2
    assert near_detail(text, text[:middle] + "soon " + text[middle:]) == "wording"
    assert near_detail(text, "The letter got lost with the postman. " * 2_000) is None


def test_texts_of_megabytes_are_never_near():
    text = "word " * 1_000_000
    assert near_detail(text, text.upper()) is None


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
    | st.text("0123456789-/.: TZ")
)  # fmt: skip


@given(scalars, scalars)
@example(" ", "\xa0")
def test_any_two_values_that_differ_have_a_known_detail_or_none(expected, got):
    if not equal(expected, got):
        assert near_detail(expected, got) in {*DETAILS, None}


@given(st.integers(), st.integers())
def test_integers_are_never_near(one, other):
    assert one == other or near_detail(one, other) is None


@given(st.text(min_size=1))
@example("ı")
def test_case_and_space_alone_make_a_text_near(text):
    # The case of a unit says which one it is, and a unit stands behind digits.
    cases = [text.upper()] * (not any(map(str.isdigit, text)))
    for changed in (text + " ", *cases):
        if changed != text:
            assert near_detail(text, changed) is not None, json.dumps([text, changed])
