"""The page of a report, as a file and in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers.answers import HOSTILE, scored
from helpers.chromium import opened, started
from helpers.runs import answers, overview_of, write_run

pytest.importorskip("jinja2", reason="of the extra html")
pytest.importorskip("matplotlib", reason="of the extra html")

from pytest_edgejson.cli import main
from pytest_edgejson.report.diff.render import render_diff
from pytest_edgejson.report.html.cases import make_browser
from pytest_edgejson.report.html.page import render_page
from pytest_edgejson.report.html.report import write_report_page
from pytest_edgejson.report.overview import Overview
from pytest_edgejson.results.compare.runs import model_runs
from pytest_edgejson.results.file import Run
from pytest_edgejson.results.manifest import make_manifest
from pytest_edgejson.results.result import Result

# All look at pages in Chromium; tests/plugin/test_option_html.py makes one without it.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with started() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run that misses cases 1 and 2, and of one that misses 2 and 3."""
    folder = tmp_path_factory.mktemp("runs")
    for name, misses in (("before", (1, 2)), ("after", (2, 3))):
        results: list[Any] = [result | {"latency_s": 0.5 + number} for number, result in enumerate(answers(12, misses))]
        write_run(folder / f"{name}.jsonl", results, {"m": {"parameters": 1_000_000}})
    return page_of(folder, folder / "before.jsonl", folder / "after.jsonl")


def page_of(folder: Path, *files: Path) -> Path:
    page = folder / "out" / "report.html"
    assert main(["report", *map(str, files), "--html", str(page)]) == 0
    return page


def ids(page: Any, status: str) -> list[str]:
    """The ids of the rows, once the line above them says so many."""
    page.locator("#status", has_text=re.compile(f"^{status}$")).wait_for()
    found: list[str] = page.locator(".case summary > code").all_text_contents()
    return found


def test_it_filters_searches_and_shows_the_diff(browser: Any, two_runs: Path) -> None:
    with opened(browser, two_runs) as page:
        assert len(ids(page, "12 cases")) == 12
        page.select_option("#change", label="regressions")
        assert ids(page, "1 of 12 cases") == ["case-003"]
        page.select_option("#change", label="gains")
        assert ids(page, "1 of 12 cases") == ["case-001"]
        page.click("button[type=reset]")
        assert len(ids(page, "12 cases")) == 12
        page.select_option("#kind", label="every miss")
        assert ids(page, "3 of 12 cases") == ["case-001", "case-002", "case-003"]
        page.select_option("#model", label="m (after.jsonl)")
        assert ids(page, "2 of 12 cases") == ["case-002", "case-003"]
        page.select_option("#schema", label="complex1")
        assert ids(page, "0 of 12 cases") == []
        page.click("button[type=reset]")
        assert len(ids(page, "12 cases")) == 12
        # A prompt, which is in no row.
        page.fill("#search", "name: n7,")
        assert ids(page, "1 of 12 cases") == ["case-007"]
        page.click("button[type=reset]")
        assert len(ids(page, "12 cases")) == 12
        page.fill("#search", "3 → -1")
        assert ids(page, "1 of 12 cases") == ["case-003"]
        page.locator(".case summary").click()
        article = page.locator("article").nth(1)
        article.wait_for()
        assert article.locator(".diff tbody tr").all_text_contents() == ["valuehallucinated3 → -1"]
        assert article.locator("tbody del").text_content() == "3"
        assert article.locator("tbody ins").text_content() == "-1"
        assert '{"value": -1, "name": "n3"}' in article.locator("pre").text_content()


