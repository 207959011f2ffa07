from __future__ import annotations

import json
import math
import time

import pytest
from helpers.strategies import floats
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pytest_edgejson.scoring import search
from pytest_edgejson.scoring.extraction import extract
from pytest_edgejson.scoring.scanner import RootScanner
from pytest_edgejson.scoring.search import MAX_OBJECTS
from pytest_edgejson.scoring.thoughts import Marks
from pytest_edgejson.values.decoding import MAX_DEPTH, MalformedError, decode

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | floats
    | st.text(max_size=12)
    | st.sampled_from(["```", "```json\n{}\n```", "<think>", "</think>", 'a "b" {c}', "}", "\\", "Input:", "\ud800"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)
objects = st.dictionaries(st.text(max_size=6), values, min_size=1, max_size=4)
# Text made of what matters to the search, so that odd combinations come up.
jsonish = st.lists(
    st.sampled_from(
        [
            *"{}[]\"',:\\\n a1-e.\x00\ud800é",
            "true",
            "None",
            "NaN",
            "\\u12",
            '{"a": 1}',
            '"k": ',
            "```",
            "```json\n",
            "<think>",
            "</think>",
            "Input:",
        ]
    ),
    max_size=30,
).map("".join)


def loads(text):
    """What the decoder must agree with: Python's, made strict."""

    def constant(name):
        raise ValueError(name)

    def pairs(items):
        if len(dict(items)) != len(items):
            raise ValueError("duplicate")
        return dict(items)

    return json.loads(text, parse_constant=constant, object_pairs_hook=pairs)


# ---------------------------------------------------------------- decoder


@given(values)
def test_decoder_reads_what_json_writes(value):
    for text in (json.dumps(value), json.dumps(value, indent=1), json.dumps(value, ensure_ascii=False)):
        found, end = decode(text)
        assert json.dumps(found) == json.dumps(value)
        assert end == len(text)


@given(jsonish | st.text(max_size=30))
def test_decoder_agrees_with_json_on_what_is_json(text):
    text = text.strip(" \t\n\r")
    try:
        wanted = loads(text)
    except ValueError:
        wanted = ValueError
    try:
        found, end = decode(text)
        if end != len(text):
            found = ValueError
    except MalformedError:
        found = ValueError
    assert (found is ValueError) == (wanted is ValueError)
    if wanted is not ValueError:
        assert json.dumps(found) == json.dumps(wanted)


MALFORMED = [
    ('{"a": 1,}', "trailing_comma"),
    ('{"a": [1, 2, ]}', "trailing_comma"),
    ("{'a': 1}", "python_literal"),
    ("{\"a\": 'x'}", "python_literal"),
    ('{"a": True}', "python_literal"),
    ('{"a": None}', "python_literal"),
    ('{"a": "line\nbreak"}', "unescaped_character"),
    ('{"a": "nul\x00"}', "unescaped_character"),
    ('{"a": "C:\\dir"}', "unescaped_character"),
    ('{"a": "he said "hi" to me"}', "unescaped_character"),
    ('{"a": 1, "b": {"c": 1, "c": 1}}', "duplicate_key"),
    ('{"a": NaN}', "nan"),
    ('{"a": -Infinity}', "nan"),
    ('{"a": 1e999999}', "number"),
    ('{"a": ' + "9" * 1_000_000 + "}", "number"),
    ('{"a": 0.' + "1" * 1_000_000 + "}", "number"),
    ('{"a": ' * 10_000, "nesting"),
    ('{"a": ' + "[" * 10_000 + "]" * 10_000 + "}", "nesting"),
    ('{"a": {"b": 1}, "c": ', "unterminated"),
    ('{"a": {"b": 1}, "c', "unterminated"),
    ('{"a": {"b": 1}, "c": "\\u00', "unterminated"),
    ('{"a": {"b": 1}, "c": tr', "unterminated"),
    ('{"a": {"b": 1}, "c": -', "unterminated"),
    ('{"a": {"b": 1}, "c": 1.', "unterminated"),
    ('{"a": {"b": 1}, "c": 1', "unterminated"),
    ('{"a" 1}', "syntax"),
    ("{a: 1}", "syntax"),
    ('{"a": 01}', "syntax"),
    ('{"a": 1 "b": 2}', "syntax"),
    ('{"a": "x"; "b": 2}', "syntax"),
    ('{"a"="x"}', "syntax"),
    ('{"a"："x"}', "syntax"),
    ('{"a": "x"\u200b}', "syntax"),
]


@pytest.mark.parametrize(("text", "kind"), MALFORMED, ids=[f"{kind}-{n}" for n, (_, kind) in enumerate(MALFORMED)])
@pytest.mark.parametrize("policy", ["lenient", "strict"])
def test_what_is_wrong_with_malformed_json_is_named(text, kind, policy):
    extraction = extract(text, policy)
    assert extraction.value is None
    assert extraction.form is None
    assert extraction.error == f"malformed:{kind}"


def test_numbers_at_the_limits_are_values():
    largest = 10**308
    text = json.dumps({"int": largest, "float": 1.7976931348623157e308, "tiny": 1e-400, "negative": -largest})
    value = {"int": largest, "float": 17976931348623157 * 10**292, "tiny": 0, "negative": -largest}
    assert extract(text).value == value


def test_what_is_found_is_nested_no_deeper_than_the_limit():
    def nested(depth):
        return '{"a": ' * depth + "1" + "}" * depth

    assert extract(nested(MAX_DEPTH)).value is not None
    assert extract(nested(MAX_DEPTH + 1)).error == "malformed:nesting"


# ---------------------------------------------------------------- where the object is


@pytest.mark.parametrize(
    ("before", "after", "form", "flags"),
    [
        ("", "", "bare", ()),
        ("  \n", "\n ", "bare", ()),
        ('<think>is it {} or {"a": 2}?</think>\n', "", "bare", ()),
        ('the template opened this {"a": 2}</think>\n', "", "bare", ()),
        ("```json\n", "\n```", "fenced", ("fenced",)),
        ("```", "```", "fenced", ("fenced",)),
        ("~~~ said\n````JSON\n", "\n````\n", "fenced", ("fenced", "prose")),
        ("```json\n", "", "fenced", ("fenced",)),
        ("Here:\n```json\n", "\n```\nDone.", "fenced", ("fenced", "prose")),
        ("Answer: ", "", "embedded", ("prose",)),
        ("", "\n\nThe data above was extracted.", "embedded", ("prose",)),
        ("", "}", "embedded", ("run_on",)),
        ("", '\n{"b": 2}', "embedded", ("run_on", "several_objects")),
        ("", "\n\nInput: another text\n\nOutput:", "embedded", ("run_on",)),
        ("Answer: ", ' {"b": 2}', "embedded", ("prose", "run_on", "several_objects")),
        ("The set {x, y}: ", "", "embedded", ("prose",)),
        ("{} ", "", "embedded", ()),
        ("{", "", "embedded", ()),
        ('Use "{" to open. ', "", "embedded", ("prose",)),
        ("```json\nsome note\n", "\n```", "embedded", ("prose",)),
    ],
)
@settings(max_examples=25)
@given(value=objects)
@example(value={":": None})
def test_an_answer_is_found_whole_in_any_wrapping(before, after, form, flags, value):
    # Behind a brace in quotes it is open where strings begin, and with that whether a tag stands in one.
    assume('"{"' not in before or "think>" not in json.dumps(value))
    for text in (json.dumps(value), json.dumps(value, indent=2, ensure_ascii=False)):
        extraction = extract(before + text + after)
        assert extraction.value == value
        assert (extraction.form, extraction.flags, extraction.error) == (form, flags, None)
        assert extraction.policy == "lenient"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "empty"),
        (" \n\t", "empty"),
        ("\ufeff\u200b\xa0", "empty"),
        ("I found nothing.", "no_json"),
        ("The set {x, y} is empty.", "no_json"),
        ("<think>hm</think>", "no_json"),
        ('<think>maybe {"a": 1}', "malformed:open_thought"),
        ("null", "wrong_root"),
        ('"text"', "wrong_root"),
        ('[{"a": 1}]', "wrong_root"),
        ('Here:\n```json\n[{"a": 1}]\n```', "wrong_root"),
        ("[1, 2", "malformed:unterminated"),
        ('[{"a": 1}, {"b": 2} {"c": 3}]', "malformed:syntax"),
        ('[{"a": 1}, {"b": ', "malformed:unterminated"),
        ('[{"a": 1}] is what I found.', "wrong_root"),
        ('```json\n[{"a": 1}, {"b": ', "malformed:unterminated"),
        ("[see the notes]", "no_json"),
        ("See [1].", "no_json"),
        ("\ufeff[{}]", "wrong_root"),
        ("I found none: []", "wrong_root"),
        ('Tags: ["a", "b"]', "wrong_root"),
        ("So it is [[1, 2], [3]]", "wrong_root"),
        ('{"a": {"b": 1},}', "malformed:trailing_comma"),
        ('{"a": [{"b": 1}, {"c": 2}], "d": nope, "e": {"f": 1}}', "malformed:syntax"),
        ("Sorry, {x}! {'a': 'it', 'b': 2}", "malformed:python_literal"),
    ],
)
def test_no_object_has_a_reason(text, error):
    extraction = extract(text)
    assert (extraction.value, extraction.form, extraction.error) == (None, None, error)


