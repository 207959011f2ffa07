"""Local models: real ones, small and with random weights, through the real libraries."""

from __future__ import annotations

import gc
import http.server
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from helpers.models import (
    WINDOW,
    make_adapter,
    make_model,
    make_scripted,
    make_tokenizer,
    prompts,
    requests,
)
from helpers.watching import Witness

from pytest_edgejson.backends.interface import BackendError, Completion, GenerationSettings, LoadOptions, Request
from pytest_edgejson.backends.local.transformers import TransformersBackend
from pytest_edgejson.backends.models import resolve_model
from pytest_edgejson.backends.registry import load_backend
from pytest_edgejson.backends.spec import ModelSpec
from pytest_edgejson.scoring.loops import ends_in_loop
from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.cases import Case

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

pytestmark = pytest.mark.usefixtures("one_thread")

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "random")


def load(
    folder: Path | str | ModelSpec, *, batch_size: int | None = None, device: str | None = "cpu", **settings: Any
) -> TransformersBackend:
    spec = folder if isinstance(folder, ModelSpec) else ModelSpec(name="tested", model=str(folder), prompt="{prompt}")
    backend = load_backend(
        spec,
        GenerationSettings(**{"max_new_tokens": 24, **settings}),
        LoadOptions(device=device, batch_size=batch_size),
    )
    assert isinstance(backend, TransformersBackend)
    return backend


def run(backend: TransformersBackend, texts: Sequence[str]) -> dict[str, Completion]:
    found = {completion.key: completion for completion in backend.generate(requests(texts))}
    assert len(found) == len(texts)
    return found


def content(completions: dict[str, Completion]) -> dict[str, tuple[Any, ...]]:
    return {
        key: (found.text, found.finish_reason, found.prompt_tokens, found.output_tokens, found.error)
        for key, found in completions.items()
    }


