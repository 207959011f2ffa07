"""`edgejson compare`: what is read of a comparison in a terminal, a pull request, a program."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from helpers.runs import answers, cases, result_of, right, write_run, wrong
from markdown_it import MarkdownIt

from pytest_edgejson.cli import main
from pytest_edgejson.report.compare import render_markdown, render_text, statement
from pytest_edgejson.report.compare_json import as_json
from pytest_edgejson.report.document import plain
from pytest_edgejson.results.compare.runs import compare_runs

BOLD = re.compile(r"\x1b\[")


@pytest.fixture
def report(tmp_path):
    """Compare lists of results, each as a run of its own."""

    def make(*lists, names="abcdef", descriptions=None, **options):
        runs = [
            write_run(tmp_path / f"{name}.jsonl", results, descriptions)
            for name, results in zip(names, lists, strict=False)
        ]
        return compare_runs(runs, **options)

    return make


def sentence(report):
    return plain(statement(report.comparisons[0]))


# The first sentence


def test_a_better_model_is_called_better(report):
    assert sentence(report(answers(60, range(8)), answers(60))) == (
        "m (b.jsonl) is better than m (a.jsonl): JSONExact 100.0 % instead of 86.7 % (+13.3 points, 95 % interval "
        "+4.5 to +24.2), 8 gains and 0 regressions, p = 0.008."
    )


def test_a_worse_model_is_called_worse(report):
    text = sentence(report(answers(60), answers(60, range(20))))
    assert text.startswith("m (b.jsonl) is worse than m (a.jsonl): JSONExact 66.7 % instead of 100.0 %")
    assert text.endswith("0 gains and 20 regressions, p < 0.001.")


def test_noise_is_not_called_progress(report):
    text = sentence(report(answers(158, [1, 2, 3]), answers(158, [4, 5])))
    assert re.fullmatch(
        r"No evidence of a difference between m \(a\.jsonl\) and m \(b\.jsonl\): JSONExact 3 gains and 2 regressions, "
        r"p = 1\.00; with 158 cases only differences of about ±\d\.\d points or more would be detected\.",
        text,
    )


def test_the_same_outputs_are_called_the_same(report):
    same = report(answers(60, [3]), answers(60, [3]))
    assert sentence(same) == "No difference: m (a.jsonl) and m (b.jsonl) gave the same 60 outputs."
    assert "against" not in render_text(same)


def test_too_few_cases_are_called_too_few(report):
    text = sentence(report(answers(5, range(5)), answers(5)))
    assert text.startswith("No evidence of a difference")
    assert text.endswith("5 gains and 0 regressions, p = 0.062; with 5 cases no difference could be detected.")


def test_it_is_the_first_line_of_text_and_markdown(report):
    some = report(answers(60, range(8)), answers(60))
    assert render_text(some).startswith("m (b.jsonl) is better than m (a.jsonl): ")
    assert render_markdown(some).startswith("**`m (b.jsonl)` is better than `m (a.jsonl)`: ")


# Text


def test_text_fits_100_columns(report):
    long = [{**result, "model": "a-model-with-a-name-of-its-own-" * 5} for result in answers(60, range(30))]
    descriptions = {"m": {"parameters": 134_515_008}}
    for some in (
        report(answers(60, range(8)), answers(60, [11, 12]), long, descriptions=descriptions),
        report(answers(60, range(60)), answers(60)),
    ):
        assert max(map(len, render_text(some, diffs=None).splitlines())) <= 100


def test_regressions_and_gains_are_listed_and_so_many_shown_with_their_diff(report):
    some = report(answers(60, range(8)), answers(60, [20, 21]))
    text = render_text(some, diffs=1)
    assert "2 regressions (exact before, a miss now)" in text
    assert "8 gains (a miss before, which is shown, exact now)" in text
    for number in (20, 21, *range(8)):
        assert f"  case-{number:03d}: 1 of 2 fields wrong: value {number} → -1" in text
    # A diff under the line of the case, in each list.
    for diffs, shown in ((0, 0), (1, 2), (3, 5), (None, 10)):
        assert len(re.findall(r"^ {4,}.*value.*-1", render_text(some, diffs=diffs), re.MULTILINE)) == shown


def test_colours_are_for_terminals_that_have_them(report):
    some = report(answers(60, range(8)), answers(60))
    assert not BOLD.search(render_text(some))
    assert BOLD.search(render_text(some, color=True))


def test_a_terminal_is_sent_no_control_characters(report):
    evil = [
        result_of(replace(case, id=f"case\x1b[2J{case.id}"), wrong(case).replace("n", "\x1b]0;title\x07"))
        for case in cases(12)
    ]
    for result in evil:
        result["model"] = "m\x1b[31m"
    fine = [{**result, "output": result["output"] + " ", "json_exact": True} for result in evil]
    text = render_text(report(fine, evil), diffs=None)
    assert text.replace("\n", "").isprintable()
    assert "12 regressions" in text


def test_several_models_are_each_compared_and_the_correction_is_named(report):
    text = render_text(report(answers(60), answers(60, range(9)), answers(60, [3])))
    assert "m (b.jsonl) is worse than m (a.jsonl)" in text
    assert "No evidence of a difference between m (a.jsonl) and m (c.jsonl)" in text.replace("\n", " ")
    assert "\nB against A\n---" in text
    assert "\nC against A\n---" in text
    joined = " ".join(text.split())
    assert "corrected for the 2 comparisons" in joined
    assert "Benjamini-Hochberg" in joined


def test_the_smallest_model_comes_first_with_its_class_and_what_is_published(report):
    from pytest_edgejson.backends.models import load_registry
    from pytest_edgejson.suite import bundled

    descriptions = {
        "smollm2-360m": {"parameters": 361_821_120},
        "maaza-mlm-135m": {"parameters": 134_515_008},
        "tiny": {"parameters": 3_279_104},
        "large": {"parameters": 3_000_000_000},
    }
    results = [
        result
        for name in ("smollm2-360m", "large", "unknown", "maaza-mlm-135m", "tiny")
        for result in answers(6, model=name)
    ]
    text = render_text(report(results, descriptions=descriptions, registry=load_registry(bundled.MODELS_FILE)), diffs=0)
    table = [line.split() for line in text.splitlines() if re.match(r"[A-E]   ", line)]
    assert [row[1:4] for row in table] == [
        ["tiny", "3.3M", "NLM"],
        ["maaza-mlm-135m", "134.5M", "MLM"],
        ["smollm2-360m", "361.8M", "SLM"],
        ["large", "3.00B", "100.0"],
        ["unknown", "-", "100.0"],
    ]
    assert "published JSONExact of maaza-mlm-135m, by the v3 scorer: 24.7 % or 46.8 %" in text
    assert "published JSONExact of smollm2-360m, by the v3 scorer: 11.4 % or 5.0 %" in text


def test_a_training_multiplier_is_named(report):
    some = report(answers(60, range(40), "base") + answers(60, [0], "tuned"), base="base")
    assert re.search(
        r"Training multiplier of tuned over base: JSONExact × 2\.95 \[\d\.\d\d, \d\.\d\d\]", render_text(some)
    )
    nothing = report(answers(60, range(60), "base") + answers(60, [0], "tuned"), base="base")
    assert re.search(r"JSONExact × undefined, the baseline has none \[\d+\.\d\d, ∞\]", render_text(nothing))


# Markdown


def test_markdown_has_a_table_and_folds_the_lists(report):
    text = render_markdown(report(answers(60, range(8)), answers(60, [20])), diffs=1)
    assert "| JSONExact   |   n |" in text
    assert "<details><summary>1 regression (exact before, a miss now)</summary>" in text
    assert "<details><summary>8 gains (a miss before, which is shown, exact now)</summary>" in text
    assert text.count("<details>") == text.count("</details>") == 2
    assert text.count("```text") == 2


class Tags(HTMLParser):
    """The tags of a page, and its text outside code."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.prose = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "code" not in self.open:
            self.prose += data