def test_the_first_valid_object_wins_then_the_first_that_is_not_empty():
    text = 'Format: {} or {"example": 1}. {"right": 1} {"right": 2} {"other": 3}'
    assert extract(text).value == {"example": 1}
    assert extract(text, is_valid=lambda value: "right" in value).value == {"right": 1}
    assert extract(text, is_valid=lambda value: False).value == {"example": 1}
    assert extract(text, is_valid=lambda value: value == {}).value == {"example": 1}


def test_the_last_object_counts_where_that_is_asked_for():
    text = 'First {"a": 1}, better {"a": 2}.\n```json\n{"a": 3}\n```\nOr {"b": 4}, {}'
    assert extract(text, "last").value == {"b": 4}
    assert extract(text, "last", is_valid=lambda value: "a" in value).value == {"a": 3}
    assert extract(text, "last").flags == ("prose", "run_on", "several_objects")


@pytest.mark.parametrize(
    "before",
    [
        'Reasoning: it would be {"id": 71}, but the id is 17.\nFinal answer: ',
        'A draft: {"id": 71}\n\n**Final Answer**\n```json\n',
        'Schema: {"type": "object"}\nAnswer: ',
        'It could be {"id": 71}. <answer>',
        '{"id": 71}\nNo, the text says 17. Final JSON:\n',
        '```json\n{"id": 71}\n```\nWait, that is wrong. Here is the corrected version:\n\n```json\n',
        'First try: {"id": 71}. But the answer is: ',
        'First: {"id": 71}\nThe text says 17.\nCorrected: ',
        '```json\n{"id": 71}\n```\n**Correction:**\n```json\n',
        'Thought: maybe {"id": 71}, or {"id": 7}\nResponse: ',
        '## Reasoning\nIt could be {"id": 71}.\n## Result\n',
        '**Draft**\n{"id": 71}\n**JSON:**\n',
        'Format:\n```json\n{"id": 0}\n```\nResult:\n```json\n',
        '{"id": 71}? No: \\boxed{',
    ],
)
def test_what_stands_before_the_answer_that_an_output_names_is_a_draft(before):
    found = extract(before + '{"id": 17}', is_valid=lambda value: True)
    assert found.value == {"id": 17}
    assert "several_objects" in found.flags


