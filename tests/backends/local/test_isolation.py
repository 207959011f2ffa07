"""A model in a process of its own: what it does to itself there, and what that does to the others."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from helpers.planted import MARKS, pids, plant
from helpers.projects import Project
from helpers.waiting import wait_until
from helpers.watching import Witness

from pytest_edgejson.backends.interface import BackendError, Completion, GenerationSettings, LoadOptions, Request
from pytest_edgejson.backends.local import isolation
from pytest_edgejson.backends.local.isolation import IsolatedBackend
from pytest_edgejson.backends.registry import load_backend
from pytest_edgejson.backends.spec import ModelSpec
from pytest_edgejson.suite.cases import Case

pytest.importorskip("torch")
pytest.importorskip("transformers")

pytestmark = pytest.mark.usefixtures("model_environment")


@contextlib.contextmanager
def loaded(folder: Path, batch_size: int = 2) -> Iterator[IsolatedBackend]:
    spec = ModelSpec(name="planted", model=str(folder), prompt="{prompt}", trust_remote_code=True)
    backend = load_backend(
        spec,
        GenerationSettings(max_new_tokens=6),
        LoadOptions(device="cpu", batch_size=batch_size, isolate=True),
    )
    assert isinstance(backend, IsolatedBackend)
    try:
        yield backend
    finally:
        backend.close()


def requests(names: Sequence[str], timeout_s: float | None = None) -> list[Request]:
    """Make a request of each name, marked as it says; they run in this order."""
    found = []
    for number, name in enumerate(names):
        text = "word " * (len(names) - number) * 4 + MARKS.get(name, "")
        found.append(Request(name, text, Case(name, "rating", "simple", text, {}), timeout_s=timeout_s))
    return found


def reasons(completions: Iterator[Completion]) -> dict[str, tuple[str, str | None]]:
    return {one.key: (one.finish_reason, one.error) for one in completions}


def is_running(pid: int) -> bool:
    # A process that nobody has waited for yet is there, but does not run.
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


@pytest.mark.slow
def test_what_breaks_on_a_case_is_that_cases_error(planted: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with loaded(planted) as backend:
        found = reasons(backend.generate(requests(["first", "second", "abort", "third", "raise", "last"])))
    ran = ("length", None)
    assert found == {
        "first": ran,
        "second": ran,
        "abort": ("error", "the process that ran the model was ended by SIGABRT"),
        "third": ran,
        "raise": ("error", "planted: the model broke: planted"),
        "last": ran,
    }
    stderr = capfd.readouterr().err
    assert "Fatal Python error: Aborted" in stderr
    assert "planted.py" in stderr


@pytest.mark.slow
def test_a_stuck_step_is_ended(planted: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with loaded(planted) as backend:
        found = reasons(backend.generate(requests(["hang", "other", "last"], timeout_s=6)))
    late = ("timeout", "no token within 6 s (--edgejson-timeout): the process that ran the model was ended")
    assert found == {"hang": late, "other": ("length", None), "last": ("length", None)}
    stderr = capfd.readouterr().err
    assert "in act" in stderr, "the stack says where"
    assert not any(is_running(pid) for pid in pids(stderr))


@pytest.mark.slow
def test_one_process_serves_all_and_may_print_what_it_likes(planted: Path, capfd: pytest.CaptureFixture[str]) -> None:
    witness = Witness()
    with loaded(planted) as backend:
        backend.watch = witness
        for name in ("first", "second"):
            stream = backend.generate(requests([name]))
            assert next(stream).finish_reason == "length"
            # As pytest does where it asks for case by case.
            stream.close()  # type: ignore[attr-defined]
        assert sum(witness.steps) > 0
        assert witness.begun[-1] == ["second"]
        out, err = capfd.readouterr()
        (pid,) = pids(err)
        assert out == ""
        os.kill(pid, signal.SIGKILL)
        assert reasons(backend.generate(requests(["third", "fourth"]))) == {
            "third": ("length", None),
            "fourth": ("length", None),
        }
        (other,) = pids(capfd.readouterr().err)
        assert other != pid
        stream = backend.generate(requests([f"{number}" for number in range(50)]))
        next(stream)
        stream.close()  # type: ignore[attr-defined]
        wait_until(lambda: not is_running(other))


@pytest.mark.slow
def test_answers_and_what_identifies_them_are_the_models_own(planted: Path) -> None:
    texts = requests(["first", "second", "third"])
    spec = ModelSpec(name="nano", model=str(planted), prompt="{prompt}", trust_remote_code=True)
    with loaded(planted) as backend:
        alone = load_backend(spec, GenerationSettings(max_new_tokens=6), LoadOptions(device="cpu", batch_size=2))
        assert backend.fingerprint == alone.fingerprint
        assert backend.description == alone.description
        assert {one.key: one.text for one in backend.generate(texts)} == {
            one.key: one.text for one in alone.generate(texts)
        }
        alone.close()


@pytest.mark.slow
def test_a_model_that_dies_while_it_is_loaded_is_tried_once(
    planted: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLANTED_ON_LOAD", "abort")
    message = "^planted: the process that loads the model was ended by SIGABRT$"
    with loaded(planted) as backend, pytest.raises(BackendError, match=message):
        list(backend.generate(requests(["first", "second"])))
    assert len(pids(capfd.readouterr().err)) == 1


@pytest.mark.slow
def test_a_model_that_breaks_on_every_case_is_given_up(
    planted: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLANTED", "exit")
    monkeypatch.setattr(isolation, "ATTEMPTS", 2)
    found = []
    with loaded(planted) as backend, pytest.raises(BackendError, match=r"given up after 2 processes.* exit status 3$"):
        found.extend(backend.generate(requests([f"{number}" for number in range(9)])))
    assert [one.finish_reason for one in found] == ["error"]
    assert len(pids(capfd.readouterr().err)) == 2


@pytest.mark.slow
def test_an_error_that_all_cases_share_is_the_models(planted: Path, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    for file in planted.iterdir():
        if file.is_file():
            (tmp_path / "broken" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "broken" / "planted.py").write_text("raise RuntimeError('not today')", encoding="utf-8")
    with (
        loaded(tmp_path / "broken") as backend,
        pytest.raises(BackendError, match=r"^planted: the model cannot be loaded: not today$"),
    ):
        list(backend.generate(requests(["first", "second"])))


@pytest.mark.slow
def test_a_deadline_ends_a_model_that_is_still_loading(planted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED_ON_LOAD", "hang")
    with loaded(planted) as backend:
        backend.deadline = time.monotonic() + 1
        assert list(backend.generate(requests(["first"]))) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="libgomp is torch's on Linux, and /proc shows the environment")
@pytest.mark.parametrize(
    ("own", "count"),
    [({}, isolation._SPIN_COUNT), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "passive"}, None)],
)
def test_its_threads_wait_for_each_other_as_the_user_says_else_not_for_long(
    planted: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    own: dict[str, str],
    count: str | None,
) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    with loaded(planted) as backend:
        list(backend.generate(requests(["first"])))
        (pid,) = pids(capfd.readouterr().err)
        entries = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    found = dict(entry.split("=", 1) for entry in entries if entry)
    assert found.get("GOMP_SPINCOUNT") == count
    assert found.items() >= {**own, "OMP_NUM_THREADS": "1"}.items()


@pytest.mark.slow
def test_it_finds_what_this_process_finds(
    planted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "only_here.py").write_text("print('found')\n", encoding="utf-8")
    # A module named like one of Python's own, as tests are: it must not be found instead of that.
    (tmp_path / "beside" / "pickle.py").write_text("raise SystemExit('wrong one')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "beside")
    folder = tmp_path / "model"
    folder.mkdir()
    for file in planted.iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    code = (folder / "planted.py").read_text(encoding="utf-8")
    (folder / "planted.py").write_text(f"import only_here\n{code}", encoding="utf-8")
    with loaded(folder) as backend:
        assert reasons(backend.generate(requests(["first"]))) == {"first": ("length", None)}
    assert "found" in capfd.readouterr().err


@pytest.mark.slow
def test_pytests_own_process_loads_no_model_library(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import sys

        def pytest_terminal_summary(terminalreporter):
            terminalreporter.write_line(f"loaded here: {sorted({'torch', 'transformers'} & set(sys.modules))}")
        """
    )
    result = pytester.runpytest_subprocess("--edgejson-model=nano", "--edgejson-device=cpu", "-k", "rating-001")
    result.assert_outcomes(passed=1, deselected=157)
    result.stdout.fnmatch_lines(["loaded here: ??"])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only a process whose threads run ends by itself")
@pytest.mark.parametrize("mark", ["slow", "hang"])
def test_a_killed_parent_leaves_nothing_behind(
    planted: Path, project: Project, pytester: pytest.Pytester, mark: str
) -> None:
    plant(project, planted, dict.fromkeys(project.expected, mark))
    command = [sys.executable, "-m", "pytest", "-s", "--edgejson-model=planted", "-p", "no:cacheprovider"]
    with subprocess.Popen(command, cwd=pytester.path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as parent:
        assert parent.stderr is not None
        (pid,) = pids(next(line for line in parent.stderr if b"loaded by" in line).decode())
        time.sleep(0.5)
        assert is_running(pid)
        parent.kill()
        wait_until(lambda: not is_running(pid))
