"""`-n`: the same results, each case generated once."""

from __future__ import annotations

import pytest
from projects import Project

from pytest_edgejson.xdist import blocks


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


def test_each_worker_generates_only_its_block(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import os
        from pytest_edgejson.backends import control

        generate = control.ControlBackend.generate

        def counting(self, requests):
            with open(f"{os.environ['PYTEST_XDIST_WORKER']}.txt", "a") as file:
                file.write(" ".join(request.key.rpartition("::")[2] for request in requests) + "\\n")
            return generate(self, requests)

        control.ControlBackend.generate = counting
        """
    )
    models = ("--edgejson-model=control:gold", "--edgejson-model=control:empty")
    pytester.runpytest_subprocess(*models, "-n2").assert_outcomes(passed=6, failed=6)
    calls = [
        line.split() for file in project.root.glob("gw*.txt") for line in file.read_text(encoding="utf-8").splitlines()
    ]
    # Two blocks of each model, three cases in each; which worker is free for the second model's blocks is chance.
    assert [len(call) for call in calls] == [3, 3, 3, 3]
    asked = [key for call in calls for key in call]
    assert len(set(asked)) == len(asked) == 12
    assert all(len({key.partition("[")[2] for key in call}) == 1 for call in calls)


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


def test_dist_each_is_a_usage_error(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--edgejson-model=control:gold", "--dist=each", "--tx=2*popen")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*ERROR: --dist=each would run every case once per worker*"])


@pytest.mark.parametrize("dist", ["loadfile", "loadscope", "worksteal"])
def test_other_ways_to_distribute(project: Project, pytester: pytest.Pytester, dist: str) -> None:
    result = pytester.runpytest_subprocess("--edgejson-model=control:gold", "-n2", f"--dist={dist}")
    result.assert_outcomes(passed=6)


def test_other_tests_run_beside_cases(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_own="import pytest\n@pytest.mark.parametrize('n', range(20))\ndef test_own(n): pass")
    pytester.runpytest_subprocess("--edgejson-model=control:gold", "-n2", ".").assert_outcomes(passed=26)


def test_blocks_take_turns() -> None:
    ids = [f"a.jsonl::c{number}[{model}]" for model in ("m", "n") for number in range(5)]
    found = blocks([*ids, "test_a.py::test_b"], 2)
    assert [found[name] for name in ids] == ["m#0", "m#1", "m#0", "m#1", "m#0", "n#0", "n#1", "n#0", "n#1", "n#0"]
    assert "test_a.py::test_b" not in found