@pytest.mark.parametrize(
    "text",
    [
        '{"id": 17}\n\nText: another\nAnswer: {"id": 18}',
        'Here it is: {"id": 17}\nThat is my final answer. The schema was {"type": "object"}',
        'Here it is: {"id": 17, "note": "the final answer"} as {"type": "object"} says',
        'Here it is in the format asked for: {"id": 17}\n\nText: another\nJSON: {"id": 18}',
        'Example 1: {"id": 17}\n\nExample 2: {"id": 18}',
        '<json><![CDATA[{"id": 17}]]></json>',
    ],
)
def test_what_says_answer_elsewhere_names_none(text):
    assert extract(text, is_valid=lambda value: True).value["id"] == 17


def test_a_valid_draft_is_better_than_an_answer_that_is_none():
    text = 'Schema: order\n{"id": 17}\n\nNote: {"x": 1}'
    assert extract(text, is_valid=lambda value: "id" in value).value == {"id": 17}
    assert extract(text).value == {"x": 1}


DRAFT, ANSWER = 'maybe {"id": 71} or {', '{"id": 17}'


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ("<think>", "</think>"),
        ("<THINK>\n", "\n</Think>"),
        ("<thinking>", "</thinking>"),
        ('<think time="3s">', "</think>"),
        ("<mm:think>", "</mm:think>"),
        ("<seed:think>", "</seed:think>"),
        ("<thought>", "</thought>"),
        ("<reasoning>\n", "\n</reasoning>\n"),
        ("[THINK]", "[/THINK]"),
        ("◁think▷", "◁/think▷"),
        ("<|START_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>"),
        ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
        ("analysisWe need JSON: ", "assistantfinal"),
        ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>"),
        ("<|channel|>commentary to=functions.x <|constrain|>json<|message|>", "<|channel|>final<|message|>"),
        ("<|begin_of_thought|>", "<|end_of_thought|><|begin_of_solution|>"),
        ('<details type="reasoning" done="true" duration="3"><summary>Thought for 3 seconds</summary>', "</details>"),
        ("<details>\n<summary>Thinking</summary>\n", "</details>"),
        ("<|inner_prefix|>", "<|inner_suffix|>"),
        ("```thinking\n", "\n```\n"),
        ("<|channel>thought\n", "<channel|>"),
        ("<unused94>thought\n", "<unused95>"),
        ("Here is my thought process: ", "Here is my response: "),
        ("Here are my reasoning steps:\n", "[BEGIN FINAL RESPONSE]"),
    ],
)
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_drafts_in_thoughts_are_no_answers(opening, closing, size):
    text = opening + DRAFT + closing + ANSWER
    assert extract(text, is_valid=lambda value: True).value == {"id": 17}
    assert closed_at(text, size) == len(text)
    cut_off = extract(opening + DRAFT)
    assert (cut_off.value, cut_off.error, cut_off.is_open) == (None, "malformed:open_thought", True)


