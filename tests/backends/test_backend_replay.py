"""Recordings: recorded outputs come back case by case, and a wrong file is one clear line."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pytest_edgejson.backends.interface import BackendError, Completion, GenerationSettings, Request
from pytest_edgejson.backends.models import resolve_model
from pytest_edgejson.backends.registry import load_backend
from pytest_edgejson.backends.replay import ReplayBackend
from pytest_edgejson.suite.cases import Case

if TYPE_CHECKING:
    from pathlib import Path


def write(tmp_path: Path, *rows: object, name: str = "out.jsonl") -> Path:
    path = tmp_path / name
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def load(name: object) -> ReplayBackend:
    backend = load_backend(resolve_model(f"replay:{name}", {}), GenerationSettings())
    assert isinstance(backend, ReplayBackend)
    return backend


def request(case_id: str, repeat: int = 1) -> Request:
    case = Case(case_id, "rating", "simple", "some text", {"score": 1})
    return Request(f"{case_id}#{repeat}", "rendered", case, repeat)


def answer(backend: ReplayBackend, case_id: str, repeat: int = 1) -> Completion:
    (completion,) = backend.generate([request(case_id, repeat)])
    return completion


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ("end_turn", "stop"),
        ("STOP", "stop"),
        ("tool_calls", "stop"),
        ("max_tokens", "length"),
        ("MAX_TOKENS", "length"),
    ],
)
def test_finish_reasons_of_other_vendors(tmp_path: Path, named: str, reason: str) -> None:
    path = write(tmp_path, {"case_id": "a", "output": "{", "finish_reason": named})
    (found,) = load(path).generate([request("a")])
    assert found.finish_reason == reason


def test_a_table_with_gaps_is_read(tmp_path: Path) -> None:
    """pandas writes whole numbers as 7.0 and what is not there as NaN or null."""
    lines = (
        '{"case_id": "a", "output": "{}", "repeat": 1.0, "output_tokens": 7.0, "note": NaN}',
        '{"case_id": "b", "output": null, "repeat": null, "output_tokens": null, "latency_s": NaN}',
    )
    first, second = load(write(tmp_path, *lines)).generate([request("a"), request("b")])
    assert (first.text, first.output_tokens, first.finish_reason) == ("{}", 7, "stop")
    assert (second.text, second.output_tokens, second.finish_reason) == ("", None, "stop")


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("FinishReason.STOP", "stop"),
        ("tool-calls", "stop"),
        ("RECITATION", "stop"),
        ("FINISH_REASON_MAX_TOKENS", "length"),
        ("model_context_window_exceeded", "length"),
        ("abort", "error"),
        ("time_limit", "timeout"),
    ],
)
def test_finish_reasons_may_be_those_of_vendors(tmp_path: Path, word: str, reason: str) -> None:
    for key in ("finish_reason", "stop_reason", "finishReason", "done_reason"):
        recording = write(tmp_path, {"case_id": "a", "output": "{}", key: word})
        assert answer(load(recording), "a").finish_reason == reason
    recording = write(tmp_path, {"case_id": "a", "output": "{}", "finish_reason": word, "stop_reason": 128009})
    assert answer(load(recording), "a").finish_reason == reason
    recording = write(tmp_path, {"case_id": "a", "output": "{}", "stop_reason": "</s>"})
    assert answer(load(recording), "a").finish_reason == "stop"


def test_outputs_come_back_in_the_order_of_the_requests(tmp_path: Path) -> None:
    path = write(tmp_path, {"case_id": "a", "output": '{"x": 1}'}, "", {"case_id": "b", "output": ""})
    backend = load(path)
    assert list(backend.generate([request("b"), request("a")])) == [
        Completion("b#1", "", "stop"),
        Completion("a#1", '{"x": 1}', "stop"),
    ]


def test_what_is_recorded_beside_the_output_comes_back_too(tmp_path: Path) -> None:
    row = {
        "case_id": "a", "output": "{", "finish_reason": "length", "prompt_tokens": 7, "output_tokens": 512,
        "latency_s": 1.5, "compute_s": 0.5, "model": "m", "repeat": 2, "anything": ["else"],
    }  # fmt: skip
    backend = load(write(tmp_path, row))
    assert answer(backend, "a", 2) == Completion("a#2", "{", "length", 7, 512, 1.5, 0.5)


def test_our_own_results_file_is_a_recording(tmp_path: Path) -> None:
    manifest = {"edgejson": 1, "models": {"nano": {}}}
    result = {"case_id": "a", "schema_id": "rating", "model": "nano", "repeat": 1, "output": "{}", "json_exact": False}
    broken = {"case_id": "b", "model": "nano", "output": None, "finish_reason": "error", "error": "out of memory"}
    backend = load(write(tmp_path, manifest, result, broken))
    assert answer(backend, "a").text == "{}"
    assert answer(backend, "b") == Completion("b#1", "", "error", error="out of memory")


def test_a_case_without_a_recording_is_an_error_of_that_case(tmp_path: Path) -> None:
    path = write(tmp_path, {"case_id": "a", "output": "x"})
    first, second, third = load(path).generate([request("b"), request("a"), request("a", 3)])
    assert (first.finish_reason, first.error) == ("error", f"no recorded output for b in {path}")
    assert second.text == "x"
    assert third.error == f"no recorded output for a, repeat 3 in {path}"


def test_one_of_several_models_is_chosen(tmp_path: Path) -> None:
    rows = [{"case_id": "a", "output": name, "model": name} for name in ("m1", "org/m2")]
    path = write(tmp_path, *rows)
    assert answer(load(f"{path}#org/m2"), "a").text == "org/m2"
    assert answer(load(f"{path}#m1"), "a").text == "m1"
    with pytest.raises(BackendError, match=r"several models: choose one with replay:out\.jsonl#m1; others: org/m2"):
        load(path)
    with pytest.raises(BackendError, match="holds no outputs of 'm3'; its models: m1, org/m2"):
        load(f"{path}#m3")
    assert load(f"{path}#m1").fingerprint != load(f"{path}#org/m2").fingerprint


def test_a_hash_sign_in_the_files_name(tmp_path: Path) -> None:
    path = write(tmp_path, {"case_id": "a", "output": "x", "model": "m#1"}, name="run#2.jsonl")
    assert answer(load(path), "a").text == "x"
    assert answer(load(f"{path}#m#1"), "a").text == "x"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["{"], r":1: not JSON"),
        (['{"edgejson": 1}', "[1]"], r":2: "),
        ([{"output": "x"}], r":1: 'case_id' must be the id of a case, it is missing"),
        ([{"case_id": "a"}], r":1: 'output' must be the model's text, it is missing"),
        ([{"case_id": "a", "output": {"x": 1}}], r":1: 'output' must be the model's text, got \{"),
        ([{"case_id": "a", "output": "", "repeat": 0}], r":1: 'repeat' must be a whole number from 1 on, got 0"),
        ([{"case_id": "a", "output": "", "repeat": True}], r":1: 'repeat' must be"),
        (
            [{"case_id": "a", "output": "", "finish_reason": "bored"}],
            r":1: 'finish_reason' must be one of stop, length",
        ),
        ([{"case_id": "a", "output": "", "output_tokens": -1}], r":1: 'output_tokens' must be a whole number"),
        ([{"case_id": "a", "output": "", "latency_s": "1"}], r":1: 'latency_s' must be a number of seconds"),
        ([{"case_id": "a", "output": "", "model": 3}], r":1: 'model' must be a string"),
        (
            [{"case_id": "a", "output": "x"}, {"case_id": "b", "output": "x"}, {"case_id": "a", "output": "x"}],
            r":3: the output of 'a' stands already in line 1",
        ),
        (
            [{"case_id": "a", "output": "x", "repeat": 2}, {"case_id": "a", "output": "y", "repeat": 2}],
            r":2: the output of 'a', repeat 2, stands already in line 1",
        ),
        (['{"edgejson": 1}'], "holds no recorded output"),
        ([], "holds no recorded output"),
    ],
)
def test_a_wrong_file_is_an_error_with_file_and_line(tmp_path: Path, rows: list[Any], message: str) -> None:
    path = write(tmp_path, *rows)
    with pytest.raises(BackendError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith(f"recording {path}:")
    assert "\n" not in str(caught.value)


def test_outputs_of_a_model_were_held_to_one_thing(tmp_path: Path) -> None:
    rows = [{"case_id": "a", "output": "{}", "constrain": "schema"}, {"case_id": "b", "output": "{}"}]
    recording = write(tmp_path, *rows)
    with pytest.raises(BackendError) as caught:
        load(recording)
    assert str(caught.value) == (
        f"recording {recording}:2: 'constrain' is none here and schema in line 1: give the two a 'model' of their own"
    )


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"none\.jsonl: cannot be read: No such file"):
        load(tmp_path / "none.jsonl#m")
    with pytest.raises(BackendError, match=r"run #2\.jsonl: cannot be read: No such file"):
        load(tmp_path / "run #2.jsonl")


def test_the_stores_key_is_the_files_content_and_the_case(tmp_path: Path) -> None:
    first = load(write(tmp_path, {"case_id": "a", "output": "x"}))
    again = load(write(tmp_path, {"case_id": "a", "output": "x"}, name="copy.jsonl"))
    other = load(write(tmp_path, {"case_id": "a", "output": "y"}, name="other.jsonl"))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    # Two cases may hold the same text and still have different recordings.
    assert first.render(request("a").case) != first.render(request("b").case)


def test_a_long_recording(tmp_path: Path) -> None:
    path = write(tmp_path, *({"case_id": f"case-{number}", "output": "{}"} for number in range(100_000)))
    backend = load(path)
    assert backend.description["outputs"] == 100_000
    assert answer(backend, "case-99999").text == "{}"


def test_no_model_library_is_needed(tmp_path: Path) -> None:
    path = write(tmp_path, {"case_id": "a", "output": "x"})
    code = (
        "import sys; from pytest_edgejson.backends.interface import GenerationSettings; "
        "from pytest_edgejson.backends.registry import load_backend; "
        "from pytest_edgejson.backends.models import resolve_model; "
        "load_backend(resolve_model('replay:' + sys.argv[1], {}), GenerationSettings()).fingerprint; "
        "print(sorted({'torch', 'transformers', 'peft', 'numpy', 'pytest', 'sqlite3'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