def test_its_diff_is_that_of_the_terminal(browser: Any, tmp_path: Path) -> None:
    words = "some words that both of these texts have in common " * 3
    expected = {"a": 1, "long": f"{words} five {words}", "list": [{"x": 1, "y": 2}, {"x": 3, "y": 4}], "b": 2}
    result = scored(expected, {"a": 2, "long": f"{words} nine {words}", "list": [{"x": 3, "y": 5}], "c": "new", "b": 2})
    with opened(browser, html_of(tmp_path, [result])) as page:
        page.locator(".case summary").click()
        rows = page.locator(".diff tbody tr")
        rows.first.wait_for()
        shown = [" ".join(row.locator("th, td").all_text_contents()) for row in rows.all()]
        shown.append(page.locator(".rest").text_content())
    told = re.sub(r"\[-|-\]|\{\+|\+\}|\"(?=some)|(?<=common )\"", "", render_diff(result, width=100)).splitlines()
    assert [_plain(line) for line in shown] == [_plain(line) for line in told]
    assert len(shown) > 5


def _plain(line: str) -> str:
    """A line without spaces, and without the quotes around a text of which words are compared."""
    return re.sub(r'\s|"(?=…)|(?<=…)"', "", line)


def test_a_link_keeps_the_filters(browser: Any, two_runs: Path) -> None:
    with opened(browser, two_runs) as page:
        page.select_option("#change", label="gains")
        assert ids(page, "1 of 12 cases") == ["case-001"]
        fragment = page.url.partition("#")[2]
    with opened(browser, two_runs, fragment) as page:
        assert ids(page, "1 of 12 cases") == ["case-001"]


def test_it_goes_by_keyboard(browser: Any, two_runs: Path) -> None:
    with opened(browser, two_runs) as page:
        page.keyboard.press("/")
        page.keyboard.type("case-00")
        assert len(ids(page, "10 of 12 cases")) == 10
        page.evaluate("document.activeElement.blur()")
        for key in ("j", "j", "k", "Enter"):
            page.keyboard.press(key)
        page.locator("article").first.wait_for()
        assert page.locator(".case[open] > summary > code").all_text_contents() == ["case-000"]


def test_it_reads_without_scripts(browser: Any, two_runs: Path) -> None:
    with opened(browser, two_runs, java_script_enabled=False) as page:
        assert page.locator("#filters").is_hidden()
        # What is looked at first comes first.
        assert ids(page, r"12 cases\.")[:3] == ["case-003", "case-001", "case-002"]
        page.locator(".case summary").first.click()
        assert page.locator(".case").first.locator("ins", has_text="-1").is_visible()


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_screen_and_follows_the_scheme(browser: Any, two_runs: Path, width: int, scheme: str) -> None:
    viewport = {"width": width, "height": 800}
    with opened(browser, two_runs, color_scheme=scheme, viewport=viewport) as page:
        page.locator(".case summary").first.click()
        page.locator("article").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        is_dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 28)"
        assert is_dark == (scheme == "dark")
        # Plots take their colours from the page.
        colours = page.evaluate("[...document.querySelectorAll('svg text')].map((text) => getComputedStyle(text).fill)")
        assert set(colours) == {page.evaluate("getComputedStyle(document.body).color")}
        page.emulate_media(media="print")
        assert page.locator("#filters").is_hidden()
        assert page.locator("article").first.is_visible()


def html_of(folder: Path, results: Sequence[Result]) -> Path:
    """A page of results that were made up."""
    run = Run(folder / "r.jsonl", make_manifest({}, {}, folder), tuple(results), {})
    write_report_page(folder / "report.html", Overview([run], model_runs([run], {})))
    return folder / "report.html"


HOSTILE_TEXTS = [
    "</script><script>document.title='taken'</script>",
    "<img src=x onerror=\"document.title='taken'\">",
    "</pre></details></template><svg onload=\"document.title='taken'\">",
    "{{ 7 * 7 }}{% for x in y %}$math_{x}$",
    HOSTILE,
    "\u202etxt.exe\u2066\u200b\ufeff\u0000",
    "<!-- <base href=//evil.example> --> ]]> &lt; &#x41;",
]