@pytest.mark.parametrize("thought", ["<think>{}</thinking>", "<Thinking>a <reflection>b</reflection>{}</think>"])
def test_a_thought_may_end_with_a_tag_of_another_name(thought):
    assert extract(thought.format(DRAFT) + ANSWER).value == {"id": 17}
    assert extract("<think>a <reflection>b</reflection>" + ANSWER).error == "malformed:open_thought"


def test_fences_come_before_what_is_embedded():
    text = 'Like {"example": 1}:\n```json\n{"fenced": 1}\n```'
    assert extract(text).value == {"fenced": 1}
    assert extract(text, is_valid=lambda value: "example" in value).value == {"example": 1}


def test_an_empty_object_is_an_answer_only_where_it_is_given_as_one():
    assert extract("{}").value == {}
    assert extract("```json\n{}\n```").value == {}
    assert extract("Use {} here.").error == "no_json"
    assert extract("There is no name in the text: {}").value == {}


@pytest.mark.parametrize(
    "text",
    [
        '{"wrapper": {"a": 1}, "x": nope}',
        '{"wrapper": {"a": 1}',
        '{"list": [{"a": 1}, {"a": 2}, ',
        "{'wrapper': {\"a\": 1}}",
        '{wrapper: {"a": 1}}',
        '{"text": "two\nlines", "wrapper": {"a": 1}}',
        'Here it is: {"text": "Use this:\n```json\n{"a": 1}\n```\nand th',
        '```json\n{"text": "```json\n{"a": 1}\n```", "b": 1}\n```',
        '[{"a": 1}, {"a": ',
        'Result: [{"a": 1}, {"a": ',
        'Result: ["x", {"a": 1}',
        '[ // one\n{"a": 1}]',
        'Result: [ /* one */ {"a": 1}]',
        '[\u200b{"a": 1}]',
        '{"x", {"a": 1}}',
    ],
)
def test_part_of_a_broken_root_is_no_answer_even_if_it_is_valid(text):
    found = extract(text, is_valid=lambda value: True)
    assert found.value is None
    assert found.error.startswith("malformed:")


