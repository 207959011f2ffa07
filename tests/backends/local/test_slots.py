"""Slots: rows that come and go at different times get what each would get alone."""

from __future__ import annotations

import inspect
import itertools
import random
import warnings
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from pytest_edgejson.backends.local import slots as slots_module  # noqa: E402
from pytest_edgejson.backends.local.linear import pack  # noqa: E402
from pytest_edgejson.backends.local.slot_check import agrees, is_simple  # noqa: E402
from pytest_edgejson.backends.local.slots import Slots  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = {
    "vocab_size": 300,
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    # Wide, so that answers differ.
    "initializer_range": 0.4,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
}


def make(kind: str = "Llama", **config: Any) -> Any:
    torch.manual_seed(0)
    values = {**SMALL, **config}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = transformers.AutoModelForCausalLM.from_config(getattr(transformers, f"{kind}Config")(**values))
    return network.eval()


def prompts(count: int, *, longest: int = 60, start: tuple[int, ...] = ()) -> list[list[int]]:
    chance = random.Random(count)
    return [[*start, *(chance.randrange(300) for _ in range(chance.randint(1, longest)))] for _ in range(count)]


def alone(network: Any, prompt: list[int], count: int) -> list[int]:
    """Return what the plain one-by-one loop answers."""
    tokens: list[int] = []
    inputs, cache = torch.tensor([prompt]), None
    with torch.inference_mode():
        for _ in range(count):
            output = network(input_ids=inputs, past_key_values=cache, use_cache=True)
            cache = output.past_key_values
            tokens.append(int(output.logits[0, -1].argmax()))
            inputs = torch.tensor([tokens[-1:]])
    return tokens


def together(
    network: Any, work: list[tuple[list[int], int]], capacity: int, guess: Callable[[int, int], list[int]] | None = None
) -> list[list[int]]:
    """Return the answers of the same length from slots that are refilled as they fall free.

    Args:
        network: the model.
        work: prompts and lengths of the answers.
        capacity: rows at once.
        guess: of an answer, by its index and how much of it is there.
    """
    slots = Slots(network, capacity)
    answers: list[list[int]] = [[] for _ in work]
    waiting, live = list(range(len(work))), list[int]()
    while waiting or live:
        while waiting and len(live) < capacity:
            live.append(waiting.pop(0))
            answers[live[-1]].append(int(slots.admit(work[live[-1]][0]).argmax()))
        assert len(slots) == len(live)
        guesses = [guess(index, len(answers[index])) if guess else [] for index in live]
        logits = slots.step([[answers[index][-1], *each] for index, each in zip(live, guesses, strict=True)])
        counts = []
        for index, each, tokens in zip(live, guesses, logits.argmax(-1).tolist(), strict=True):
            right = next((place for place, token in enumerate(each) if token != tokens[place]), len(each))
            answers[index] += tokens[: right + 1]
            counts.append(right + 1)
        slots.keep(counts)
        for row in reversed(range(len(live))):
            if len(answers[live[row]]) >= work[live[row]][1]:
                slots.remove(row)
                live[row] = live[-1]
                live.pop()
    return [answer[:count] for answer, (_, count) in zip(answers, work, strict=True)]


def work(texts: list[list[int]], *, seed: int = 0) -> list[tuple[list[int], int]]:
    chance = random.Random(seed)
    return [(text, chance.randint(2, 90)) for text in texts]


@pytest.mark.parametrize("capacity", [1, 3, 8, 20])
@pytest.mark.parametrize("packed", [False, True])
def test_every_row_gets_the_answer_of_the_loop(capacity: int, packed: bool) -> None:
    plain, network = make(), make()
    if packed:
        pack(network)
    tasks = work(prompts(14))
    expected = [alone(plain, prompt, count) for prompt, count in tasks]
    assert len({tuple(answer[:2]) for answer in expected}) > 7, "answers that are all the same show nothing"
    assert together(network, tasks, capacity) == expected


@pytest.mark.parametrize(("kind", "capacity"), [("Llama", 1), ("Llama", 5), ("GPT2", 3)])
def test_guesses_change_no_answer_and_right_ones_save_steps(kind: str, capacity: int) -> None:
    config = {"n_embd": 48, "n_layer": 2, "n_head": 4, "n_positions": 512} if kind == "GPT2" else {}
    network = make(kind, **config)
    tasks = work(prompts(9))
    expected = [alone(make(kind, **config), prompt, count) for prompt, count in tasks]
    chance = random.Random(0)

    def guess(index: int, known: int) -> list[int]:
        """Guess some tokens that are right and some that are not."""
        right = expected[index][known : known + chance.randrange(4)]
        return right + [chance.randrange(300) for _ in range(chance.randrange(3))]

    steps: list[int] = []
    forward = network.forward

    def counting(input_ids: Any, **known: Any) -> Any:
        steps.append(input_ids.shape[1])
        return forward(input_ids=input_ids, **known)

    counting.__signature__ = inspect.signature(forward)  # type: ignore[attr-defined]
    network.forward = counting
    assert together(network, tasks, capacity, guess) == expected
    guessed = len(steps)
    steps.clear()
    assert together(network, tasks, capacity) == expected
    assert guessed < len(steps)


def test_the_order_changes_nothing() -> None:
    network = make()
    tasks = work(prompts(12))
    expected = together(network, tasks, 4)
    for seed in (1, 2):
        order = random.Random(seed).sample(range(12), 12)
        assert together(network, [tasks[index] for index in order], 4) == [expected[index] for index in order]