@pytest.mark.parametrize("scripts", [True, False])
def test_hostile_answers_are_text(browser: Any, tmp_path: Path, scripts: bool) -> None:
    results: list[Any] = []
    for number, text in enumerate([*HOSTILE_TEXTS, "<b>" + "x" * 1_000_000]):
        expected = {"text": "right", text[:200]: 1}
        result = scored(expected, json.dumps({"text": text, f"more {text[:200]}": text}), prompt=text)
        names = {"case_id": f"{number} {text}", "schema_id": text, "model": f"model {text}"}
        results.append({**result, **names, "error": text, "violations": [{"path": text, "message": text}]})
    file = html_of(tmp_path, results)
    page_text = file.read_bytes().decode("utf-8")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]", page_text)
    assert len(page_text) < 3_000_000
    with opened(browser, file, java_script_enabled=scripts) as page:
        for row in page.locator(".case > summary").all():
            row.click()
        page.locator(f"article >> nth={len(results) - 1}").wait_for()
        assert "taken" not in page.title().replace("document.title='taken'", "")
        assert (
            page.locator("main img, main base, main iframe, [onload], [onerror], article script, article b").count()
            == 0
        )
        shown = page.locator("#list").text_content()
        for text in (HOSTILE_TEXTS[0], HOSTILE_TEXTS[3], r"\u202etxt.exe\u2066\u200b\ufeff\x00", r"\ud800"):
            assert text in shown


@pytest.mark.parametrize("models", [1, 40])
def test_ten_thousand_results_are_a_page_of_20_mb_that_begins_with_a_hundred(
    browser: Any, tmp_path: Path, models: int
) -> None:
    file = tmp_path / "report.html"
    write_report_page(file, overview_of(tmp_path, 10_000, models))
    assert file.stat().st_size < 20_000_000
    with opened(browser, file) as page:
        assert page.locator(".case").count() == 100


def test_what_the_page_has_no_room_for_is_left_out(browser: Any, tmp_path: Path) -> None:
    run = write_run(tmp_path / "r.jsonl", answers(100, misses=[97]))
    models = model_runs([run], {})
    whole = make_browser(models, ())
    some = make_browser(models, (), most_bytes=len(whole.index) + len(whole.chunks[0]) + 100)
    assert len(whole.chunks) == 4
    assert len(some.chunks) == 1
    (tmp_path / "report.html").write_text(render_page("r", [], [], some), encoding="utf-8")
    with opened(browser, tmp_path / "report.html") as page:
        # The miss is kept, whose place in the file is behind most of what is left out.
        page.locator(".case summary", has_text="case-097").click()
        page.locator("article").wait_for()
        page.locator(".case summary", has_text="case-098").click()
        assert page.locator(".case .note").text_content().startswith("Left out")


def test_a_thought_stands_above_its_output(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r.jsonl", [result | {"thought": "Is it 3?"} for result in answers(1)])
    page = page_of(tmp_path, run.path).read_text(encoding="utf-8")
    assert re.search(r"<h4>Thought</h4>\s*<pre>Is it 3\?</pre>.*<h4>Output</h4>", page, re.DOTALL)


def test_a_file_of_rows_is_never_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "r.jsonl", answers(2))
    before = run.path.read_bytes()
    assert main(["report", str(run.path), "--html", str(run.path)]) == 2
    assert "name it such as report.html" in capsys.readouterr().err
    assert run.path.read_bytes() == before


def test_gates_and_text_are_the_same_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gate = {"model": "m", "gate": "lower(json_exact)>=0.9", "outcome": "fail", "note": ""}
    said = gate | {"value": 0.5, "interval": [0.25, 0.75], "n": 12, "bound": 0.9}
    run = write_run(tmp_path / "r.jsonl", answers(12, misses=range(6)))
    lines = run.path.read_text(encoding="utf-8").splitlines()
    lines[0] = json.dumps({**json.loads(lines[0]), "gates": [said]})
    run.path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    verdict, measured = (
        "gate: m may not be released: 1 of 1 gate fails",
        "50.0 % [25.0, 75.0], n 12, margin -65.0 points",
    )
    for extra in ([], ["--format", "markdown"]):
        assert main(["report", str(run.path), *extra]) == 0
        out = capsys.readouterr().out
        assert verdict in out
        assert measured in out
    page = page_of(tmp_path, run.path).read_text(encoding="utf-8")
    assert f'<p class="callout fail">{verdict}</p>' in page
    assert measured in page