def reference(folder: Path, texts: Sequence[str], limit: int) -> dict[str, tuple[str, int]]:
    """Return text and token count of what transformers' own greedy `generate` makes, one by one."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    network = AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    found = {}
    for number, text in enumerate(texts):
        ids = tokenizer(text, return_tensors="pt").input_ids
        with torch.inference_mode():
            output = network.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=limit, do_sample=False, pad_token_id=0
            )[0, ids.shape[1] :]
        found[f"case-{number}"] = (tokenizer.decode(output, skip_special_tokens=True), len(output))
    return found


def test_the_shares_of_all_cases_add_up_to_the_time_of_their_batch(model: Path) -> None:
    found = run(load(model, batch_size=4), prompts(4)).values()
    longest = max(one.latency_s for one in found if one.latency_s is not None)
    assert sum(one.compute_s for one in found if one.compute_s is not None) == pytest.approx(longest)


# --- answers ---------------------------------------------------------------------------------------------------------


def test_greedy_answers_are_those_of_transformers_itself(model: Path) -> None:
    texts = prompts(12)
    found = run(load(model, batch_size=1, stop_at_root=False), texts)
    assert {key: (one.text, one.output_tokens) for key, one in found.items()} == reference(model, texts, 24)
    assert len({one.text for one in found.values()}) > 6, "a test on answers that are all the same shows nothing"


@pytest.mark.parametrize("batch_size", [2, 5, 16])
def test_batches_answer_as_single_cases_do(model: Path, batch_size: int) -> None:
    texts = prompts(17)
    alone = content(run(load(model, batch_size=1, max_new_tokens=40), texts))
    assert content(run(load(model, batch_size=batch_size, max_new_tokens=40), texts)) == alone


def test_the_order_of_the_requests_changes_nothing(model: Path) -> None:
    texts = prompts(11)
    backend = load(model, batch_size=4)

    def by_text(order: list[str]) -> dict[str, Any]:
        found = content(run(backend, order))
        return {text: found[f"case-{number}"] for number, text in enumerate(order)}

    expected = by_text(texts)
    for seed in (1, 2):
        assert by_text(random.Random(seed).sample(texts, len(texts))) == expected


def test_rows_that_end_early_leave_the_others_as_they_are(tmp_path: Path) -> None:
    # Several end tokens make rows end at different steps, within one batch.
    folder = make_model(tmp_path / "model", eos_token_id=list(range(0, 320, 12)))
    texts = prompts(16, seed=3)
    alone = content(run(load(folder, batch_size=1, max_new_tokens=48), texts))
    lengths = {found[3] for found in alone.values()}
    assert len(lengths) > 4
    assert content(run(load(folder, batch_size=16, max_new_tokens=48), texts)) == alone


@pytest.mark.parametrize(
    ("name", "config"),
    [
        # A cache that forgets, one that is a state, and one of both kinds.
        (
            "Mistral",
            {"num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 96, "sliding_window": 16},
        ),
        ("Mamba", {}),
        ("Lfm2", {"num_attention_heads": 4, "num_key_value_heads": 2, "layer_types": ["conv", "full_attention"]}),
    ],
)
def test_other_kinds_of_models(tmp_path: Path, name: str, config: dict[str, Any]) -> None:
    import transformers

    tokenizer = make_tokenizer(tmp_path)
    torch.manual_seed(0)
    values = {
        "vocab_size": len(tokenizer),
        "hidden_size": 48,
        "num_hidden_layers": 2,
        "initializer_range": 0.4,
        "bos_token_id": None,
        "pad_token_id": 0,
        "eos_token_id": list(range(0, len(tokenizer), 20)),
        **config,
    }
    network = getattr(transformers, f"{name}ForCausalLM")(getattr(transformers, f"{name}Config")(**values))
    network.save_pretrained(tmp_path)
    texts = prompts(6, seed=3)
    alone = run(load(tmp_path, batch_size=1, stop_at_root=False), texts)
    assert {key: one.output_tokens for key, one in alone.items()} == {
        key: count for key, (_, count) in reference(tmp_path, texts, 24).items()
    }
    assert content(run(load(tmp_path, batch_size=6, stop_at_root=False), texts)) == content(alone)


def test_the_shipped_model_answers_in_batches_as_alone() -> None:
    folder = bundled.ROOT / "models" / "nano"
    files = sorted(bundled.TEST_CASES.glob("*/*.jsonl"))[::4]
    texts = [json.loads(file.read_text(encoding="utf-8").splitlines()[0])["prompt"] for file in files]
    spec = ModelSpec(name="nano", model=str(folder))
    alone = content(run(load(spec, batch_size=1, max_new_tokens=48), texts))
    assert content(run(load(spec, batch_size=4, max_new_tokens=48), texts)) == alone


def test_sampling_and_penalties_of_the_generation_config_are_overridden(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    settings = json.loads((folder / "generation_config.json").read_text())
    settings |= {"do_sample": True, "temperature": 3.0, "repetition_penalty": 5.0, "top_k": 3, "num_beams": 2}
    (folder / "generation_config.json").write_text(json.dumps(settings))
    texts = prompts(4)
    assert content(run(load(folder), texts)) == content(run(load(model), texts))


def test_completions_come_while_others_still_run(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "model", eos_token_id=list(range(0, 320, 12)))
    backend = load(folder, batch_size=8, max_new_tokens=60)
    backend.watch = witness = Witness()
    steps = witness.steps
    at_arrival = []
    found = {}
    for completion in backend.generate(requests(prompts(8, seed=3))):
        at_arrival.append(sum(steps))
        found[completion.key] = completion
    assert at_arrival[0] < at_arrival[-1]
    # Each step reports the tokens it made: together they are what the completions count.
    assert sum(steps) == sum(one.output_tokens or 0 for one in found.values())
    assert max(steps) > 4, "rows are computed together"


def test_an_answer_that_is_streamed_is_heard_as_it_comes_in(model: Path) -> None:
    backend = load(model, batch_size=2)
    backend.watch = witness = Witness()
    quiet, heard = requests(prompts(2))
    found = {each.key: each for each in backend.generate([quiet, replace(heard, streamed=True)])}
    assert {key for key, _ in witness.heard} == {heard.key}
    assert len(witness.heard) > 3
    texts = [text for _, text in witness.heard]
    assert texts[-1] == found[heard.key].text
    assert [len(text) for text in texts] == sorted(len(text) for text in texts)


def test_closing_the_iterator_stops(model: Path) -> None:
    backend = load(model, batch_size=2)
    backend.watch = witness = Witness()
    stream = backend.generate(requests(prompts(8)))
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    done = len(witness.steps)
    assert done <= 24 + 2, "two prompts, and the steps of two rows"
    assert not torch.is_inference_mode_enabled()
    # The backend is as good as before.
    assert len(run(backend, prompts(3))) == 3


def test_a_closed_backend_holds_no_model_and_loads_it_again(model: Path) -> None:
    def weights() -> int:
        gc.collect()
        return sum(type(thing) is torch.nn.Parameter for thing in gc.get_objects())

    before = weights()
    backend = load(model)
    found = content(run(backend, prompts(2)))
    assert weights() > before
    backend.close()
    assert weights() == before
    assert content(run(backend, prompts(2))) == found


def test_longest_prompts_come_first(model: Path) -> None:
    found = list(load(model, batch_size=2).generate(requests(prompts(9))))
    lengths = [one.prompt_tokens or 0 for one in found]
    pairs = [max(lengths[start : start + 2]) for start in range(0, len(lengths), 2)]
    assert pairs == sorted(pairs, reverse=True)


def test_a_keyboard_interrupt_passes_through(model: Path) -> None:
    class Interrupting(Witness):
        def step(self, tokens: int) -> None:
            raise KeyboardInterrupt

    backend = load(model)
    backend.watch = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        list(backend.generate(requests(prompts(2))))


# --- where an answer ends --------------------------------------------------------------------------------------------


def test_a_case_stops_when_its_root_object_closes(tmp_path: Path) -> None:
    folder = make_scripted(tmp_path / "model", 'ok {"a":1}, bcde')
    (found,) = run(load(folder), ["#"]).values()
    assert (found.text, found.finish_reason, found.output_tokens) == ('ok {"a":1}', "stop", 10)


def test_without_the_stop_it_goes_on_to_the_end_token(tmp_path: Path) -> None:
    folder = make_scripted(tmp_path / "model", 'ok {"a":1}, bcde')
    (found,) = run(load(folder, stop_at_root=False), ["#"]).values()
    # The end token counts, and is not part of the text.
    assert (found.text, found.finish_reason, found.output_tokens) == ('ok {"a":1}, bcde', "stop", 17)


def test_the_token_limit(tmp_path: Path) -> None:
    folder = make_scripted(tmp_path / "model", 'ok {"a":1}, bcde')
    (found,) = run(load(folder, max_new_tokens=6), ["#"]).values()
    assert (found.text, found.finish_reason, found.output_tokens) == ('ok {"a', "length", 6)
    # What ends by itself with the last token allowed has ended by itself.
    (found,) = run(load(folder, max_new_tokens=10), ["#"]).values()
    assert (found.text, found.finish_reason, found.output_tokens) == ('ok {"a":1}', "stop", 10)


def test_characters_of_several_tokens_inside_the_object(tmp_path: Path) -> None:
    # Taken apart into their bytes, both keys would read the same, and the object would be malformed and no root.
    answer = '{"字":1,"名":"é😀"}'
    folder = make_scripted(tmp_path / "model", f"{answer} tail")
    (found,) = run(load(folder, max_new_tokens=100), ["#"]).values()
    assert (found.text, found.finish_reason, found.output_tokens) == (answer, "stop", len(answer.encode()))


def test_an_answer_that_is_cut_within_a_character(tmp_path: Path) -> None:
    folder = make_scripted(tmp_path / "model", '{"a":"😀"}')
    (found,) = run(load(folder, max_new_tokens=8), ["#"]).values()
    assert (found.text, found.finish_reason, found.output_tokens) == ('{"a":"\ufffd', "length", 8)


def test_a_thought_that_the_prompt_opens_holds_no_answer(tmp_path: Path) -> None:
    folder = make_scripted(tmp_path / "model", "." * 6 + '{"a":1}</think>{"b":2} tail')
    (found,) = run(load(folder, max_new_tokens=100), ["<think>"]).values()
    assert found.text == '{"a":1}</think>{"b":2}'
    assert found.thought_tokens == len('{"a":1}</think>')


@pytest.mark.parametrize("stop_at_root", [True, False])
def test_a_thought_that_the_prompt_opens_and_nothing_ends_is_no_answer(tmp_path: Path, stop_at_root: bool) -> None:
    folder = make_scripted(tmp_path / "model", "." * 6 + 'Perhaps {"a":1}? No, wait, it is')
    backend = load(folder, max_new_tokens=20, stop_at_root=stop_at_root, loops="keep")
    (found,) = run(backend, ["<think>"]).values()
    assert (found.text, found.thought, found.finish_reason) == ("", 'Perhaps {"a":1}? No,', "length")
    (found,) = run(backend, ["a think"]).values()
    assert (found.text[:15], found.thought) == ('Perhaps {"a":1}', None)


def test_the_tokens_of_thoughts_are_counted(tmp_path: Path) -> None:
    for name, script, thought in (("thought", '<think>no</think>{"b":2} tail', ">no</think>"), ("none", '{"b":2}', "")):
        folder = make_scripted(tmp_path / name, script)
        (found,) = run(load(folder, max_new_tokens=100), ["#"]).values()
        # Nobody knows that a thought begins before its mark is whole.
        assert found.thought_tokens == (len(thought) or None)


def test_padded_rows_keep_their_positions(tmp_path: Path) -> None:
    folder = make_scripted(tmp_path / "model", "abcdefghijklmnopqrstuvwxyz")
    found = run(load(folder, batch_size=4, max_new_tokens=3), ["#", "####", "##########", "##"])
    assert [found[f"case-{number}"].text for number in range(4)] == ["abc", "def", "jkl", "bcd"]


def test_the_context_window_is_never_left(model: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    texts = [tokenizer.decode(tokenizer.encode("total " * WINDOW)[:count]) for count in (WINDOW - 5, 10)]
    counts = [len(tokenizer.encode(text)) for text in texts]
    found = list(run(load(model, max_new_tokens=500), texts).values())
    assert all(one.finish_reason == "length" for one in found)
    for one, count in zip(sorted(found, key=lambda one: one.key), counts, strict=True):
        assert one.prompt_tokens == count
        assert one.prompt_tokens + (one.output_tokens or 0) == WINDOW


def test_a_prompt_that_fills_the_window_is_an_error_of_that_case(model: Path) -> None:
    found = run(load(model), ["total " * WINDOW, "short"])
    first, second = found["case-0"], found["case-1"]
    assert (first.text, first.finish_reason) == ("", "error")
    assert first.error == (
        f"the prompt has {first.prompt_tokens} tokens, which leaves no room in the model's window of {WINDOW}"
    )
    assert second.finish_reason == "length"


@pytest.mark.parametrize(("text", "message"), [("", "the prompt has no tokens"), ("\ud83d", "cannot be tokenized")])
def test_a_prompt_that_cannot_be_run_is_an_error_of_that_case(model: Path, text: str, message: str) -> None:
    found = run(load(model), [text, "short"])
    assert found["case-0"].finish_reason == "error"
    assert message in (found["case-0"].error or "")
    assert found["case-1"].finish_reason == "length"


def test_numbers_that_are_none_are_an_error_and_no_answer(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = make_model(tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"][3] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (found,) = run(load(folder), ["short"]).values()
    assert found.finish_reason == "error"
    assert "NaN in float32" in (found.error or "")


# --- memory ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Make forward passes fail that have more rows than `rows`, or more than `columns` tokens in the cache."""
    from transformers import LlamaForCausalLM

    limits: dict[str, Any] = {
        "rows": 99,
        "columns": 10_000,
        "error": torch.OutOfMemoryError("CUDA out of memory."),
        "seen": [],
    }
    forward = LlamaForCausalLM.forward

    def limited(self: Any, input_ids: Any, **known: Any) -> Any:
        cache = known["past_key_values"]
        limits["seen"].append(len(input_ids))
        if len(input_ids) > limits["rows"] or (
            cache and len(input_ids) > 1 and cache.get_seq_length() > limits["columns"]
        ):
            raise limits["error"]
        return forward(self, input_ids, **known)

    monkeypatch.setattr(LlamaForCausalLM, "forward", limited)
    limited.__signature__ = __import__("inspect").signature(forward)  # type: ignore[attr-defined]
    return limits


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: not enough memory: you tried to allocate"
        ),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 12 bytes."),
        MemoryError(),
    ],
)
def test_a_batch_that_does_not_fit_is_halved(model: Path, small_memory: dict[str, Any], error: BaseException) -> None:
    texts = prompts(17)
    expected = content(run(load(model), texts))
    small_memory.update(rows=2, error=error, seen=[])
    assert content(run(load(model, batch_size=16), texts)) == expected
    # Prompts are computed one by one. 16, 8, 4, and from then on what fits.
    together = [rows for rows in small_memory["seen"] if rows > 2]
    assert together == [16, 8, 4]


