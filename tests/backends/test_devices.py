"""`--edgejson-device`, and the devices that workers of pytest-xdist get: one each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from helpers.projects import Project

from pytest_edgejson.backends import devices
from pytest_edgejson.suite import bundled

NANO = "--edgejson-model=nano"
# No model is loaded where there is no time to generate anything.
NO_TIME = "--edgejson-deadline=0.000001"
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.fixture(autouse=True)
def libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    # Not imported: a process imports torch once, and a run inside this one forgets what it imported.
    for name in ("torch", "transformers"):
        if find_spec(name) is None:
            pytest.skip(f"could not find {name}")
    for name in ("OMP_NUM_THREADS", "PYTEST_XDIST_AUTO_NUM_WORKERS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for the folder in which Linux shows its GPUs; empty."""
    monkeypatch.setattr(devices, "_NODES", tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    return tmp_path


@pytest.fixture
def two_gpus(nodes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a stub of torch find two GPUs: no machine that runs these tests need have any."""
    (nodes / "nvidia0").touch()
    torch = ModuleType("torch")
    found = SimpleNamespace(is_available=lambda: True, device_count=lambda: 2)
    torch.__dict__.update(cuda=found, backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: False)))
    monkeypatch.setitem(sys.modules, "torch", torch)


def python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_without_a_gpu_torch_is_not_asked(tmp_path: Path) -> None:
    shown = python(
        "import sys; from pathlib import Path; from pytest_edgejson.backends import devices\n"
        f"devices._NODES = Path({str(tmp_path)!r}); sys.platform = 'linux'\n"
        "print(devices.available(), 'torch' in sys.modules)"
    )
    assert shown == "('cpu',) False"


def test_gpus_that_are_hidden_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "nvidia0").touch()
    shown = python(
        "import sys; from pathlib import Path; from pytest_edgejson.backends import devices\n"
        f"devices._NODES = Path({str(tmp_path)!r}); sys.platform = 'linux'\n"
        "print([name for name in devices.available() if name != 'mps'], 'torch' in sys.modules)",
        CUDA_VISIBLE_DEVICES="",
        HIP_VISIBLE_DEVICES="",
    )
    assert shown in {"['cpu'] True", "[] True"}


@pytest.mark.usefixtures("two_gpus")
def test_every_gpu_is_a_device() -> None:
    assert devices.available() == ("cuda:0", "cuda:1")


@pytest.mark.parametrize(
    ("environment", "threads"),
    [
        ({}, None),
        ({"PYTEST_XDIST_WORKER_COUNT": "1"}, None),
        ({"PYTEST_XDIST_WORKER_COUNT": "2"}, max(1, CORES // 2)),
        ({"PYTEST_XDIST_WORKER_COUNT": "100000"}, 1),
        ({"PYTEST_XDIST_WORKER_COUNT": "2", "OMP_NUM_THREADS": "3"}, None),
    ],
)
def test_workers_share_the_cores(
    monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str], threads: int | None
) -> None:
    # Of the run that these tests are part of.
    monkeypatch.delenv("PYTEST_XDIST_WORKER_COUNT", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert devices.share_of_cores() == threads


@pytest.mark.slow
def test_a_model_takes_its_share_of_the_cores() -> None:
    shown = python(
        "import torch\n"
        "from pytest_edgejson.backends.interface import GenerationSettings, LoadOptions, Request\n"
        "from pytest_edgejson.backends.registry import load_backend\n"
        "from pytest_edgejson.suite.cases import Case\n"
        "from pytest_edgejson.backends.models import resolve_model\n"
        f"spec = resolve_model({str(bundled.ROOT / 'models' / 'nano')!r}, {{}})\n"
        "backend = load_backend(spec, GenerationSettings(max_new_tokens=1), LoadOptions(device='cpu'))\n"
        "case = Case(id='a', schema_id='s', complexity='simple', prompt='a', expected_output={})\n"
        "list(backend.generate([Request('a', 'a', case)]))\n"
        "print(torch.get_num_threads())",
        PYTEST_XDIST_WORKER_COUNT=str(CORES),
    )
    assert shown == "1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["-n2", "--edgejson-device=cpu"],
            "ERROR: -n 2: there is 1 device (cpu) for model nano, which uses all its cores already: leave -n out, or "
            "name as many devices, --edgejson-device=cpu,cpu",
        ),
        (
            ["-n3", "--edgejson-device=cpu:0,cpu:1"],
            "ERROR: -n 3: there are 2 devices (cpu:0, cpu:1) for model nano, which uses the whole of each already: "
            "use -n 2, or name as many devices, --edgejson-device=cpu:0,cpu:1,cpu:0",
        ),
        (
            ["--dist=load", "--tx=2*popen", "--edgejson-device=cpu", "--edgejson-model=models/nano"],
            "ERROR: --tx for 2 workers: there is 1 device (cpu) for models nano, models-nano, each of which uses *",
        ),
        (["-n2", "--edgejson-device=tpu:0,tpu:1"], "ERROR: nano: unknown device 'tpu:0': use cpu, cuda, cuda:N or mps"),
        (
            ["--edgejson-device=cuda:0,cpu"],
            "*'cuda:0,cpu' mixes kinds of devices, whose answers differ: name those of*",
        ),
        (["--edgejson-device=cpu,,cpu"], "*'cpu,,cpu' is no device, nor several with commas between them"),
        (["--edgejson-device="], "*'' is no device, nor several with commas between them"),
    ],
)
def test_wrong_devices_are_usage_errors_before_a_worker_starts(
    project: Project, pytester: pytest.Pytester, arguments: list[str], message: str
) -> None:
    (project.root / "models").symlink_to(bundled.ROOT / "models")
    result = pytester.runpytest(NANO, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("*created: *")


@pytest.mark.usefixtures("two_gpus")
def test_gpus_bound_the_workers(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest(NANO, "-n3")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: -n 3: there are 2 devices (cuda:0, cuda:1) for model nano, which uses the whole of each already: "
            "use -n 2, or name as many devices, --edgejson-device=cuda:0,cuda:1,cuda:0"
        ]
    )
    result = pytester.runpytest(NANO, "-n2", "--edgejson-device=cuda:1,cuda:2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: nano: torch finds no cuda:2 here: the last one is cuda:1"])


@pytest.mark.slow
def test_models_without_a_device_scale_freely(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--edgejson-model=control:gold", "-n3", "--edgejson-device=cpu")
    result.assert_outcomes(passed=6)
    result.stdout.no_fnmatch_line("edgejson: workers on*")


@pytest.mark.parametrize(
    ("arguments", "limit", "workers"),
    [
        ([NANO, "--edgejson-device=cpu"], "", 1),
        ([NANO, "--edgejson-device=cpu,cpu,cpu"], "", 3),
        # A variable that may be set for every run of a machine.
        ([NANO, "--edgejson-device=cpu,cpu,cpu"], "2", 2),
        ([NANO, "--edgejson-device=cpu"], "2", 1),
        ([NANO, "--edgejson-model=control:gold", "--edgejson-device=cpu,cpu"], "", 2),
        (["--edgejson-model=control:gold"], "2", 2),
    ],
)
@pytest.mark.parametrize("number", ["auto", "logical"])
def test_auto_is_the_number_of_devices(
    project: Project,
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    limit: str,
    workers: int,
    number: str,
) -> None:
    monkeypatch.setenv("PYTEST_XDIST_AUTO_NUM_WORKERS", limit)
    # Collecting alone starts no workers, but decides on their number before.
    pytester.makeconftest("def pytest_report_header(config): return f'workers: {config.option.numprocesses}'")
    result = pytester.runpytest(*arguments, "-n", number, "--collect-only")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines([f"workers: {workers}"])


@pytest.mark.parametrize("arguments", [[], ["--edgejson-model=control:gold"]], ids=["inactive", "no device"])
def test_auto_is_left_to_xdist(
    project: Project, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("PYTEST_XDIST_AUTO_NUM_WORKERS", "7")
    pytester.makeconftest("def pytest_report_header(config): return f'workers: {config.option.numprocesses}'")
    pytester.runpytest(*arguments, "-n", "auto", "--collect-only").stdout.fnmatch_lines(["workers: 7"])


@pytest.mark.slow
def test_a_worker_that_is_replaced_leaves_its_device(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import os
        import time
        from pathlib import Path

        def pytest_configure(config):
            if hasattr(config, "workerinput"):
                given = config.workerinput["edgejson_devices"]["transformers"]
                Path(f"{config.workerinput['workerid']}.device").write_text(given)

        def pytest_unconfigure(config):
            if hasattr(config, "workerinput"):
                Path(f"{config.workerinput['workerid']}.ended").touch()

        def pytest_runtest_protocol(item, nextitem):
            # A worker's last case, for which both were told to end: the other one's device is free as well.
            if item.config.workerinput["workerid"] == "gw1" and nextitem is None:
                until = time.monotonic() + 60
                while not Path("gw0.ended").exists() and time.monotonic() < until:
                    time.sleep(0.01)
                os._exit(9)
        """
    )
    result = pytester.runpytest_subprocess(NANO, "-n2", "--edgejson-device=cpu:0,cpu:1", NO_TIME, "--dist=worksteal")
    result.stdout.fnmatch_lines(
        ["edgejson: workers on cpu:0, cpu:1", "edgejson: --dist=worksteal hands out cases one by one*"]
    )
    result.stdout.fnmatch_lines(["replacing crashed worker gw1"])
    given = {file.stem: file.read_text() for file in project.root.glob("*.device")}
    assert given == {"gw0": "cpu:0", "gw1": "cpu:1", "gw2": "cpu:1"}


@pytest.mark.slow
def test_the_first_is_used_without_workers(project: Project, pytester: pytest.Pytester) -> None:
    run = (NANO, "--edgejson-device=cpu:0,cpu:1", NO_TIME, "--edgejson-results=results.jsonl")
    for arguments, device in (((), "cpu:0"), (("-n2",), "cpu:0,cpu:1")):
        pytester.runpytest_subprocess(*run, *arguments)
        assert project.results()[0]["models"]["nano"]["device"] == device


def test_ini(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nedgejson_device = cpu, cpu\n")
    pytester.makeconftest("def pytest_report_header(config): return f'workers: {config.option.numprocesses}'")
    pytester.runpytest(NANO, "-nauto", "--collect-only").stdout.fnmatch_lines(["workers: 2"])
    pytester.makeini("[pytest]\nedgejson_device = cpu,\n")
    result = pytester.runpytest(NANO, "-nauto")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *tox.ini: edgejson_device: 'cpu,' is no device*"])
