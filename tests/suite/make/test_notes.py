"""The suite `notes` is what its builder writes, and its texts determine its values."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from pytest_edgejson.backends.control import ControlBackend
from pytest_edgejson.backends.interface import Request
from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.cases import read_cases
from pytest_edgejson.suite.evidence import evidence_of, problems, proved
from pytest_edgejson.suite.make.notes.build import build_suite
from pytest_edgejson.suite.schemas import Schemas, complexity_of
from pytest_edgejson.values.jsonvalue import format_path, leaves

FOLDER = bundled.ROOT / "suites" / "notes"
SCHEMAS = Schemas(FOLDER / "schemas")
SPLITS = ("test", "train")


def cases_of(split):
    files = sorted((FOLDER / "cases" / split).rglob("*.jsonl"))
    return [case for file in files for case in read_cases(file, complexity_of(SCHEMAS))]


CASES = {split: cases_of(split) for split in SPLITS}
BOTH = [case for split in SPLITS for case in CASES[split]]


def contents(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in Path(folder).rglob("*.json*")}


def test_building_again_gives_the_committed_bytes(tmp_path):
    assert build_suite(tmp_path / "notes") == 750
    assert contents(tmp_path / "notes") == contents(FOLDER)


@pytest.mark.parametrize(("split", "each", "others"), [("test", 10, 20), ("train", 40, 80)])
def test_the_splits(split, each, others):
    counts = Counter(case.schema_id for case in CASES[split])
    assert counts == dict.fromkeys(SCHEMAS, each)
    assert len(SCHEMAS) == 15
    languages = Counter(case.metadata["language"] for case in CASES[split])
    assert languages == {"en": 15 * each - others, "de": others // 2, "es": others // 2}


def test_evidence_proves_every_value():
    for case in BOTH:
        assert list(problems(case)) == []
        assert proved(case) == {format_path(path) for path in leaves(case.expected_output)}


def test_a_meaning_is_one_value_everywhere():
    """What no rule reads is a phrase that means the same wherever it says something about a field."""
    values = defaultdict(set)
    for case in BOTH:
        said = {format_path(path): value for path, value in leaves(case.expected_output).items()}
        for path, entry in evidence_of(case).items():
            if entry["rule"] == "meaning":
                quote = case.prompt[entry["start"] : entry["end"]]
                values[case.schema_id, re.sub(r"\d", "", path), quote.lower()].add(json.dumps(said[path]))
    assert len(values) > 300
    assert {key: found for key, found in values.items() if len(found) > 1} == {}


def test_no_value_is_null_in_silence_where_the_schema_does_not_say_so():
    for case in BOTH:
        for path, entry in evidence_of(case).items():
            if entry["rule"] == "silence":
                words = SCHEMAS[case.schema_id].document["properties"][path]["description"]
                assert "the text does not say" in words or "empty where" in words


def skeleton(case):
    """Return a prompt without what it says in digits, names and days."""
    text, at = "", 0
    said = [entry for entry in evidence_of(case).values() if entry["rule"] not in ("silence", "meaning")]
    for entry in sorted(said, key=lambda entry: entry["start"]):
        text += case.prompt[at : entry["start"]] + "_"
        at = entry["end"]
    return re.sub(r"\d+", "#", text + case.prompt[at:])


def test_no_two_cases_have_the_same_skeleton():
    assert len({skeleton(case) for case in BOTH}) == len(BOTH)


def test_the_splits_share_no_sentence_and_no_name():
    def sentences(split):
        return {each for case in CASES[split] for each in re.split(r"(?<=[.!?])\s+|\n+", skeleton(case))}

    # The head of a mail or chat gives the day.
    head = re.compile(r"(— )?(Sent: |Gesendet: |Enviado: )?\w+, # .*|(\w+ )?#\W*")
    shared = {each for each in sentences("test") & sentences("train") if not head.fullmatch(each)}
    assert {each for each in shared if len(each.split()) > 3} == set()

    def names(split):
        keys = {"client", "tenant", "guest", "chair", "traveller", "inspector", "reported_by", "customer", "merchant"}
        return {value for case in CASES[split] for key, value in case.expected_output.items() if key in keys}

    assert names("test").isdisjoint(names("train"))


@pytest.mark.parametrize("tag", ["correction", "relative_date", "distractor", "negation", "null", "left_out", "unit"])
def test_each_phenomenon_occurs_often(tag):
    for split in SPLITS:
        assert sum(tag in case.metadata["tags"] for case in CASES[split]) >= len(CASES[split]) * 0.15


def test_a_parser_without_the_schema_does_not_solve_them():
    rules = ControlBackend("rules")
    right = 0
    for case in CASES["test"]:
        answer = rules.answer(Request(case.id, case.prompt, case)).text
        right += bool(answer) and json.loads(answer) == case.expected_output
    assert right <= len(CASES["test"]) * 0.1
