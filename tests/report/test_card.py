from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.answers import HOSTILE
from helpers.runs import answers, write_run

from pytest_edgejson.cli import main

hub = pytest.importorskip("huggingface_hub", reason="of the extra card")

ADAPTED = {"m": {"backend": "transformers", "model": "org/base", "adapter": "org/adapter", "dtype": "float32"}}


def test_its_metadata_is_what_the_hub_reads(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r.jsonl", answers(12, misses=range(3)), ADAPTED)
    card = tmp_path / "README.md"
    assert main(["card", str(run.path), "--name", "my-model", "--out", str(card)]) == 0
    data = hub.ModelCard.load(card).data
    assert data.model_name == "my-model"
    assert data.base_model == "org/base"
    assert data.library_name == "peft"
    found = {(each.dataset_config, each.metric_type): each for each in data.eval_results}
    whole = found["all", "json_exact"]
    assert whole.metric_value == 0.75
    assert whole.metric_args["n"] == 12
    assert whole.metric_args["interval_95"] == pytest.approx([0.467695, 0.911058], abs=1e-5)
    assert whole.dataset_revision == run.manifest["suite_sha256"]
    assert {group for group, _ in found} == {"simple", "medium", "complex", "all"}
    assert {metric for _, metric in found} == {"json_exact", "field_f1", "schema_compliance"}
    text = card.read_text(encoding="utf-8")
    assert "75.0 % [46.8, 91.1]" in text
    assert "`org/adapter`" in text


def test_a_file_of_several_models_asks_which(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "r.jsonl", [*answers(6), *answers(6, (), "other")])
    assert main(["card", str(run.path)]) == 2
    assert "which model? there are results of m, other: add --model NAME" in capsys.readouterr().err
    assert main(["card", str(run.path), "--model", "other"]) == 0
    assert "# `other`" in capsys.readouterr().out


def test_a_file_is_never_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "r.jsonl", answers(6))
    readme = tmp_path / "README.md"
    readme.write_text("mine", encoding="utf-8")
    assert main(["card", str(run.path), "--out", str(readme)]) == 2
    assert "name another file" in capsys.readouterr().err
    assert readme.read_text(encoding="utf-8") == "mine"


def test_a_hostile_name_stays_a_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = f"x\n---\nlicense: mit {HOSTILE}"
    described: dict[str, Any] = {name: {"adapter": "a\n- model-index: []", "model": "</code>|`"}}
    run = write_run(tmp_path / "r.jsonl", answers(6, (), name), described)
    assert main(["card", str(run.path)]) == 0
    data = hub.ModelCard(capsys.readouterr().out).data
    assert "license" not in data.to_dict()
    assert len(data.eval_results) == 12