def test_a_common_beginning_is_computed_once() -> None:
    plain, network = make(), make()
    texts = prompts(6, start=tuple(range(100)))
    computed: list[int] = []
    forward = network.forward

    def counting(input_ids: Any, **known: Any) -> Any:
        computed.append(input_ids.shape[1])
        return forward(input_ids=input_ids, **known)

    counting.__signature__ = inspect.signature(forward)  # type: ignore[attr-defined]
    network.forward = counting
    tasks = work(texts)
    assert together(network, tasks, 6) == [alone(plain, prompt, count) for prompt, count in tasks]
    first, *others = [count for count in computed if count > 1]
    assert first >= 100
    assert max(others) <= 64


def test_a_prompt_up_to_the_window_of_a_model_that_learned_its_positions() -> None:
    network = make("GPT2", n_embd=48, n_layer=2, n_head=4, max_position_embeddings=64)
    (first, second) = ([*range(40)], [*range(17), *range(100, 143)])
    # What is left of the second behind their common beginning, filled up, would have positions from 64 on.
    work = [(first, 4), (second, 4)]
    assert together(network, work, 2) == [alone(network, *each) for each in work]


def test_the_same_prompt_twice() -> None:
    plain, network = make(), make()
    prompt = list(range(40))
    assert together(network, [(prompt, 9)] * 3, 3) == [alone(plain, prompt, 9)] * 3


def test_numbers_that_are_none_stay_with_their_row() -> None:
    network = make()
    slots = Slots(network, 2)
    bad, good = list(range(50)), list(range(60, 65))
    expected = alone(make(), good, 30)
    embeddings = network.get_input_embeddings().weight
    with torch.no_grad():
        saved = embeddings[7].clone()
        embeddings[7] = float("nan")
    assert slots.admit(bad).isnan().any()
    found = [int(slots.admit(good).argmax())]
    logits = slots.step([[1], [found[-1]]])
    slots.keep([1, 1])
    assert logits[0].isnan().any()
    found.append(int(logits[1, 0].argmax()))
    slots.remove(0)
    with torch.no_grad():
        embeddings[7] = saved
    # The slot of the row that broke holds NaN in columns that the next one has not reached yet.
    slots.admit(good)
    while len(found) < 30:
        logits = slots.step([[found[-1]], [3]])
        slots.keep([1, 1])
        assert not logits.isnan().any()
        found.append(int(logits[0, 0].argmax()))
    assert found == expected


def test_a_step_can_be_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, network = make(), make()
    slots = Slots(network, 3)
    texts = prompts(3)
    answers = [[int(slots.admit(text).argmax())] for text in texts]
    layer = network.model.layers[-1]
    fails = itertools.cycle([True, False])
    forward = layer.forward

    def failing(*values: Any, **known: Any) -> Any:
        if next(fails):
            raise torch.OutOfMemoryError("out of memory")
        return forward(*values, **known)

    monkeypatch.setattr(layer, "forward", failing)
    for _ in range(150):
        with pytest.raises(torch.OutOfMemoryError):
            slots.step([answer[-1:] for answer in answers])
        logits = slots.step([answer[-1:] for answer in answers])
        slots.keep([1] * len(answers))
        for answer, (token,) in zip(answers, logits.argmax(-1).tolist(), strict=True):
            answer.append(token)
    assert answers == [alone(plain, text, 151) for text in texts]


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("Llama", {}),
        ("Llama", {"num_key_value_heads": 1, "attention_bias": True}),
        ("Qwen2", {}),
        ("Qwen3", {"head_dim": 16}),
        ("Gemma", {"head_dim": 12}),
        ("Phi", {"partial_rotary_factor": 0.5}),
        ("Mistral", {"sliding_window": None}),
        ("GPT2", {"n_embd": 48, "n_layer": 2, "n_head": 4, "n_positions": 512}),
        ("GPTNeoX", {}),
        ("Mixtral", {"num_local_experts": 4, "sliding_window": None}),
    ],
)
def test_models_that_keep_nothing_but_keys_and_values(kind: str, config: dict[str, Any]) -> None:
    plain, network = make(kind, **config), make(kind, **config)
    assert is_simple(network)
    assert agrees(network)
    pack(network)
    tasks = work(prompts(6))
    assert together(network, tasks, 3) == [alone(plain, prompt, count) for prompt, count in tasks]


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("Mistral", {"sliding_window": 16}),
        ("Gemma2", {"head_dim": 12, "sliding_window": 16}),
        ("Mamba", {}),
        ("Lfm2", {"layer_types": ["conv", "full_attention"]}),
        ("Llama", {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}}),
    ],
)
def test_models_that_keep_more_or_less(kind: str, config: dict[str, Any]) -> None:
    assert not is_simple(make(kind, **config))


@pytest.mark.parametrize(("kind", "config"), [("Bloom", {"n_layer": 2, "n_head": 4})])
def test_models_that_find_positions_in_the_mask(kind: str, config: dict[str, Any]) -> None:
    network = make(kind, **config)
    assert not (is_simple(network) and agrees(network))


def test_a_model_that_looks_ahead_does_not_agree() -> None:
    network = make()
    for layer in network.model.layers:
        layer.self_attn.is_causal = False
    assert is_simple(network)
    assert not agrees(network)


def test_rows_of_very_different_lengths_are_read_apart() -> None:
    mask = torch.zeros(5, 1, 1, 1024)
    parts = slots_module._parts([1000, 950, 300, 200, 900], mask)
    assert [(part.rows, part.columns) for part in parts] == [(2, 1000), (2, 300), (1, 900)]
    assert [tuple(part.mask.shape) for part in parts] == [(2, 1, 1, 1000), (2, 1, 1, 300), (1, 1, 1, 900)]
