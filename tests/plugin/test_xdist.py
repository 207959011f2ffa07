"""`-n`: the same results, each case generated once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from helpers.projects import Project

from pytest_edgejson.plugin.xdist import blocks

Calls = Callable[[], dict[str, list[list[str]]]]


def test_workers_give_the_same_results(project: Project, pytester: pytest.Pytester) -> None:
    wrong = {"contact-002": "{}", "bill-001": '{"number": 1}'}
    model = project.record(wrong)
    run = (f"--edgejson-model={model}", "--edgejson-results=results.jsonl", "-p", "no:cacheprovider")
    pytester.runpytest_subprocess(*run).assert_outcomes(passed=4, failed=2)
    _, alone = project.results()
    result = pytester.runpytest_subprocess(*run, "-n2", "-v")
    result.assert_outcomes(passed=4, failed=2)
    result.stdout.fnmatch_lines(["*JSONExact*", "all *6*"])
    _, together = project.results()

    def key(row: dict) -> str:
        return row["case_id"]

    assert sorted(alone, key=key) == sorted(together, key=key)


@pytest.fixture
def calls(project: Project, pytester: pytest.Pytester) -> Calls:
    """Let controls write down what they are asked; the result reads it: names of cases by call and by worker."""
    pytester.makeconftest(
        """
        import os
        from pytest_edgejson.backends import control

        generate = control.ControlBackend.generate

        def counting(self, requests):
            with open(f"{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}.calls", "a") as file:
                file.write(" ".join(request.key.rpartition("::")[2] for request in requests) + "\\n")
            return generate(self, requests)

        control.ControlBackend.generate = counting
        """
    )

    def read() -> dict[str, list[list[str]]]:
        found = {}
        for file in project.root.glob("*.calls"):
            found[file.stem] = [line.split() for line in file.read_text(encoding="utf-8").splitlines()]
            file.unlink()
        return found

    return read


def flat(found: dict[str, list[list[str]]]) -> tuple[list[int], list[str]]:
    """Return how many cases each call asked for, and all that was asked."""
    each = [call for calls in found.values() for call in calls]
    return sorted(map(len, each)), [name for call in each for name in call]


@pytest.mark.slow
def test_each_worker_generates_only_its_block(pytester: pytest.Pytester, calls: Calls) -> None:
    models = ("--edgejson-model=control:gold", "--edgejson-model=control:empty")
    pytester.runpytest_subprocess(*models, "-n2").assert_outcomes(passed=6, failed=6)
    found = calls()
    # Two blocks of each model, three cases in each; which worker is free for the second model's blocks is chance.
    sizes, asked = flat(found)
    assert sizes == [3, 3, 3, 3]
    assert len(set(asked)) == len(asked) == 12
    for call in (call for calls in found.values() for call in calls):
        assert len({name.partition("[")[2] for name in call}) == 1


@pytest.mark.slow
def test_workers_begin_with_the_same_model(pytester: pytest.Pytester, calls: Calls) -> None:
    models = ("--edgejson-model=control:gold", "--edgejson-model=control:empty")
    # Blocks of three and two cases.
    pytester.runpytest_subprocess(*models, "-n2", "-k", "not tree").assert_outcomes(passed=5, failed=5)
    first = [name for each in calls().values() for name in each[0]]
    assert len(first) == 5
    assert all(name.endswith("[control:gold]") for name in first)


@pytest.mark.slow
def test_more_workers_than_cases(pytester: pytest.Pytester, calls: Calls) -> None:
    run = ("--edgejson-model=control:gold", "-n4", "-k", "contact-001 or tree")
    pytester.runpytest_subprocess(*run).assert_outcomes(passed=2)
    assert flat(calls())[0] == [1, 1]


@pytest.mark.slow
def test_last_failed_is_shared_out_again(pytester: pytest.Pytester, calls: Calls) -> None:
    pytester.runpytest_subprocess("--edgejson-model=control:empty", "-k", "contact").assert_outcomes(failed=3)
    calls()
    run = ("--edgejson-model=control:empty", "-n2", "--lf", "--edgejson-store=other.sqlite")
    pytester.runpytest_subprocess(*run).assert_outcomes(failed=3)
    sizes, asked = flat(calls())
    assert sizes == [1, 2]
    assert sorted(name.partition("[")[0] for name in asked) == ["contact-001", "contact-002", "contact-003"]
    # The store is one for all workers.
    pytester.runpytest_subprocess(*run).assert_outcomes(failed=3)
    assert calls() == {}


@pytest.mark.slow
def test_nothing_is_generated_twice_before_a_stop(pytester: pytest.Pytester, calls: Calls) -> None:
    result = pytester.runpytest_subprocess("--edgejson-model=control:empty", "-n2", "--maxfail=1")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    sizes, asked = flat(calls())
    assert set(sizes) == {3}
    assert len(set(asked)) == len(asked)


@pytest.mark.slow
def test_a_worker_that_dies_costs_the_case_it_died_of(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import os
        from pathlib import Path

        def pytest_runtest_call(item):
            if item.name.startswith("bill-002"):
                with Path("deaths.txt").open("a") as file:
                    file.write("x")
                os._exit(9)
        """
    )
    result = pytester.runpytest_subprocess("--edgejson-model=control:gold", "-n2", "--edgejson-results=results.jsonl")
    result.assert_outcomes(passed=5, failed=1)
    result.stdout.fnmatch_lines(["*worker 'gw?' crashed while running 'cases/test/medium/bill.jsonl::bill-002*"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert (project.root / "deaths.txt").read_text(encoding="utf-8") == "x"
    _, rows = project.results()
    assert len(rows) == 5


@pytest.mark.slow
def test_what_a_worker_leaves_is_run_by_others_but_for_the_case_it_died_of(
    project: Project, pytester: pytest.Pytester
) -> None:
    # Two cases of five models: each worker gets one of each. One dies of its fourth, and has three done and one to do;
    # the other has then asked for its last ones and was not yet told that there are no more.
    pytester.makeconftest(
        """
        import os
        import time
        from pathlib import Path

        def wait_for(name):
            until = time.monotonic() + 60
            while not Path(name).exists() and time.monotonic() < until:
                time.sleep(0.01)

        def pytest_configure(config):
            Path(f"{os.environ.get('PYTEST_XDIST_WORKER')} began").touch()

        def pytest_runtest_call(item):
            case, _, model = item.name.rstrip("]").partition("[")
            other = {"contact-001": "contact-002", "contact-002": "contact-001"}[case]
            Path(item.name).touch()
            if model != "last":
                wait_for(f"{other}[{model}]")
            if item.name == "contact-001[deadly]":
                with Path("deaths").open("a") as file:
                    file.write("x")
                os._exit(9)
            if item.name == "contact-002[deadly]":
                wait_for("gw2 began")
        """
    )
    models = ("first", "second", "third", "deadly", "last")
    (project.root / "models.toml").write_text(
        "".join(f'[models.{name}]\nmodel = "gold"\nbackend = "control"\n' for name in models)
    )
    run = [f"--edgejson-model={name}" for name in models]
    result = pytester.runpytest_subprocess(*run, "-n2", "-k", "contact-001 or contact-002", timeout=120)
    result.assert_outcomes(passed=9, failed=1)
    assert (project.root / "deaths").read_text(encoding="utf-8") == "x"


def test_dist_each_is_a_usage_error(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--edgejson-model=control:gold", "--dist=each", "--tx=2*popen")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*ERROR: --dist=each would run every case once per worker*"])


@pytest.mark.slow
@pytest.mark.parametrize("dist", ["loadfile", "loadscope", "loadgroup", "worksteal"])
def test_other_ways_to_distribute_generate_case_by_case(pytester: pytest.Pytester, calls: Calls, dist: str) -> None:
    result = pytester.runpytest_subprocess("--edgejson-model=control:gold", "-n2", f"--dist={dist}")
    result.assert_outcomes(passed=6)
    # Which matters to models in process only.
    result.stdout.no_fnmatch_line("*generated alone*")
    sizes, asked = flat(calls())
    assert sizes == [1] * 6
    assert len(set(asked)) == 6


@pytest.mark.slow
def test_other_tests_run_beside_cases(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_own="import pytest\n@pytest.mark.parametrize('n', range(20))\ndef test_own(n): pass")
    pytester.runpytest_subprocess("--edgejson-model=control:gold", "-n2", ".").assert_outcomes(passed=26)


def test_blocks_take_turns() -> None:
    ids = [f"a.jsonl::c{number}[{model}]" for model in ("m", "n") for number in range(5)]
    found = blocks([*ids, "test_a.py::test_b"], ("m", "n"), 2)
    assert [found[name] for name in ids] == ["m#0", "m#1", "m#0", "m#1", "m#0", "n#0", "n#1", "n#0", "n#1", "n#0"]
    assert "test_a.py::test_b" not in found


def test_a_block_has_the_repeats_of_its_model_and_no_other_models_cases() -> None:
    ids = [f"a.jsonl::c{number}[{end}]" for end in ("m", "m-r2", "m-r8") for number in range(2)]
    found = blocks(ids, ("m", "m-r8"), 2)
    assert [found[name] for name in ids] == ["m#0", "m#1", "m#0", "m#1", "m-r8#0", "m-r8#1"]