EVIL = (
    "```\n</details><script>alert(1)</script>\n# heading\n| a | b |\n@someone ![x](http://x) **b**",
    "` `` ``` ```` | </summary> <img src=x>",
    "\n\n</details>\n\n<h1>",
    "~~~\n<!-- ",
)


@pytest.mark.parametrize("evil", EVIL)
def test_no_output_and_no_name_can_break_the_markdown(report, evil):
    before = [{**result, "model": f"a{evil}"} for result in answers(12)]
    after = [
        {**result_of(case, json.dumps({"value": evil, evil: evil})), "model": f"b{evil}", "case_id": f"{case.id}{evil}"}
        for case in cases(12)
    ]
    before = [{**result, "case_id": f"{result['case_id']}{evil}"} for result in before]
    text = render_markdown(report(before, after), diffs=None)
    page = Tags(MarkdownIt("commonmark").enable("table").render(text))
    assert set(page.tags) <= {
        *("p", "strong", "ul", "li", "h4", "blockquote", "details", "summary", "code", "pre"),
        *("table", "thead", "tbody", "tr", "th", "td"),
    }
    assert page.open == []
    assert page.tags.count("details") == 1
    assert page.tags.count("table") == 4
    assert page.tags.count("pre") == 12
    # Columns stay as many as they are, whatever stands in the cells.
    assert (page.tags.count("th"), page.tags.count("td")) == (8 + 3 * 8, 2 * 8 + 3 * 4 * 8)
    for part in ("alert", "@someone", "http:", "img", "heading"):
        assert part not in page.prose


