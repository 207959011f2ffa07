from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_edgejson.values.dates import moments, moments_in, same_moment


@pytest.mark.parametrize(
    "text",
    [
        "2005-07-03",
        "2005/07/03",
        "2005.7.3",
        " July 3, 2005 ",
        "Jul. 3 2005",
        "3rd of July, 2005",
        "Sun, 3 July 2005",
        "SUNDAY, JULY 3RD, 2005",
        "2005-07-03T00:00:00",
    ],
)
def test_a_date_however_it_is_written(text):
    assert moments(text) == [datetime(2005, 7, 3)]


def test_a_date_that_can_be_read_in_two_ways_is_both():
    assert moments("03/07/2005") == [datetime(2005, 3, 7), datetime(2005, 7, 3)]
    assert set(moments("23/07/2005")) == {datetime(2005, 7, 23)}


@pytest.mark.parametrize(
    "text",
    ["10", "may", "2005", "July 2005", "3 July", "5:42", "20050703", "1.2.3", "AX-2005-07-03", "2005-13-45",
     "0000-00-00", "99999-01-01", "2005-07-03T99:99", "July 3, 2005 in Leeds", ""],
)  # fmt: skip
def test_what_is_no_date(text):
    assert moments(text) == []


def test_dates_in_a_text():
    text = "Ordered July 3, 2005, delivered 2005-07-05T10:00:00Z (v1.2.2005-rc)."
    found = moments_in(text)
    assert [moment.replace(tzinfo=None) for moment in found] == [datetime(2005, 7, 3), datetime(2005, 7, 5, 10)]
    assert found[1].tzinfo is not None


def test_one_with_a_time_zone_and_one_without_are_compared_by_the_clock():
    assert same_moment(*moments("2005-07-03T17:42:00Z"), *moments("2005-07-03 17:42"))
    assert same_moment(*moments("2005-07-03T17:42:00Z"), *moments("2005-07-03 18:42+01:00"))
    assert not same_moment(*moments("2005-07-03T17:42:00Z"), *moments("2005-07-03 17:42+01:00"))


@given(st.text() | st.text("0123456789-/.:,+ TZamp july"))
def test_no_text_is_too_odd(text):
    moments(text)
    moments_in(text)


@given(st.datetimes())
def test_a_datetime_is_read_back(moment):
    assert moments(moment.isoformat()) == [moment]
    assert moments(moment.isoformat(" ")) == [moment]