@pytest.mark.parametrize("before", ["Here is the JSON: ", "orders = ", "<json>", "Sure!\n```json\n"])
def test_an_array_is_no_object_whatever_stands_around_it(before):
    for array in ('[{"a": 1}, {"a": 2}]', '["x", {"a": 1}]', '[1, {"a": 1}]', '[null, {"a": 1}]', '[[1], {"a": 1}]'):
        assert extract(before + array, is_valid=lambda value: True).error == "wrong_root"


@pytest.mark.parametrize(
    "before", ["[1] ", "on [0, 1) ", "[12:30:01] ", '["json"] ', "- [ ] ", "\x1b[0m", 'a["id"] = ']
)
def test_brackets_in_prose_hide_no_object(before):
    assert extract(before + '{"a": 1}').value == {"a": 1}


@pytest.mark.parametrize(
    "text",
    [
        '{\\"id\\": \\"A-17\\"}',
        "{“id”: “A-17”}",
        "{&quot;id&quot;: &quot;A-17&quot;}",
        '{\u200b"id": "A-17"}',
        "{" + "\u200b" * 50 + '"id": "A-17"}',
        '｛"id": "A-17"｝',
        '{\ufeff"id": "A-17"}',
        '{**"id"**: "A-17"}',
        '{<b>"id"</b>: "A-17"}',
        '{`id`: "A-17"}',
        '{id: "A-17"}',
        '{"id"="A-17"}',
        '"id": "A-17", "total": 5}',
        '```json\n"id": "A-17"\n```',
    ],
)
def test_what_is_meant_as_an_object_is_malformed_however_its_keys_are_quoted(text):
    assert extract(text).error.startswith("malformed:")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("```JSON\n", "\n```"),
        ('```json title="answer.json"\n', "\n```"),
        ("~~~json\n", "\n~~~"),
        ("```{.json}\n", "\n```"),
        ("``json\n", "\n``"),
        ("```{json}\n", "\n```"),
        ("```{code-block} json\n", "\n```"),
        ("```json {1,3-4}\n", "\n```"),
        ("```json\n\ufeff", "\n```"),
        ("'''json\n", "\n'''"),
        ('"""json\n', '\n"""'),
        ("```json:answer.json\r\n", "\r\n```\r\n"),
    ],
)
def test_fences_of_any_kind(before, after):
    found = extract(before + ANSWER + after)
    assert (found.value, found.form, found.flags) == ({"id": 17}, "fenced", ("fenced",))


@pytest.mark.parametrize(
    ("text", "is_open"),
    [
        ('{"a": {"b": 1}, "c": ', True),
        ('{"a": 1, "b": [1, 2,], "c": "never clos', True),
        ("<think>on and on", True),
        ('[{"a": 1}, {"a": ', True),
        ("[" * 5_000, True),
        ('"a": 1, "b": [1, 2], "c": "never clos', True),
        ('"a": 1, "b": 2}', False),
        ('{"a": 1,}', False),
        ("no object", False),
        ('{"a": 1} and then {"b": ', False),
    ],
)
def test_an_output_that_ends_inside_its_root_is_open(text, is_open):
    assert extract(text).is_open is is_open