def test_memory_that_runs_out_in_the_middle_loses_no_case(model: Path, small_memory: dict[str, Any]) -> None:
    texts = prompts(7)
    expected = content(run(load(model), texts))
    small_memory["columns"] = 90
    assert content(run(load(model, batch_size=7), texts)) == expected


def test_a_case_that_does_not_fit_alone_is_an_error_of_that_case(model: Path, small_memory: dict[str, Any]) -> None:
    small_memory["rows"] = 0
    found = run(load(model, batch_size=4), prompts(5))
    assert {one.finish_reason for one in found.values()} == {"error"}
    assert all("out of memory with this case alone" in (one.error or "") for one in found.values())


def test_what_breaks_for_all_is_one_line(model: Path, small_memory: dict[str, Any]) -> None:
    small_memory.update(rows=0, error=RuntimeError("CUDA error: device-side assert triggered\nCompile with ..."))
    with pytest.raises(BackendError, match=r"tested: the model broke: CUDA error: device-side assert triggered$"):
        run(load(model), ["short"])


# --- adapters --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def adapter(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_adapter(tmp_path_factory.mktemp("adapters") / "adapter", model, base=str(model))


def test_an_adapter_merged_or_not_changes_the_base_alike(model: Path, adapter: Path) -> None:
    spec = ModelSpec(name="adapted", model=str(model), adapter=str(adapter), prompt="{prompt}")
    texts = prompts(6)
    merged = content(run(load(spec, batch_size=3), texts))
    unmerged = content(run(load(spec, batch_size=3, merge_adapter=False), texts))
    assert merged == unmerged
    assert merged != content(run(load(model), texts))


