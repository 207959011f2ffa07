"""`edgejson measure`: small real models in processes of their own."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from helpers.gguf_models import make_gguf
from helpers.models import make_model
from helpers.servers import FakeServer, running

from pytest_edgejson.cli import main
from pytest_edgejson.suite import bundled

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

QUICK = ("--n", "2", "--passes", "2", "--warm-up", "1", "--max-new-tokens", "8")


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    file = tmp_path / "rating.jsonl"
    file.write_text((bundled.TEST_CASES / "simple" / "rating.jsonl").read_text())
    return file


def measured(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[dict[str, Any]]:
    assert main(["measure", *map(str, arguments), *QUICK, "--format", "json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_local_backends(tmp_path: Path, cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("xllamacpp", reason="xllamacpp is not installed: pip install 'pytest-edgejson[gguf]'")
    pytest.importorskip("openvino_genai", reason="openvino is not installed: pip install 'pytest-edgejson[openvino]'")
    model = make_model(tmp_path / "model", max_position_embeddings=1024)
    file = make_gguf(model, tmp_path / "model.gguf")
    found = measured(capsys, model, f"openvino:{model}", file, "--cases", cases)
    assert [each["backend"]["backend"] for each in found] == ["transformers", "openvino", "llama.cpp"]
    for each in found:
        assert 0 < each["load_s"] < each["start_s"]
        assert 0 < each["idle_bytes"] <= each["peak_bytes"]
        assert each["backend"]["bytes"] > 0
        assert [len(one["answers"]) for one in each["passes"]] == [2, 2]
        figures = each["figures"]
        assert figures["answers"] == 4
        assert figures["errors"] == figures["right"] == 0
        for name in ("prefill_tokens_per_s", "decode_tokens_per_s", "tokens_per_s", "token_s"):
            assert figures[name] > 0
        assert 0 < figures["first_token_p50_s"] <= figures["first_token_p95_s"] <= figures["answer_p95_s"]
        for answer in (answer for one in each["passes"] for answer in one["answers"]):
            assert 0 < answer["first_s"] < answer["total_s"]
            assert 0 < answer["output_tokens"] <= 8
        if not any(one["joules"] for one in each["passes"]):
            assert each["energy"].startswith("not measured: ")
            assert figures["joules_per_answer"] is None
    assert found[0]["threads"] == found[2]["threads"] == 1


def test_a_meters_records_are_taken(tmp_path: Path, cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = make_model(tmp_path / "model", max_position_embeddings=1024)
    meter, out = tmp_path / "meter.csv", tmp_path / "m.json"
    now = time.time()
    # A steady 2 W, recorded long enough.
    meter.write_text(f"time,watts\n{now - 60},2\n{now + 36_000},2\n")
    (found,) = measured(capsys, model, "--cases", cases, "--energy-csv", meter, "--out", out)
    assert found["energy"] == "a meter's records, meter.csv"
    for one in found["passes"]:
        assert one["joules"] == pytest.approx(2 * (one["ended"] - one["began"]))
    total = sum(one["joules"] for one in found["passes"])
    assert found["figures"]["joules_per_answer"] == pytest.approx(total / 4)
    assert found["figures"]["joules_per_right_answer"] is None

    assert main(["measure", str(model), *QUICK, "--cases", str(cases), "--energy-csv", str(meter)]) == 0
    text = capsys.readouterr().out
    assert "2 cases in 2 passes, one at a time, after 1 answer to warm up; at most 8 tokens\n" in text
    assert " J an answer, none is right: a meter's records, meter.csv\n" in text


def test_a_server_is_measured_from_outside(
    tmp_path: Path, cases: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai", reason="openai is not installed: pip install 'pytest-edgejson[server]'")
    with running(FakeServer()) as server:
        entry = f'[models.served]\nbackend = "openai"\nmodel = "m"\nbase_url = "{server.url}"\n'
        (tmp_path / "models.toml").write_text(entry)
        monkeypatch.chdir(tmp_path)
        (found,) = measured(capsys, "served", "--cases", cases)
        assert server.most == 1
    assert found["energy"] == "not measured: a server uses it"
    assert {found[key] for key in ("load_s", "start_s", "peak_bytes", "idle_bytes", "threads")} == {None}
    figures = found["figures"]
    assert 0 < figures["first_token_p50_s"] <= figures["answer_p50_s"]
    assert figures["tokens_per_s"] > 0
    assert figures["prefill_tokens_per_s"] is figures["decode_tokens_per_s"] is None


def test_what_cannot_be_measured_is_said_in_a_line(
    tmp_path: Path, cases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = make_model(tmp_path / "model")
    (broken / "config.json").write_text("{}")
    for arguments, message in (
        (("control:gold",), "control:gold asks no model, and so costs nothing: name a model such as nano"),
        (("no-such-model",), "unknown model 'no-such-model': "),
        ((str(broken), "--cases", str(cases)), "model: the model cannot be loaded: "),
        (("nano", "--energy-csv", str(tmp_path / "gone.csv")), f"{tmp_path / 'gone.csv'}: cannot be read: No such"),
    ):
        assert main(["measure", *arguments, *QUICK]) == 2
        assert capsys.readouterr().err.splitlines()[-1].startswith(f"edgejson: {message}")