def test_markdown_fits_a_comment_and_says_what_it_leaves_out(report):
    many = cases(400)
    before = [result_of(case, right(case)) for case in many]
    after = [result_of(case, json.dumps({"value": -1, "name": "x" * 500})) for case in many]
    text = render_markdown(report(before, after), diffs=None)
    assert len(text) <= 65_536
    assert re.search(r"\d+ diffs left out: a comment holds no more\.", text)
    assert "p: exact McNemar test" in text


# JSON


def test_the_json_document_is_json_and_complete(report):
    some = report(answers(60, range(60), "base"), answers(60, [3], "tuned"), base="base")
    document = as_json(some)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert (document["edgejson_comparison"], document["profile"], document["correction"]) == (
        1,
        "default",
        "Benjamini-Hochberg",
    )
    assert [model["label"] for model in document["models"]] == ["base", "tuned"]
    (comparison,) = document["comparisons"]
    assert comparison["statement"].startswith("tuned is better than base")
    assert comparison["cases"] == {
        "paired": 60,
        "errors": 0,
        "changed": {},
        "only_baseline": [],
        "only_candidate": [],
    }
    overall = next(
        each for each in comparison["differences"] if (each["metric"], each["group"]) == ("json_exact", "all")
    )
    assert (overall["n"], overall["up"], overall["down"]) == (60, 59, 0)
    assert comparison["ratio"]["value"] is None
    assert comparison["ratio"]["interval"][1] is None
    assert [gain["case_id"] for gain in comparison["gains"]][:2] == ["case-000", "case-001"]
    assert comparison["gains"][0]["fields"][0]["path"] == "value"
    assert document["multipliers"][0]["trained"] == "tuned"


# The command


@pytest.fixture
def files(tmp_path):
    write_run(tmp_path / "a.jsonl", answers(60, range(8)))
    write_run(tmp_path / "b.jsonl", answers(60))
    write_run(tmp_path / "other.jsonl", answers(59))
    return tmp_path


def test_the_command_prints_each_form(files, capsys):
    paths = [str(files / "a.jsonl"), str(files / "b.jsonl")]
    assert main(["compare", *paths]) == 0
    assert capsys.readouterr().out.startswith("m (b.jsonl) is better than m (a.jsonl)")
    assert main(["compare", *paths, "--format", "markdown", "--diffs", "none"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("**")
    assert "```" not in out
    assert main(["compare", *paths, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["edgejson_comparison"] == 1


def test_the_command_refuses_a_changed_suite_in_one_line(files, capsys):
    paths = [str(files / "a.jsonl"), str(files / "other.jsonl")]
    assert main(["compare", *paths]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("edgejson: ")
    assert "1 case (case-059) only in" in err
    assert err.count("\n") == 1
    assert main(["compare", *paths, "--common"]) == 0
    assert "THE SUITES DIFFER" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.jsonl"], "holds one model, m: name another results file"),
        (
            ["a.jsonl", "b.jsonl", "--baseline", "x"],
            "no model 'x' in these results; they have: m (a.jsonl), m (b.jsonl)",
        ),
        (["a.jsonl", "nowhere.jsonl"], "nowhere.jsonl: cannot be read: No such file"),
    ],
)
def test_the_command_says_what_is_wrong(files, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(files)
    assert main(["compare", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_run_of_pytest_is_compared(project, pytester, capsys):
    first = project.record(name="first.jsonl")
    second = project.record({"contact-001": '{"name": "Ada", "age": 37}'}, name="second.jsonl")
    for model, file in ((first, "one.jsonl"), (second, "two.jsonl")):
        pytester.runpytest_inprocess(
            f"--edgejson-model={model}", f"--edgejson-results={file}", "--edgejson-report-only"
        )
    capsys.readouterr()
    assert main(["compare", str(pytester.path / "one.jsonl"), str(pytester.path / "two.jsonl")]) == 0
    out = capsys.readouterr().out
    assert "No evidence of a difference between replay:first and replay:second" in out
    assert "contact-001: 1 of 2 fields wrong: age 36 → 37" in out
