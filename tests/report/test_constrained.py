"""What a grammar brings, told of results that were made both ways."""

from __future__ import annotations

from helpers.runs import cases, result_of, right, wrong

from pytest_edgejson.report.constrained import what_grammars_bring
from pytest_edgejson.report.document import as_text
from pytest_edgejson.results.result import Result


def held(results: list[Result]) -> list[Result]:
    return [{**result, "constrain": "schema"} for result in results]


def test_gains_regressions_and_answers_that_should_not_be() -> None:
    asked = cases(12)
    free = [result_of(case, right(case) if number < 6 else wrong(case)) for number, case in enumerate(asked)]
    free[11]["finish_reason"] = "length"
    outputs = [wrong(asked[0]), *map(right, asked[1:11]), '{"value": "x"}']
    constrained = held([result_of(case, output, "m+schema") for case, output in zip(asked, outputs, strict=True)])
    text = as_text(what_grammars_bring({"m": free, "m+schema": constrained}, "default"), None)
    exact, compliant, ended = (
        next(line for line in text.splitlines() if line.startswith(name)).split()
        for name in ("JSONExact", "SchemaCompliance", "answers")
    )
    assert exact[1:5] == ["50.0", "%", "83.3", "%"]
    assert exact[-3:] == ["5", "1", "0.22"]
    assert compliant[-3:-1] == ["0", "1"]
    assert ended[-2:] == ["11", "12"]
    assert "m+schema: 1 regression: case-000" in text
    assert "m+schema: 1 answer ended and is not compliant: case-011" in text


def test_json_mode_lets_through_what_the_schema_does_not_allow() -> None:
    case = cases(1)[0]
    free, other = [result_of(case, right(case))], result_of(case, '{"value": "x"}', "m+json")
    text = as_text(what_grammars_bring({"m": free, "m+json": [{**other, "constrain": "json"}]}, "default"), None)
    assert "not compliant" not in text


def test_nothing_is_told_of_one_way_or_of_no_common_answer() -> None:
    case = cases(1)[0]
    one, broken = [result_of(case, right(case))], held([result_of(case, None, "m+schema")])
    assert not list(what_grammars_bring({"m": one, "n": one}, "default"))
    assert not list(what_grammars_bring({"m+schema": held(one)}, "default"))
    text = as_text(what_grammars_bring({"m": one, "m+schema": broken}, "default"), None)
    assert text == "m+schema: no case was answered both free and held to the grammar"