@pytest.mark.parametrize(
    ("text", "error", "flags"),
    [
        ('```json\n{"a": 1}\n```', "no_json", ("fenced",)),
        ('Answer: {"a": 1}', "no_json", ("prose",)),
        ('{"a": 1}\nInput: next', "malformed:syntax", ("run_on",)),
        ('<think></think>{"a": 1}', "no_json", ()),
        ("[]", "wrong_root", ()),
        ("", "empty", ()),
    ],
)
def test_strict_takes_nothing_but_one_object(text, error, flags):
    extraction = extract(text, "strict")
    assert (extraction.value, extraction.error, extraction.flags, extraction.policy) == (None, error, flags, "strict")


@given(objects)
def test_strict_takes_one_object(value):
    extraction = extract(f"\n {json.dumps(value)} \n", "strict")
    assert (extraction.value, extraction.form, extraction.error) == (value, "bare", None)


# ---------------------------------------------------------------- hostile text


@given(jsonish | st.text(max_size=60), st.sampled_from(["lenient", "last", "strict"]))
def test_any_text_gives_an_object_or_a_reason(text, policy):
    extraction = extract(text, policy)
    assert (extraction.value is None) == (extraction.form is None) == (extraction.error is not None)
    assert set(extraction.flags) <= {"fenced", "prose", "run_on", "several_objects"}
    assert not extraction.is_open or extraction.value is None
    if extraction.value is not None:
        json.dumps(extraction.value, allow_nan=False)


HOSTILE = {
    "braces": "{" * 100_000,
    "braces and spaces": "{ " * 100_000,
    "open objects": '{"a":' * 30_000,
    "brackets": "[" * 300_000,
    "strings of braces": '{"' * 100_000,
    "escaped quotes": '{\\"' * 100_000,
    "keys": '{"":"' * 100_000,
    "prose braces": "{x" * 100_000,
    "fences": "```" * 100_000,
    "quotes": "'''" * 50_000 + '"""' * 50_000,
    "comments": "[/*" * 50_000 + "[#" * 50_000,
    "comments without end": "[" + "/**/" * 50_000,
    "invisible characters": "{" + "\u200b" * 200_000 + "[\u200b" * 50_000,
    "reflections in a thought": "<think>" + "<reflection></reflection>" * 10_000,
    "open fences": "```json\n{" * 50_000,
    "backticks": "`" * 300_000 + "x",
    "thoughts": "<think>" * 50_000,
    "ends of thoughts": "</think>" * 50_000 + "{",
    "blanks": "```json" + " " * 300_000 + "x{" + "\n" * 300_000 + "x",
    "broken objects": ('{"a":' * 50 + "x" + "}" * 50) * 1_000,
    "open string": '{"a": "' + "\\n" * 200_000,
    "digits": '{"a": ' * 50 + "1" * 300_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_ends_in_a_reason(text):
    """Each of them took minutes, or the process, with a decoder started anew at every brace."""
    assert extract(text, is_valid=lambda value: False).value is None
    scanner = RootScanner()
    assert scanner.feed(text) is False
    assert scanner.closed_at is None


def test_many_objects_are_not_all_tried():
    tried = []
    extraction = extract('{"a": 1} ' * 50_000, is_valid=tried.append)
    assert extraction.value == {"a": 1}
    assert len(tried) <= MAX_OBJECTS


def test_validating_ends_where_it_computes_too_long_and_a_pause_is_no_computing(monkeypatch):
    monkeypatch.setattr(search, "MAX_SECONDS", 0.05)
    text = 'Here is {"a": 1}, and here {"a": 2}'

    def computing(value):
        until = time.thread_time() + 0.1
        while time.thread_time() < until:
            pass
        return value == {"a": 2}

    def pausing(value):
        time.sleep(0.1)
        return value == {"a": 2}

    assert extract(text, is_valid=pausing).value == {"a": 2}
    assert extract(text, is_valid=computing).value == {"a": 1}


def test_lone_surrogates_are_kept():
    assert extract('{"a": "\\ud800"}').value == {"a": "\ud800"}
    assert extract('{"a": "\ud800"}').value == {"a": "\ud800"}


# ---------------------------------------------------------------- scanner


def closed_at(text, size=1, **options):
    scanner = RootScanner(**options)
    answers = [scanner.feed(text[start : start + size]) for start in range(0, len(text), size)]
    assert answers == sorted(answers)
    assert any(answers) == (scanner.closed_at is not None)
    return scanner.closed_at


@settings(max_examples=25)
@given(objects, st.integers(1, 9))
@pytest.mark.parametrize(
    "before", ["", "Sure: ", "{x} ", "{} ", "{", "```json\n", "[1] ", '<think>{"a": 1}</think>', "don't "]
)
def test_generation_can_stop_where_the_object_ends(before, value, size):
    text = before + json.dumps(value, ensure_ascii=False)
    assert closed_at(text + '}\n\nInput: {"b": 2}', size) == len(text)


@given(objects, st.data())
def test_generation_goes_on_while_the_object_is_open(value, data):
    text = json.dumps(value)
    assert closed_at(text[: data.draw(st.integers(0, len(text) - 1))]) is None


@given(jsonish, st.integers(1, 12))
def test_the_pieces_do_not_matter(text, size):
    assert closed_at(text, size) == closed_at(text, len(text) + 1)


@given(jsonish)
def test_where_generation_stops_the_object_is_found(text):
    end = closed_at(text)
    if end is not None:
        assert extract(text[:end]).value


@pytest.mark.parametrize(
    "broken",
    [
        '{"a": 1 2, "b": "<think>"}',
        '{"a": 1 2, "b": "</think>"}',
        "{'a': \"<think>\"}",
        '{"a": {"b": "{"} x}',
    ],
)
def test_what_stands_in_a_malformed_object_hides_no_answer_after_it(broken):
    text = broken + '{"c": {"d": null}}'
    assert closed_at(text) == len(text)
    assert extract(text).value == {"c": {"d": None}}


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "the set {x, y}",
        '{"a": 1,}',
        '{"a": 1, "a": 2}',
        '{"a": "}',
        "{'a': {\"b\": 1}, ",
        '{"a": "\\"}',
        '<think>{"a": 1}',
        '<think>x</think><think>{"a": 1}',
        '[{"a": 1}',
        '[{"a": 1}, {"b": 2}]',
        '```json\n[{"a": 1}]',
        'Here you go:\n```json\n[{"a": 1}, {"b": 2}]\n```',
        '<think>x</think>\n[{"a": 1}]',
    ],
)
def test_generation_does_not_stop_short_of_an_answer(text):
    assert closed_at(text) is None


