"""--edgejson-ray: models in the actors of a cluster of three nodes, which are processes of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
from helpers.clusters import Nodes, actors_here, nodes, wait_for_no_actors
from helpers.projects import Project, completions_in
from helpers.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

RESULTS = "--edgejson-results=results.jsonl"
TIMED = ("latency_s", "compute_s", "stored")
needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed (extra `ray`)")
# A backend that takes its time, and breaks in the ways that its model's name says. It tells in a file what it is asked.
# A number at the end of the name is that of the actors that have to be asked before one of them answers.
BACKEND = """
import os, re, sys, time
from pathlib import Path
from pytest_edgejson.backends.interface import Backend, BackendError, BackendType, Completion

FOLDER = Path(__file__).parent

class Planted(Backend):
    def __init__(self, spec, settings, options):
        self.model = spec.model
        if self.model == "absent" and sys.argv[0].endswith("default_worker.py"):
            raise BackendError(f"{spec.name}: there is no such folder")

    @property
    def fingerprint(self):
        return f"planted {self.model}"

    @property
    def description(self):
        own = {"huge": {"device": "cpu", "bytes": 10**15}, "gpu": {"device": "cuda:0"}}
        return {"backend": "planted", **own.get(self.model.partition("-")[0], {})}

    def render(self, case):
        return case.prompt

    def answer(self, request):
        with (FOLDER / "asked").open("a") as file:
            file.write(f"{self.model} {request.case.id} {os.getpid()}\\n")
        if self.model == "deadly" and request.case.id == "bill-001":
            os._exit(3)
        if self.model.startswith("telling"):
            for _ in range(4):
                time.sleep(0.1)
                self.watch.step(5)
            return Completion(request.key, request.prompt.partition(": ")[2], "stop", output_tokens=20)
        if self.model.startswith("gpu"):
            with (FOLDER / "gpus").open("a") as file:
                file.write(f"{os.environ.get('CUDA_VISIBLE_DEVICES')}\\n")
        if self.model == "slow":
            time.sleep(0.5)
        while self.model == "held" and (FOLDER / "hold").exists():
            time.sleep(0.02)
        if meeting := re.search(r"-(\\d+)$", self.model):
            until = time.monotonic() + 60
            while len(self.asked()) < int(meeting[1]) and time.monotonic() < until:
                time.sleep(0.02)
        return Completion(request.key, request.prompt.partition(": ")[2], "stop")

    def asked(self):
        lines = map(str.split, (FOLDER / "asked").read_text().splitlines())
        return {process for model, _, process in lines if model == self.model}

KIND = BackendType(Planted)
"""
CONFTEST = """
import sys
import planted_backend

def pytest_edgejson_backends():
    return {"planted": planted_backend.KIND}

def pytest_unconfigure():
    print("Ray was", "imported" if "ray" in sys.modules else "left alone")
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    pytest.importorskip("ray", reason="Ray is not installed (extra `ray`)")
    with nodes(1, 1, 1) as found:
        yield found


@pytest.fixture
def planted(project: Project, pytester: pytest.Pytester) -> Project:
    pytester.makepyfile(planted_backend=BACKEND)
    pytester.makeconftest(CONFTEST)
    return project


def asked(project: Project, model: str) -> list[tuple[str, str]]:
    """Return case and process of each time that a model was asked."""
    file = project.root / "asked"
    lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
    return [(case, process) for name, case, process in lines if name == model]


def comparable(project: Project) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in TIMED} for row in project.results()[1]]