def test_an_adapter_names_its_base(model: Path, adapter: Path, tmp_path: Path) -> None:
    shutil.copytree(model, tmp_path / "base")
    folder = make_adapter(tmp_path / "adapter", model, base="../base")
    texts = prompts(3)
    named = ModelSpec(name="named", model=str(model), adapter=str(adapter), prompt="v3")
    found = resolve_model(str(folder), {})
    assert found.model == str((tmp_path / "base").resolve())
    assert content(run(load(found), texts)) == content(run(load(named), texts))
    # An adapter where a model is expected, as a hub id may turn out to be one.
    as_model = ModelSpec(name="as-model", model=str(folder))
    assert content(run(load(as_model), texts)) == content(run(load(named), texts))


@pytest.mark.parametrize(
    ("layers", "config", "message"),
    [
        (1, {}, "it has 28 tensors for 14 places"),
        (3, {}, "it has 28 tensors for 42 places"),
        (2, {"intermediate_size": 128}, "its tensors have other sizes"),
    ],
)
def test_an_adapter_of_another_base_is_refused(
    adapter: Path, tmp_path: Path, layers: int, config: dict[str, Any], message: str
) -> None:
    other = make_model(tmp_path / "other", layers=layers, **config)
    spec = ModelSpec(name="x", model=str(other), adapter=str(adapter))
    assert_refused(spec, f"x: the adapter does not fit the model: {message}; name the base")