def test_a_thought_that_the_template_opened():
    text = 'maybe {"a": 1}</think>{"a": 2}'
    assert closed_at(text, prompt="Think. <think>\n") == len(text)
    assert closed_at(text) == text.index("</think>")


def test_infinity_never_comes_out():
    value = extract('{"a": 1e308, "b": [1e-999]}').value
    assert value is not None
    assert all(math.isfinite(number) for number in (value["a"], *value["b"]))


OWN = Marks((("<plan>", "</plan>"), ("%%", "%%")))


@pytest.mark.parametrize(
    "text", ['<plan>{"id": 71}</plan>{"id": 17}', '%% {"id": 71} %% {"id": 17}', '{"id": 71}</PLAN>{"id": 17}']
)
def test_a_model_may_have_marks_of_its_own(text):
    assert extract(text).value == {"id": 71}
    assert extract(text, thoughts=OWN).value == {"id": 17}
    assert extract('<plan>{"id": 71}', thoughts=OWN).error == "malformed:open_thought"


def test_generation_does_not_stop_in_a_thought_of_a_models_own():
    text = '<plan>{"id": 71}</plan>{"id": 17}'
    assert closed_at(text, thoughts=OWN) == len(text)
    opened_by_the_prompt = text.removeprefix("<plan>")
    assert closed_at(opened_by_the_prompt, prompt="Plan: <plan>", thoughts=OWN) == len(opened_by_the_prompt)