def begin(pytester: pytest.Pytester, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.Popen(
        command, cwd=pytester.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait until a condition holds, or a process has ended."""
    wait_until(lambda: condition() or process.poll() is not None, 120)
    assert process.poll() is None, process.communicate()[0]


@pytest.mark.slow
@pytest.mark.usefixtures("model_environment")
def test_results_are_those_of_a_run_without_it(project: Project, pytester: pytest.Pytester, cluster: Nodes) -> None:
    run = ("--edgejson-model=nano", "--edgejson-model=nano-1m-lora", "--edgejson-model=control:rules", RESULTS)
    run += ("--edgejson-dtype=float32", "--edgejson-max-new-tokens=30", "--edgejson-report-only")
    pytester.runpytest_subprocess(*run, "--edgejson-store=alone.sqlite")
    alone = comparable(project)
    result = pytester.runpytest_subprocess(*run, f"--edgejson-ray={cluster.address}")
    assert result.ret == 0
    assert comparable(project) == alone
    assert not any(row["stored"] for row in project.results()[1])
    assert len(alone) == 18
    result.stdout.fnmatch_lines([f"edgejson: models run in actors of Ray ({cluster.address})"])
    result.stdout.no_fnmatch_line("*raylet*")
    # The store has them now.
    pytester.runpytest_subprocess(*run, f"--edgejson-ray={cluster.address}")
    assert all(row["stored"] for row in project.results()[1])


@pytest.mark.slow
def test_what_the_store_has_starts_no_cluster_of_this_machine(planted: Project, pytester: pytest.Pytester) -> None:
    run = ("--edgejson-model=planted:quick", RESULTS)
    pytester.runpytest_subprocess(*run).assert_outcomes(passed=6)
    result = pytester.runpytest_subprocess(*run, "--edgejson-ray")
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(["Ray was left alone"])
    assert all(row["stored"] for row in planted.results()[1])


@pytest.mark.slow
@needs_ray
def test_a_cluster_of_this_machine_ends_with_the_run(planted: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--edgejson-model=planted:quick", RESULTS, "--edgejson-ray")
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(["edgejson: models run in actors of Ray (a cluster of this machine)"])
    assert len(asked(planted, "quick")) == 6
    wait_for_no_actors()


@pytest.mark.slow
def test_models_run_at_once_on_all_nodes_and_an_early_end_stops_them(
    planted: Project, pytester: pytest.Pytester, cluster: Nodes
) -> None:
    run = ("--edgejson-model=control:empty", f"--edgejson-ray={cluster.address}")
    together = pytester.runpytest_subprocess(*run, RESULTS, "--edgejson-model=planted:all-3", "--edgejson-repeat=3")
    together.assert_outcomes(passed=18, failed=18)
    assert len(asked(planted, "all-3")) == 18
    assert len({process for _, process in asked(planted, "all-3")}) == 3
    run = (*run, "--edgejson-model=planted:slow", "--edgejson-store=other.sqlite")
    pytester.runpytest_subprocess(*run, "-x", "--edgejson-repeat=9").assert_outcomes(failed=1)
    assert len(asked(planted, "slow")) < 54
    assert completions_in(planted.root / "other.sqlite") >= 1
    wait_for_no_actors()


@pytest.mark.slow
def test_the_time_left_is_that_of_the_model_whose_turn_it_is(
    planted: Project, pytester: pytest.Pytester, cluster: Nodes
) -> None:
    pytester.makeconftest(CONFTEST + "from pytest_edgejson.backends import progress\nprogress.LOG_EVERY_S = 0\n")
    run = ("--edgejson-model=planted:telling-a", "--edgejson-model=planted:telling-b", "--edgejson-repeat=5")
    result = pytester.runpytest_subprocess(*run, f"--edgejson-ray={cluster.address}")
    result.assert_outcomes(passed=60)
    result.stdout.re_match_lines([r"planted:telling-a: \d+/30 cases .* left", r"planted:telling-b: \d+/\d+ cases"])


@pytest.mark.slow
def test_an_actor_has_a_gpu_of_its_own_where_nodes_have_some(
    planted: Project, pytester: pytest.Pytester, cluster: Nodes
) -> None:
    node = cluster.add(num_cpus=1, num_gpus=2)
    run = (f"--edgejson-ray={cluster.address}", "--edgejson-repeat=3")
    try:
        pytester.runpytest_subprocess(*run, "--edgejson-model=planted:gpu-2").assert_outcomes(passed=18)
        assert set((planted.root / "gpus").read_text().split()) == {"0", "1"}
        assert len({process for _, process in asked(planted, "gpu-2")}) == 2
        shared = pytester.runpytest_subprocess(*run, "--edgejson-model=planted:gpu-4", "--edgejson-device=cuda,cuda")
        shared.assert_outcomes(passed=18)
        assert len({process for _, process in asked(planted, "gpu-4")}) == 4
    finally:
        cluster.kill(node)


@pytest.mark.slow
def test_a_deadline_ends_the_run(planted: Project, pytester: pytest.Pytester, cluster: Nodes) -> None:
    run = ("--edgejson-model=planted:slow", f"--edgejson-ray={cluster.address}", RESULTS, "--edgejson-repeat=30")
    result = pytester.runpytest_subprocess(*run, "--edgejson-deadline=15", "--edgejson-diffs=none", "-q")
    assert result.ret == 1
    reasons = Counter(row["finish_reason"] for row in planted.results()[1])
    assert reasons["stop"] > 0
    assert reasons["timeout"] == 180 - reasons["stop"]


@pytest.mark.slow
def test_a_node_that_dies_loses_only_what_was_under_way(
    planted: Project, pytester: pytest.Pytester, cluster: Nodes
) -> None:
    doomed = cluster.add(num_cpus=1)
    (planted.root / "hold").touch()
    run = ("--edgejson-model=planted:held", f"--edgejson-ray={cluster.address}", RESULTS, "--edgejson-repeat=20")
    process = begin(pytester, *run)
    wait_for(lambda: len({worker for _, worker in asked(planted, "held")}) == 4, process)
    cluster.kill(doomed)
    wait_for(lambda: len(actors_here()) == 3, process)
    (planted.root / "hold").unlink()
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 0, output
    assert "120 passed" in output
    assert "raylet" not in output
    # Each worker is at one case at a time.
    assert len(asked(planted, "held")) == 121


@pytest.mark.slow
def test_a_model_of_which_three_actors_die_is_an_error_and_others_go_on(
    planted: Project, pytester: pytest.Pytester, cluster: Nodes
) -> None:
    models = ("--edgejson-model=planted:deadly", "--edgejson-model=planted:quick")
    result = pytester.runpytest_subprocess(*models, f"--edgejson-ray={cluster.address}", RESULTS)
    rows = planted.results()[1]
    assert {row["finish_reason"] for row in rows if row["model"] == "planted:quick"} == {"stop"}
    errors = {row["error"] for row in rows if row["model"] == "planted:deadly" and row["finish_reason"] == "error"}
    (error,) = errors
    assert error.startswith("planted:deadly: given up after 3 actors died of it; of the last: ")
    assert Counter(case for case, _ in asked(planted, "deadly"))["bill-001"] >= 3
    assert result.ret == 1
    result.stdout.no_fnmatch_line("*raylet*")


@pytest.mark.slow
def test_ctrl_c_leaves_no_actor_behind(planted: Project, pytester: pytest.Pytester, cluster: Nodes) -> None:
    run = ("--edgejson-model=planted:slow", f"--edgejson-ray={cluster.address}", "--edgejson-repeat=90")
    process = begin(pytester, *run)
    wait_for(lambda: len({worker for _, worker in asked(planted, "slow")}) == 3, process)
    assert len(actors_here()) == 3
    os.killpg(process.pid, signal.SIGINT)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    wait_for_no_actors()
    before = len(asked(planted, "slow"))
    time.sleep(1)
    assert len(asked(planted, "slow")) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("absent", "node * (and 2 other nodes): planted:absent: there is no such folder"),
        (
            "huge",
            "node * (and 2 other nodes): planted:huge: 1,000,000.0 GB of weights do not fit into the * that are free*",
        ),
    ],
)
def test_what_nodes_lack_is_one_line_before_the_first_case(
    planted: Project, pytester: pytest.Pytester, cluster: Nodes, model: str, said: str
) -> None:
    models = ("--edgejson-model=planted:quick", f"--edgejson-model=planted:{model}")
    result = pytester.runpytest_subprocess(*models, f"--edgejson-ray={cluster.address}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --edgejson-ray: {said}"])
    assert not asked(planted, "quick")


@pytest.mark.slow
def test_a_node_with_another_version_is_one_line(
    planted: Project, pytester: pytest.Pytester, cluster: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "old" / "pytest_edgejson"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('__version__ = "0.0.1"\n')
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", str(package.parent))
        node = cluster.add(num_cpus=1)
    try:
        result = pytester.runpytest_subprocess("--edgejson-model=planted:quick", f"--edgejson-ray={cluster.address}")
    finally:
        cluster.kill(node)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: --edgejson-ray: node * has pytest-edgejson 0.0.1 and this machine has pytest-edgejson *: install *"]
    )


@pytest.mark.slow
@needs_ray
def test_an_address_where_nothing_answers_is_a_usage_error(planted: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--edgejson-model=planted:quick", "--edgejson-ray=127.0.0.1:1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --edgejson-ray=127.0.0.1:1: nothing answers there *: start a cluster *"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--edgejson-ray=cases/test",), "*'cases/test' is no address of a Ray cluster: *"),
        (("--edgejson-ray=ray://head:10001",), "*run pytest itself there (ray job submit)*"),
        (("--edgejson-ray", "-n2"), "*--edgejson-ray runs models in actors and pytest in one process: leave -n out*"),
        (("--edgejson-ray", "--edgejson-device=cuda:1"), "*Ray chooses which GPU an actor gets: *"),
    ],
)
def test_what_does_not_go_with_it_is_a_usage_error(
    project: Project, pytester: pytest.Pytester, arguments: tuple[str, ...], said: str
) -> None:
    result = pytester.runpytest_inprocess("--edgejson-model=control:gold", *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([said])


def test_models_of_servers_are_asked_from_here(project: Project, pytester: pytest.Pytester) -> None:
    models = (
        "--edgejson-model=control:gold",
        "--edgejson-model=openai:gpt",
        "--edgejson-base-url=http://127.0.0.1:9/v1",
    )
    result = pytester.runpytest_inprocess(*models, "--edgejson-ray", "--co")
    result.stdout.fnmatch_lines(["edgejson: openai:gpt: asked from here, as many cases at once as concurrency *"])
