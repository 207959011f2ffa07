"""The comparison of engines: on a tiny model, all of them answer what the published loop answers."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from bound import Machine, Shape, least_seconds  # noqa: E402
from engines import ENGINES, Setup, Task  # noqa: E402
from helpers.gguf_models import make_gguf  # noqa: E402
from tasks import TOKENIZER, read_tasks  # noqa: E402

LENGTHS = (31, 7, 18, 25, 3, 12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=1024,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        # Wide, so that answers differ.
        initializer_range=0.4,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=None,
        tie_word_embeddings=True,
    )
    folder = tmp_path_factory.mktemp("tiny")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transformers.LlamaForCausalLM(config).save_pretrained(folder)
        transformers.AutoTokenizer.from_pretrained(TOKENIZER).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("data") / "cases.jsonl"
    rows = [{"prompt": "word " * length, "expected_output": {"words": ["word"] * (length // 2)}} for length in LENGTHS]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.fixture(scope="module")
def tasks(folder: Path, data: Path) -> list[Task]:
    return read_tasks([data], folder, None, 0)


@pytest.fixture(scope="module")
def expected(folder: Path, tasks: list[Task]) -> list[list[int]]:
    return answer("loop", folder, folder, tasks)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch")


def answer(engine: str, folder: Path, scratch: Path, tasks: list[Task]) -> list[list[int]]:
    module = ENGINES[engine].module
    if module is not None and importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    with warnings.catch_warnings():
        # Of other engines' libraries.
        warnings.simplefilter("ignore")
        gguf = make_gguf(folder, scratch / "tiny.gguf") if ENGINES[engine].of_gguf else None
        room = max(len(task.prompt) + task.count for task in tasks)
        return ENGINES[engine].start(Setup(folder, gguf, 3, scratch, room))(tasks)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, BENCHMARKS / "decoding.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=300)


def test_tasks_are_sorted_by_their_prompts_and_as_long_as_the_expected_outputs(tasks: list[Task]) -> None:
    lengths = [len(task.prompt) for task in tasks]
    assert lengths == sorted(lengths, reverse=True)
    assert len(set(lengths)) == len(LENGTHS)
    tokenizer = transformers.AutoTokenizer.from_pretrained(TOKENIZER)
    longest = json.dumps({"words": ["word"] * (max(LENGTHS) // 2)})
    assert tasks[0].count == len(tokenizer.encode(longest))


def test_the_loop_goes_on_past_the_end_token(expected: list[list[int]], tasks: list[Task]) -> None:
    assert [len(tokens) for tokens in expected] == [task.count for task in tasks]
    assert len({tuple(tokens[:2]) for tokens in expected}) > 3, "answers that are all the same show nothing"


@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "loop"])
def test_every_engine_answers_as_the_loop_does(
    engine: str, folder: Path, scratch: Path, tasks: list[Task], expected: list[list[int]]
) -> None:
    answers = answer(engine, folder, scratch, tasks)
    assert [len(tokens) for tokens in answers] == [task.count for task in tasks]
    if ENGINES[engine].dtype == "float32":
        assert answers == expected


@pytest.mark.slow
def test_a_comparison_is_kept_and_shown_again(folder: Path, data: Path, tmp_path: Path) -> None:
    file = tmp_path / "results" / "tiny.json"
    made = run(
        *("--model", folder, "--data", data, "--every", 2, "--threads", 1, "--runs", 1),
        *("--engines", "float32", "lm-eval", "--sizes", 2, 4, "--write", file),
    )
    assert made.returncode == 0, made.stderr
    record = json.loads(file.read_text())
    assert record["command"] == f"python benchmarks/decoding.py --model {folder.name} --data cases.jsonl" + (
        " --runs 1 --threads 1 --every 2 --engines float32 lm-eval --sizes 2 4"
    )
    assert str(tmp_path) not in file.read_text()
    loop, harness, own = record["engines"]
    assert (record["all"]["cases"], record["part"]["cases"]) == (len(LENGTHS), len(LENGTHS) // 2)
    assert loop["same"] == own["same"] == len(LENGTHS) // 2
    assert own["runs"][0]["peak_bytes"] > 0
    assert "backend transformers, float32" in made.stdout
    if importlib.util.find_spec("lm_eval") is None:
        assert harness["runs"] == []
        assert "lm-eval hf is not installed: pip install lm-eval." in made.stdout
    else:
        assert harness["same"] == len(LENGTHS) // 2
        assert "lm-eval hf by batch size, tokens a second, answers 1/8 as long: 2: " in made.stdout
    assert run("--show", file).stdout == made.stdout
    assert "| backend transformers, float32 |" in run("--show", file, "--style", "github").stdout


def test_an_unknown_engine_is_a_usage_error() -> None:
    done = run("--python", "vllm=python")
    assert done.returncode == 2
    assert "'vllm=python': expected ENGINE=PATH" in done.stderr


def test_the_bound_follows_from_what_the_machine_does() -> None:
    shape = Shape(layers=1, inner=1000, output=100, heads=2, kept=1, width=5)
    task = Task("", [0, 0], 2)
    # Three tokens are computed: two of the prompt and the answer's first; they look at 1 + 2 + 3 tokens.
    operations = 2 * 1000 * 3 + 2 * 100 * 2 + 4 * 2 * 5 * 6
    # The weights once for each of two steps; the second one looks at 3 keys and values.
    read = 4 * (1100 * 2 + 2 * 5 * 3)
    rates = {"float32": 1.0, "bfloat16": 1.0}
    assert least_seconds(Machine(1e9, rates), shape, [task], "float32") == operations
    fast = {"float32": 1e12, "bfloat16": 1e12}
    assert least_seconds(Machine(1.0, fast), shape, [task], "float32") == read
    assert least_seconds(Machine(1.0, fast), shape, [task], "bfloat16") == read / 2


def test_a_shape_is_counted_without_the_embeddings(folder: Path) -> None:
    shape = Shape.read(folder)
    attention, feed = 64 * 64 * 2 + 64 * 32 * 2, 3 * 64 * 96
    assert shape == Shape(layers=2, inner=2 * (attention + feed), output=1024 * 64, heads=4, kept=2, width=16)


def test_two_ways_to_draw_the_same_cases_agree(folder: Path, data: Path) -> None:
    drawn: Any = [read_tasks([data], folder, 3, seed) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.slow
def test_masks_are_timed_beside_the_free_model() -> None:
    pytest.importorskip("llguidance", reason="llguidance is not installed (extra `constrain`)")
    command = [sys.executable, str(BENCHMARKS / "masks.py"), "--model", str(TOKENIZER), "--cases=3", "--tokens=4"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    rows = {line.split()[0]: line.split() for line in shown.stdout.splitlines()[2:5]}
    assert {way: rows[way][2] for way in rows} == {"free": "12", "obliging": "12", "unwilling": "12"}


@pytest.mark.slow
def test_llama_cpps_grammars_are_timed_before_ours(tmp_path: Path) -> None:
    pytest.importorskip("llguidance", reason="llguidance is not installed (extra `constrain`)")
    pytest.importorskip("xllamacpp", reason="xllamacpp is not installed (extra `gguf`)")
    command = [sys.executable, str(BENCHMARKS / "masks.py"), "--model", str(TOKENIZER), "--cases=1", "--tokens=16"]
    file = make_gguf(TOKENIZER, tmp_path / "nano.gguf")
    shown = subprocess.run([*command, "--llama.cpp", str(file)], capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert [line.split()[0] for line in (lines[0], *lines[2:4], *lines[7:10])] == [
        *("llama.cpp", "free", "held"),
        *("free", "obliging", "unwilling"),
    ]
    # A few tokens come while other prompts are read.
    assert all(0 < int(line.split()[1]) < 16 for line in lines[2:4])
