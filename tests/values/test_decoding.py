"""What the decoder makes of text that was cut off; what it takes and refuses otherwise is in test_extraction.py."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_edgejson.values.decoding import MalformedError, decode


def cut(text):
    with pytest.raises(MalformedError) as raised:
        decode(text)
    return raised.value


@pytest.mark.parametrize(
    ("text", "partial", "open_path"),
    [
        ("{", {}, ()),
        ('{"a": 1, "b": "unfini', {"a": 1}, ()),
        ('{"a": 1, "b": 12', {"a": 1}, ()),
        ('{"a": 1, "b": 12 ', {"a": 1, "b": 12}, ()),
        ('{"a": 1, "b": tru', {"a": 1}, ()),
        ('{"a": 1, "b', {"a": 1}, ()),
        ('{"a": "x"', {"a": "x"}, ()),
        ('{"a": [1, 2], "b": {"c": 3}, "d": ', {"a": [1, 2], "b": {"c": 3}}, ()),
        ('{"a": [1, {"b": 2}, {"c": 3, "d"', {"a": [1, {"b": 2}, {"c": 3}]}, ("a", 2)),
        ('{"a": {"b": [', {"a": {"b": []}}, ("a", "b")),
        ("[1, [2, 3", [1, [2]], (1,)),
    ],
)
def test_what_an_unterminated_text_holds(text, partial, open_path):
    error = cut(text)
    assert (error.kind, error.partial, error.open_path) == ("unterminated", partial, open_path)


@pytest.mark.parametrize("text", ["", '"abc', "tru", '{"a": 1,}', '{"a": 1 "b": 2', "{'a': 1"])
def test_nothing_is_held_of_what_is_malformed_otherwise_or_has_no_root(text):
    assert (cut(text).partial, cut(text).open_path) == (None, ())


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), values, max_size=4), st.data())
def test_every_beginning_of_an_object_holds_a_beginning_of_it(value, data):
    text = json.dumps(value)
    error = cut(text[: data.draw(st.integers(1, len(text) - 1))])
    whole, partial = value, error.partial
    for step in (*error.open_path, None):
        closed = partial if isinstance(partial, list) else partial.items()
        steps = range(len(closed)) if isinstance(partial, list) else list(partial)
        assert list(steps) == list(range(len(whole)) if isinstance(whole, list) else whole)[: len(steps)]
        assert all(partial[each] == whole[each] for each in steps if each != step)
        if step is not None:
            whole, partial = whole[step], partial[step]
