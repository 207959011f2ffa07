"""`--edgejson-html`: the page of a run."""

from __future__ import annotations

import pytest
from helpers.projects import Project, run_pytest

pytest.importorskip("jinja2", reason="of the extra html")
pytest.importorskip("matplotlib", reason="of the extra html")

MISS = '{"name": "</script><script>alert(1)</script>", "age": 36}'


@pytest.mark.parametrize("extra", ["", pytest.param("-n2", marks=pytest.mark.slow), "-pno:terminal"])
def test_a_run_leaves_its_page(project: Project, pytester: pytest.Pytester, extra: str) -> None:
    model = project.record({"contact-001": MISS})
    gate = "--edgejson-gate=json_exact>=0.9"
    run_pytest(pytester, f"--edgejson-model={model}", gate, "--edgejson-html=out/page.html", *extra.split())
    page = (project.root / "out" / "page.html").read_text(encoding="utf-8")
    assert '<p class="callout fail">gate: replay:answers may not be released: 1 of 1 gate fails</p>' in page
    assert "83.3 %<small> [43.6, 97.0]</small>" in page
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in page
    assert "alert(1)</script>" not in page


def test_a_page_tells_gains_and_regressions_against_the_baseline(project: Project, pytester: pytest.Pytester) -> None:
    before = project.record({"bill-001": "{}"}, "before.jsonl")
    pytester.runpytest(f"--edgejson-model={before}", "--edgejson-results=baseline.jsonl")
    after = project.record({"contact-001": MISS}, "after.jsonl")
    pytester.runpytest(f"--edgejson-model={after}", "--edgejson-baseline=baseline.jsonl", "--edgejson-html=page.html")
    page = (project.root / "page.html").read_text(encoding="utf-8")
    assert '<span class="change">regression</span>' in page
    assert '<span class="change">gain</span>' in page
    assert "No evidence of a difference between <code>replay:before</code> and <code>replay:after" in page


def test_a_place_of_rows_is_refused_before_anything_runs(project: Project, pytester: pytest.Pytester) -> None:
    model = project.record({})
    result = pytester.runpytest(f"--edgejson-model={model}", "--edgejson-html=page.jsonl")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*page.jsonl is a name for rows, which a page would replace*"])
