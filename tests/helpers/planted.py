"""A copy of the shipped model whose own code breaks in the way that a mark in a prompt asks for."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from helpers.projects import Project
from pytest_edgejson.suite import bundled

# Characters that the tokenizer has no merges for, so that they are the same tokens wherever they stand.
MARKS = {name: chr(0xE000 + number) * 2 for number, name in enumerate(("abort", "raise", "hang", "slow"))}

_CODE = """
import ctypes
import inspect
import os
import sys
import time

from transformers import LlamaForCausalLM

MARKS = {marks}


def act(name):
    if name == "abort":
        os.abort()
    elif name == "raise":
        raise ValueError("planted")
    elif name == "exit":
        os._exit(3)
    elif name == "hang":
        # Keeps the interpreter's lock: no other thread runs.
        ctypes.PyDLL(None).sleep(3600)


class Planted(LlamaForCausalLM):
    def __init__(self, config):
        super().__init__(config)
        print("loaded by", os.getpid(), flush=True)
        act(os.environ.get("PLANTED_ON_LOAD"))
        self.is_slow = False

    def forward(self, input_ids, **known):
        if input_ids.shape[1] > 1:
            act(os.environ.get("PLANTED"))
            rows = [" ".join(map(str, row)) for row in input_ids.tolist()]
            found = {{name for name, mark in MARKS.items() for row in rows if mark in row}}
            for name in found:
                act(name)
            self.is_slow = "slow" in found
        if self.is_slow:
            time.sleep(0.4)
        return super().forward(input_ids=input_ids, **known)

    forward.__signature__ = inspect.signature(LlamaForCausalLM.forward)
"""


def make_planted(folder: Path) -> Path:
    """Save the model."""
    from tokenizers import Tokenizer

    shutil.copytree(bundled.ROOT / "models" / "nano", folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    marks = {
        name: " ".join(map(str, tokenizer.encode(mark, add_special_tokens=False).ids)) for name, mark in MARKS.items()
    }
    (folder / "planted.py").write_text(_CODE.format(marks=marks), encoding="utf-8")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["auto_map"] = {"AutoModelForCausalLM": "planted.Planted"}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def plant(project: Project, model: Path, marks: dict[str, str]) -> None:
    """Name the model `planted` in a project, and mark prompts of its cases: the names of marks by case id."""
    (project.root / "models.toml").write_text(
        f"[models.planted]\nmodel = '{model}'\ntrust_remote_code = true\nprompt = '{{prompt}}'\n", encoding="utf-8"
    )
    for file in (project.root / "cases").rglob("*.jsonl"):
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        for row in rows:
            row["prompt"] += MARKS.get(marks.get(row["id"], ""), "")
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def pids(stderr: str) -> list[int]:
    """Return the processes that loaded the model, as it says itself."""
    return [int(pid) for pid in re.findall(r"loaded by (\d+)", stderr)]