# --- what identifies the answers -------------------------------------------------------------------------------------


def test_the_fingerprint_follows_the_content_not_the_place(model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "somewhere" / "else"
    shutil.copytree(model, copy)
    (copy / "README.md").write_text("A model card says nothing of the answers.")
    assert load(copy).fingerprint == load(model).fingerprint


def test_the_fingerprint_changes_with_whatever_changes_answers(model: Path, adapter: Path, tmp_path: Path) -> None:
    def changed(file: str, *, byte: int = -1) -> str:
        copy = tmp_path / f"copy-{len(list(tmp_path.iterdir()))}"
        shutil.copytree(model, copy)
        data = bytearray((copy / file).read_bytes())
        data[byte] ^= 1
        (copy / file).write_bytes(data)
        return load(copy).fingerprint

    spec = ModelSpec(name="tested", model=str(model), prompt="{prompt}")
    with_template = tmp_path / "template"
    shutil.copytree(model, with_template)
    (with_template / "chat_template.jinja").write_text("{{ messages }}")
    fingerprints = [
        load(model).fingerprint,
        changed("model.safetensors"),
        # The first weight there is.
        changed("model.safetensors", byte=-(200 * 4)),
        changed("generation_config.json"),
        changed("tokenizer.json", byte=1),
        load(with_template).fingerprint,
        load(ModelSpec(name="tested", model=str(model), adapter=str(adapter), prompt="{prompt}")).fingerprint,
        load(ModelSpec(name="tested", model=str(model), prompt="Say {prompt}")).fingerprint,
        load(model, dtype="bfloat16").fingerprint,
    ]
    assert len(set(fingerprints)) == len(fingerprints)
    assert load(spec).fingerprint == fingerprints[0]
    assert load(model, dtype="float32").fingerprint == fingerprints[0], "what auto comes to on a CPU"


def test_the_manifest_gets_json_without_paths(model: Path) -> None:
    description = load(model).description
    assert json.loads(json.dumps(description)) == description
    assert str(model.parent) not in json.dumps(description)
    assert (description["device"], description["dtype"], description["model"]) == ("cpu", "float32", "random")
    network = sum(parameter.numel() for parameter in _network(model).parameters())
    assert description["parameters"] == network


def _network(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder)


def test_dtypes(model: Path) -> None:
    half = load(model, dtype="bfloat16")
    assert half.description["dtype"] == "bfloat16"
    assert len(run(half, prompts(3))) == 3
    assert load(ModelSpec(name="x", model=str(model), dtype="float16")).description["dtype"] == "float16"
    asked = load(ModelSpec(name="x", model=str(model), dtype="float16"), dtype="float32")
    assert asked.description["dtype"] == "float32"


def test_a_processor_that_emulates_bfloat16_is_told(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def notes(dtype: str, **capabilities: bool) -> list[str]:
        monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx512_f": True, **capabilities})
        backend = load(model, dtype=dtype)
        backend.watch = witness = Witness()
        run(backend, prompts(1))
        return witness.notes

    assert notes("float32", avx512_bf16=False) == notes("bfloat16", avx512_bf16=True) == []
    [note] = notes("bfloat16", avx512_bf16=False)
    assert "tested: this processor emulates bfloat16" in note


def test_nothing_heavy_is_imported_before_there_is_something_to_do(model: Path) -> None:
    code = """
import sys
from pathlib import Path
from pytest_edgejson.backends.interface import GenerationSettings, LoadOptions
from pytest_edgejson.backends.registry import load_backend
from pytest_edgejson.suite.cases import Case
from pytest_edgejson.backends.models import resolve_model
backend = load_backend(resolve_model(sys.argv[1], {}), GenerationSettings(), LoadOptions(device="cpu"))
backend.fingerprint, backend.description, backend.render(Case("a", "rating", "simple", "text", {}))
assert list(backend.generate([])) == []
backend.close()
print(sorted({"torch", "transformers", "peft", "tokenizers", "numpy"} & set(sys.modules)))
"""
    result = subprocess.run([sys.executable, "-c", code, model], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_request_may_have_a_limit_of_its_own(model: Path) -> None:
    backend = load(model)
    asked = [
        replace(each, max_new_tokens=limit) for each, limit in zip(requests(prompts(3)), (2, 7, None), strict=True)
    ]
    whole = {each.key: each.text for each in backend.generate(requests(prompts(3)))}
    found = {each.key: each for each in backend.generate(asked)}
    assert [found[each.key].output_tokens for each in asked] == [2, 7, 24]
    assert all(whole[key].startswith(each.text.rstrip("\N{REPLACEMENT CHARACTER}")) for key, each in found.items())
    assert backend.count_tokens("name: naïve") == len(make_tokenizer(model).encode("name: naïve"))


def test_a_greedy_answer_that_repeats_itself_is_ended(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    folder = make_model(tmp_path / "model", max_position_embeddings=1500)
    # Without attention a token follows from the one before it alone, and so sooner or later from itself.
    network = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        for layer in network.model.layers:
            layer.self_attn.o_proj.weight.zero_()
    network.save_pretrained(folder)
    asked = requests(prompts(6))
    ended, kept = (
        {each.key: each for each in load(folder, max_new_tokens=1200, loops=loops).generate(asked)}
        for loops in ("end", "keep")
    )
    loops = {key for key, completion in ended.items() if completion.finish_reason == "loop"}
    assert len(loops) >= 3
    for key, completion in ended.items():
        assert kept[key].text.startswith(completion.text)
        assert ends_in_loop(completion.text, {}) == (key in loops)
    # What was ended would have gone on in the same way to the limit.
    assert {key for key in loops if ends_in_loop(kept[key].text, {}) and kept[key].finish_reason == "length"} == loops


# --- prompts ---------------------------------------------------------------------------------------------------------


def test_a_chat_prompt_goes_through_the_tokenizers_template(model: Path, tmp_path: Path) -> None:
    template = (
        "{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    make_tokenizer(folder, chat_template=template)
    case = Case("a", "rating", "simple", "Score: {4}", {})
    backend = load_backend(
        ModelSpec(name="chat", model=str(folder), prompt="chat-schema"),
        GenerationSettings(max_new_tokens=4),
        LoadOptions(device="cpu", schema_documents={"rating": {"type": "object"}}),
    )
    text = backend.render(case)
    assert isinstance(text, str)
    assert text.startswith("<user>")
    assert text.endswith("<assistant>")
    assert '{"type": "object"}' in text
    assert "Score: {4}" in text
    assert len(list(backend.generate([Request("a", text, case)]))) == 1


def test_a_chat_template_is_given_all_messages_and_its_arguments(model: Path, tmp_path: Path) -> None:
    template = (
        "{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}"
        "{% if not enable_thinking|default(true) %}<quick>{% endif %}"
    )
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    make_tokenizer(folder, chat_template=template)
    kept = Case("t", "rating", "simple", "Two stars", {"stars": 2})
    options = LoadOptions(device="cpu", examples={"rating": [kept]})
    spec = ModelSpec(name="chat", model=str(folder), prompt="chat:Read: {prompt}", system="Be brief.", shots=1)
    further: list[dict[str, bool]] = [{}, {"enable_thinking": False}]
    backends = [
        load_backend(replace(spec, chat_template_kwargs=each), GenerationSettings(), options) for each in further
    ]
    text = '<system>Be brief.<user>Read: Two stars<assistant>{"stars": 2}<user>Read: Three'
    texts = [backend.render(Case("a", "rating", "simple", "Three", {})) for backend in backends]
    assert texts == [text, text + "<quick>"]
    assert backends[0].fingerprint != backends[1].fingerprint


def test_a_chat_prompt_without_a_chat_template(model: Path) -> None:
    with pytest.raises(BackendError, match='the tokenizer has none: use prompt = "v3" or "schema"'):
        load(ModelSpec(name="chat", model=str(model), prompt="chat"))


def test_a_prompt_with_a_schema_that_is_not_there(model: Path) -> None:
    backend = load(ModelSpec(name="x", model=str(model), prompt="schema"))
    with pytest.raises(BackendError, match=r"x: a: .*no schema for this case"):
        backend.render(Case("a", "rating", "simple", "text", {}))


# --- what cannot be loaded -------------------------------------------------------------------------------------------


def assert_refused(spec: ModelSpec, message: str, **known: Any) -> None:
    with pytest.raises(BackendError, match=message) as caught:
        list(load(spec, **known).generate(requests(["short"])))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{spec.name}: ")


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert_refused(ModelSpec(name="x", model=str(gone)), f"the model is not there: no folder {gone}")
    assert_refused(ModelSpec(name="x", model=str(tmp_path)), "holds no model")
    assert_refused(ModelSpec(name="x"), "names no model")


def test_files_that_are_missing_or_damaged(model: Path, tmp_path: Path) -> None:
    def damaged(name: str) -> Path:
        shutil.copytree(model, tmp_path / name)
        return tmp_path / name

    pickled = damaged("pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    assert_refused(ModelSpec(name="x", model=str(pickled)), r"no model\.safetensors: .* from safetensors only")

    pointer = damaged("pointer")
    (pointer / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    assert_refused(ModelSpec(name="x", model=str(pointer)), "not all of it is there: fetch it with `git lfs pull`")

    short = damaged("short")
    (short / "model.safetensors").write_bytes((short / "model.safetensors").read_bytes()[:-100])
    assert_refused(ModelSpec(name="x", model=str(short)), "not all of it is there: fetch it again")

    speechless = damaged("speechless")
    for file in speechless.glob("tokenizer*"):
        file.unlink()
    assert_refused(ModelSpec(name="x", model=str(speechless)), "holds no tokenizer")

    broken = damaged("broken")
    (broken / "config.json").write_text("{")
    assert_refused(ModelSpec(name="x", model=str(broken)), "cannot be loaded")

    strange = damaged("strange")
    (strange / "config.json").write_text('{"model_type": "no-such-model"}')
    assert_refused(ModelSpec(name="x", model=str(strange)), "cannot be loaded: .*no-such-model")


def test_weights_that_lack_a_layer_are_not_filled_with_random_ones(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    assert_refused(
        ModelSpec(name="x", model=str(folder)), r"the weights lack 9 of the model's tensors, such as model\."
    )


def test_a_tokenizer_of_another_model(model: Path, tmp_path: Path) -> None:
    small = make_model(tmp_path / "small", vocab_size=40, eos_token_id=0)
    assert_refused(
        ModelSpec(name="x", model=str(small)), r"does not belong to the model: it makes token \d+, .* knows 40"
    )


def test_code_beside_the_weights_is_not_run(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "ours", "auto_map": {"AutoConfig": "ours.Config", "AutoModelForCausalLM": "ours.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "ours.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    assert_refused(ModelSpec(name="x", model=str(folder)), "set trust_remote_code = true in models.toml")
    assert not (tmp_path / "ran").exists()


def test_missing_libraries(model: Path, adapter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(BackendError, match=r"x: peft is not installed: pip install 'pytest-edgejson\[local\]'"):
        load(ModelSpec(name="x", model=str(model), adapter=str(adapter)))
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(BackendError, match="x: torch and transformers are not installed: pip install"):
        load(ModelSpec(name="x", model=str(model)))


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"device": "gpu"}, "unknown device 'gpu': use cpu, cuda, cuda:N or mps"),
        ({"batch_size": 0}, "the batch size must be at least 1"),
        ({"dtype": "int8"}, "unknown dtype 'int8': use one of auto, float32"),
    ],
)
def test_settings_that_make_no_sense(model: Path, known: dict[str, Any], message: str) -> None:
    assert_refused(ModelSpec(name="x", model=str(model)), message, **known)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_a_device_that_is_not_there(model: Path) -> None:
    assert_refused(ModelSpec(name="x", model=str(model)), "finds no cuda device here", device="cuda")
    assert load(model, device=None).description["device"] in {"cpu", "mps"}


COMMIT = "a" * 40


class Hub:
    """A hub of our own on this machine, with one repository, `org/model`, made of a folder's files."""

    def __init__(self, folder: Path, cache: Path) -> None:
        served: list[str] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self) -> None:
                path = self.path.partition("?")[0]
                name = path.rpartition("/")[2]
                if path in {"/api/models/org/model", f"/api/models/org/model/revision/{name}"}:
                    self.send(json.dumps({"id": "org/model", "sha": COMMIT, "siblings": []}).encode())
                elif path == f"/api/models/org/model/tree/{COMMIT}":
                    files = [file for file in folder.iterdir() if file.is_file()]
                    entries = [
                        {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": file.name}
                        for file in files
                    ]
                    self.send(json.dumps(entries).encode())
                elif path == f"/org/model/resolve/{COMMIT}/{name}":
                    served.append(name)
                    self.send((folder / name).read_bytes(), {"X-Repo-Commit": COMMIT, "ETag": f'"{name}"'})
                else:
                    self.send_error(404)

            do_GET = do_HEAD = answer

            def send(self, content: bytes, headers: dict[str, str] | None = None) -> None:
                self.send_response(200)
                for key, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
                    self.send_header(key, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.served = served
        self._cache = cache
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def fetch(
        self,
        model: str,
        revision: str | None = None,
        *,
        port: int | None = None,
        timeout_s: float = 10,
        **environment: str,
    ) -> str:
        """Load a model in a process of its own; return its fingerprint, or what the error says."""
        code = """
import sys
from pytest_edgejson.backends.interface import BackendError, GenerationSettings, LoadOptions
from pytest_edgejson.backends.local import hub
from pytest_edgejson.backends.registry import load_backend
from pytest_edgejson.backends.models import ModelSpec
hub._TIMEOUT_S = float(sys.argv[3])
spec = ModelSpec(name="fetched", model=sys.argv[1], revision=sys.argv[2] or None, prompt="{prompt}")
try:
    print(load_backend(spec, GenerationSettings(), LoadOptions(device="cpu")).fingerprint)
except BackendError as error:
    print(error)
"""
        known = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        known |= {"HF_ENDPOINT": f"http://127.0.0.1:{port or self._server.server_port}", "HF_HOME": str(self._cache)}
        result = subprocess.run(
            [sys.executable, "-c", code, model, revision or "", str(timeout_s)],
            capture_output=True, text=True, check=True, env=known | environment, timeout=60,
        )  # fmt: skip
        (line,) = result.stdout.splitlines()
        return line

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def hub(model: Path, tmp_path: Path) -> Iterator[Hub]:
    shutil.copytree(model, tmp_path / "repository")
    (tmp_path / "repository" / "pytorch_model.bin").write_bytes(b"pickled")
    hub = Hub(tmp_path / "repository", tmp_path / "cache")
    yield hub
    hub.close()


# Nothing listens there: a real refused connection, with or without a network.
CLOSED_PORT = 9


@pytest.mark.slow
def test_a_model_from_the_hub(model: Path, hub: Hub) -> None:
    expected = load(model).fingerprint
    assert hub.fetch("org/model") == expected
    assert "model.safetensors" in hub.served
    assert "pytorch_model.bin" not in hub.served
    assert hub.fetch("org/model", COMMIT) == expected
    # What was fetched once is enough for a machine that is offline now.
    assert hub.fetch("org/model", port=CLOSED_PORT) == expected
    assert hub.fetch("org/model", COMMIT, HF_HUB_OFFLINE="1") == expected


@pytest.mark.slow
def test_a_model_that_the_hub_does_not_have(hub: Hub) -> None:
    message = hub.fetch("org/other")
    assert message.startswith("fetched: cannot get the model 'org/other' (revision main) from the Hugging Face hub: ")
    assert "404" in message


@pytest.mark.slow
@pytest.mark.parametrize("environment", [{}, {"HF_HUB_OFFLINE": "1"}])
def test_a_hub_that_cannot_be_reached(hub: Hub, environment: dict[str, str]) -> None:
    message = hub.fetch("HuggingFaceTB/SmolLM2-135M", "v1.0", port=CLOSED_PORT, **environment)
    assert message.startswith(
        "fetched: cannot get the model 'HuggingFaceTB/SmolLM2-135M' (revision v1.0) from the Hugging Face hub: "
    )
    assert message.endswith(
        '; with a copy on this machine: --edgejson-model=FOLDER, or model = "FOLDER" in models.toml'
    )


@pytest.mark.slow
def test_a_hub_that_never_answers_is_not_waited_for(hub: Hub) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "timed out" in hub.fetch("org/model", port=silent.getsockname()[1], timeout_s=1)


def test_warnings_of_the_libraries_are_no_errors(model: Path) -> None:
    from transformers import LlamaForCausalLM

    forward = LlamaForCausalLM.forward

    def warning(self: Any, *args: Any, **known: Any) -> Any:
        warnings.warn("something is deprecated", FutureWarning, stacklevel=1)
        return forward(self, *args, **known)

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setattr(LlamaForCausalLM, "forward", warning)
        warnings.simplefilter("error")
        assert len(run(load(model), prompts(2))) == 2
