"""Comparison: pairing results, and what is computed of the pairs."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from helpers.runs import answers, cases, result_of, right, write_run, wrong

from pytest_edgejson.backends.models import load_registry
from pytest_edgejson.results.compare.pairing import ComparisonError, pair_results
from pytest_edgejson.results.compare.runs import compare_runs
from pytest_edgejson.results.statistics import PairedCounts, mcnemar, paired_difference_interval, paired_ratio_interval
from pytest_edgejson.suite import bundled


@pytest.fixture
def runs(tmp_path):
    """Write a run for each list of results, and return them."""

    def write(*lists, descriptions=None, settings=None):
        return [
            write_run(tmp_path / f"{name}.jsonl", results, descriptions, settings)
            for name, results in zip("abcdef", lists, strict=False)
        ]

    return write


# Pairing


def test_results_are_paired_by_case_whatever_their_order():
    pairing = pair_results(answers(12), reversed(answers(12, [3])))
    assert pairing.same_suite
    assert [pair.baseline["case_id"] for pair in pairing.pairs] == [pair.candidate["case_id"] for pair in pairing.pairs]
    assert len(pairing.pairs) == 12


def test_repeats_are_paired_with_repeats():
    case = cases(1)[0]
    before = [result_of(case, right(case), repeat=repeat) for repeat in (1, 2)]
    after = [result_of(case, wrong(case), repeat=repeat) for repeat in (2, 3)]
    pairing = pair_results(before, after)
    assert [pair.candidate["repeat"] for pair in pairing.pairs] == [2]
    assert (pairing.only_baseline, pairing.only_candidate) == (("case-000",), ("case-000-r3",))


def test_what_could_not_be_run_counts_in_nothing():
    first, second, third = cases(3)
    before = [result_of(first, None), result_of(second, right(second)), result_of(third, right(third))]
    after = [result_of(first, right(first)), result_of(second, None), result_of(third, right(third))]
    pairing = pair_results(before, after)
    assert (len(pairing.pairs), pairing.errors, pairing.same_suite) == (1, 2, True)


def test_what_of_a_case_changed_is_named():
    prompt, expected, schema, both, same, gone = cases(6)
    other = {
        "prompt": replace(prompt, prompt="other"),
        "expected": replace(expected, expected_output={"value": 7}),
        "schema": replace(schema, schema_id="simple1"),
        "both": replace(both, prompt="other", expected_output={}),
    }
    before = [result_of(case, "{}") for case in (prompt, expected, schema, both, same, gone)]
    after = [result_of(case, "{}") for case in (*other.values(), same, replace(gone, id="new"))]
    pairing = pair_results(before, after)
    assert pairing.changed == {
        "case-000": ("prompt",),
        "case-001": ("expected output",),
        "case-002": ("schema",),
        "case-003": ("prompt", "expected output"),
    }
    assert (pairing.only_baseline, pairing.only_candidate) == (("case-005",), ("new",))
    assert not pairing.same_suite


def test_a_changed_suite_is_refused_with_the_differences(runs):
    changed = [
        result_of(replace(case, prompt="other") if number < 5 else case, "{}") for number, case in enumerate(cases(12))
    ]
    with pytest.raises(ComparisonError) as caught:
        compare_runs(runs(answers(11), changed))
    message = str(caught.value)
    assert "b.jsonl asks other things than" in message
    assert "5 cases (case-000, case-001, case-002, …) changed prompt; 1 case (case-011) only in " in message
    assert message.endswith("add --common to compare the 6 that both have unchanged")
    assert "\n" not in message


def test_what_both_have_unchanged_is_compared_on_demand_and_said(runs):
    changed = [
        result_of(replace(case, prompt="other") if number < 5 else case, right(case))
        for number, case in enumerate(cases(12))
    ]
    report = compare_runs(runs(answers(12), changed), common=True)
    assert report.comparisons[0].difference("json_exact").n == 7
    assert report.notes[0].startswith("THE SUITES DIFFER: of m (a.jsonl) and m (b.jsonl) only the 7 cases")
    assert [standing.n for standing in report.standings] == [7, 7]


def test_suites_without_a_common_case_are_refused_in_any_case(runs):
    other = [result_of(replace(case, id=f"other-{case.id}"), "{}") for case in cases(3)]
    with pytest.raises(ComparisonError, match="nothing is left to compare"):
        compare_runs(runs(answers(3), other))
    with pytest.raises(ComparisonError, match=r"no case that m .* both answered"):
        compare_runs(runs(answers(3), other), common=True)


def test_a_case_that_stands_twice_is_refused():
    with pytest.raises(ComparisonError, match=r"case-000\[m\] has two results in one file"):
        pair_results(answers(2) + answers(1), answers(2))


# Who is compared with whom


def labels(report):
    return [(each.baseline.label, each.candidate.label) for each in report.comparisons]


def test_one_file_compares_all_with_its_first_model(runs):
    report = compare_runs(runs(answers(6, model="x") + answers(6, model="y") + answers(6, model="z")))
    assert labels(report) == [("x", "y"), ("x", "z")]


def test_models_of_the_same_name_are_compared_with_each_other(runs):
    two = answers(6, model="x") + answers(6, model="y")
    report = compare_runs(runs(two, [*two, *answers(6, model="z")]))
    assert labels(report) == [("x (a.jsonl)", "x (b.jsonl)"), ("y (a.jsonl)", "y (b.jsonl)"), ("x (a.jsonl)", "z")]


def test_a_baseline_can_be_named(runs):
    files = runs(answers(6, model="x") + answers(6, model="y"), answers(6, model="z"))
    assert labels(compare_runs(files, baseline="z")) == [("z", "x"), ("z", "y")]
    with pytest.raises(ComparisonError, match=r"no model 'w' in these results; they have: x, y, z"):
        compare_runs(files, baseline="w")


def test_one_model_alone_is_refused(runs):
    with pytest.raises(ComparisonError, match=r"a\.jsonl holds one model, m: name another results file"):
        compare_runs(runs(answers(6)))


def test_a_file_is_compared_with_itself(runs):
    (run,) = runs(answers(6))
    report = compare_runs([run, run])
    assert len({model.label for model in report.models}) == 2
    assert report.comparisons[0].is_same


# Numbers


def test_differences_are_those_of_the_methods(runs):
    report = compare_runs(runs(answers(60, [0, 1, 2, 3, 4, 5, 6]), answers(60, [6, 7, 8])))
    comparison = report.comparisons[0]
    exact = comparison.difference("json_exact")
    counts = PairedCounts(both=51, gains=6, losses=2, neither=1)
    assert (exact.n, exact.up, exact.down) == (60, 6, 2)
    assert (exact.baseline, exact.candidate) == (53 / 60, 57 / 60)
    assert exact.value == pytest.approx(4 / 60)
    assert (exact.p, exact.interval) == (mcnemar(counts), paired_difference_interval(counts))
    assert comparison.ratio.value == pytest.approx(57 / 53)
    assert comparison.ratio.interval == paired_ratio_interval(counts)
    assert [pair.candidate["case_id"] for pair in comparison.regressions] == ["case-007", "case-008"]
    assert [pair.candidate["case_id"] for pair in comparison.gains] == [f"case-00{number}" for number in range(6)]
    assert comparison.same_outputs == 52
    assert comparison.schemas == 6
    field_f1 = comparison.difference("field_f1")
    # A wrong value is one of two leaves.
    assert field_f1.value == pytest.approx(4 / 60 / 2)
    assert field_f1.interval is not None
    assert field_f1.interval.low < field_f1.value < field_f1.interval.high
    # A wrong integer is an integer still.
    assert comparison.difference("schema_compliance").value == 0


def test_complexities_are_compared_apart(runs):
    # Cases 0 and 1 of each six are simple.
    comparison = compare_runs(runs(answers(60), answers(60, range(0, 60, 6)))).comparisons[0]
    assert {each.group for each in comparison.differences} == {"all", "simple", "medium", "complex"}
    assert [comparison.difference("json_exact", group).down for group in ("simple", "medium", "complex", "all")] == [
        10,
        0,
        0,
        10,
    ]
    with pytest.raises(KeyError, match=r"json_exact\[huge\]"):
        comparison.difference("json_exact", "huge")


def test_p_values_are_corrected_for_the_models_and_for_the_complexities(runs):
    one = compare_runs(runs(answers(60, range(7)), answers(60))).comparisons[0]
    assert one.difference("json_exact").p_corrected == one.difference("json_exact").p
    simple = one.difference("json_exact", "simple")
    assert simple.p_corrected > simple.p
    three = compare_runs(runs(answers(60, range(7)), answers(60), answers(60, range(7)), answers(60, range(6))))
    p_values = [each.difference("json_exact").p for each in three.comparisons]
    assert p_values == [mcnemar(PairedCounts(0, gains, 0, 0)) for gains in (7, 0, 1)]
    assert [each.difference("json_exact").p_corrected for each in three.comparisons] == pytest.approx(
        [3 * p_values[0], 1.0, 1.0]
    )


def test_what_can_be_detected_grows_with_the_number_of_comparisons(runs):
    files = runs(answers(60), answers(60, [1, 2]), answers(60, [3, 4]))
    alone, many = compare_runs(files[:2]).comparisons[0], compare_runs(files).comparisons[0]
    assert alone.detectable.observed is not None
    assert many.detectable.observed is not None
    assert alone.detectable.observed < many.detectable.observed
    assert alone.detectable.conservative >= alone.detectable.observed


def test_repeats_are_no_further_cases(runs):
    def repeated(misses, times):
        return [
            result_of(case, wrong(case) if number in misses else right(case), repeat=repeat)
            for repeat in range(1, times + 1)
            for number, case in enumerate(cases(30))
        ]

    once = compare_runs(runs(repeated(range(6), 1), repeated([], 1))).comparisons[0].difference("json_exact")
    often = compare_runs(runs(repeated(range(6), 9), repeated([], 9))).comparisons[0]
    exact = often.difference("json_exact")
    assert (once.n, exact.n) == (30, 270)
    assert exact.value == pytest.approx(once.value)
    # Independent cases would give 1e-16: nine times the same answer is no more evidence than one.
    assert exact.p > 1e-3
    assert often.ratio.interval is None
    assert (
        often.detectable.observed
        == compare_runs(runs(repeated(range(6), 1), repeated([], 1))).comparisons[0].detectable.observed
    )


def test_the_published_scorer_decides_for_runs_of_its_profile(runs):
    case = replace(cases(1)[0], expected_output={"value": True})
    before, after = [result_of(case, '{"value": true}')], [result_of(case, '{"value": 1}')]
    ours = compare_runs(runs(before, after)).comparisons[0]
    theirs = compare_runs(runs(before, after, settings={"profile": "v3"}))
    assert ours.difference("json_exact").down == 1
    assert theirs.profile == "v3"
    assert theirs.comparisons[0].difference("json_exact").down == 0


def test_a_baseline_without_hits_has_no_ratio_but_an_interval(runs):
    comparison = compare_runs(runs(answers(12, range(12)), answers(12, range(4)))).comparisons[0]
    assert comparison.ratio.value is None
    assert comparison.ratio.interval is not None
    assert comparison.ratio.interval.high == float("inf")
    assert comparison.ratio.interval.low > 1


# Same-model reruns


def test_reruns_of_a_model_raise_alarms_no_oftener_than_stated():
    # A model that answers each case rightly with a chance of its own, run twice on 158 cases.
    generator = random.Random(5)
    rights = [(result_of(case, right(case)), result_of(case, wrong(case))) for case in cases(158)]
    chances = [generator.random() ** 0.5 for _ in rights]
    alarms = 0
    times = 400
    for _ in range(times):
        before, after = (
            [good if generator.random() < chance else bad for (good, bad), chance in zip(rights, chances, strict=True)]
            for _ in range(2)
        )
        gains = sum(new["json_exact"] > old["json_exact"] for old, new in zip(before, after, strict=True))
        losses = sum(new["json_exact"] < old["json_exact"] for old, new in zip(before, after, strict=True))
        alarms += mcnemar(PairedCounts(0, gains, losses, 0)) <= 0.05
    assert 0 < alarms / times <= 0.05


# Models


def test_a_base_and_its_adapter_make_a_training_multiplier(runs):
    descriptions = {
        "base": {"backend": "transformers", "model": "org/base", "revision": None, "adapter": None, "parameters": 10},
        "tuned": {"backend": "transformers", "model": "org/base", "revision": None, "adapter": "org/a"},
        "other": {"backend": "transformers", "model": "org/other", "revision": None, "adapter": "org/b"},
    }
    results = answers(60, range(40), "base") + answers(60, [0], "tuned") + answers(60, [1], "other")
    report = compare_runs(runs(results, descriptions=descriptions))
    assert [(each.base.label, each.trained.label) for each in report.multipliers] == [("base", "tuned")]
    assert report.multipliers[0].ratio.value == pytest.approx(59 / 20)
    assert report.multipliers[0].ratio.interval is not None
    named = compare_runs(runs(results, descriptions=descriptions), base="other")
    assert [(each.base.label, each.trained.label) for each in named.multipliers] == [
        ("other", "base"),
        ("other", "tuned"),
    ]


@pytest.mark.parametrize(
    ("parameters", "size_class"),
    [
        (9_999_999, "NLM"),
        (10_000_000, "MLM"),
        (249_999_999, "MLM"),
        (250_000_000, "SLM"),
        (1_500_000_000, None),
        (None, None),
    ],
)
def test_size_classes(runs, parameters, size_class):
    files = runs(answers(2), answers(2), descriptions={"m": {"parameters": parameters}})
    assert [model.size_class for model in compare_runs(files).models] == [size_class] * 2


def test_what_is_published_of_a_model_stands_beside_it(runs):
    files = runs(answers(2, model="maaza-mlm-135m"), answers(2, model="mine"))
    known, unknown = compare_runs(files, registry=load_registry(bundled.MODELS_FILE)).models
    assert 0.247 in [row.json_exact for row in known.published]
    assert unknown.published == ()


def test_standings_are_on_the_cases_that_all_answered(runs):
    lacking = answers(12)
    lacking[0] = result_of(cases(1)[0], None)
    report = compare_runs(runs(answers(12, [0, 1]), lacking))
    assert [(standing.n, standing.json_exact) for standing in report.standings] == [(11, 10 / 11), (11, 1.0)]
    assert report.standings[0].by_slice == {"simple": 2 / 3, "medium": 1.0, "complex": 1.0}
    assert report.notes == ("1 case could not be answered by m (a.jsonl) or m (b.jsonl) and is left out",)


def test_runs_that_were_scored_otherwise_are_noted(runs):
    strict = answers(6)
    for result in strict:
        result["extraction"]["policy"] = "strict"
    first, second = runs(answers(6), strict)
    second = replace(second, manifest={**second.manifest, "versions": {"pytest-edgejson": "0.0.1"}})
    notes = compare_runs([first, second]).notes
    assert any("different extraction (lenient, strict); edgejson rescore" in note for note in notes)
    assert any("by different versions (0.0.1, " in note for note in notes)


def test_a_run_that_was_cut_off_is_noted(runs):
    first, second = runs(answers(6), answers(6))
    cut = replace(second, manifest={key: value for key, value in second.manifest.items() if key != "finished"})
    assert any("b.jsonl is of a run that was cut off" in note for note in compare_runs([first, cut]).notes)
