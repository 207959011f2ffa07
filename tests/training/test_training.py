"""Training: tokenizer, examples, models from scratch. Everything here really trains, on very little."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_edgejson.cli import main
from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.cases import COMPLEXITIES
from pytest_edgejson.suite.make.random_values import Values
from pytest_edgejson.suite.schemas import Schemas
from pytest_edgejson.suite.totals import wrong_totals
from pytest_edgejson.training.checkpoints import TrainingError
from pytest_edgejson.training.examples import IGNORED, Example, answer_text, collate, encode, trained_on
from pytest_edgejson.training.full import FullSettings, _only, train_further
from pytest_edgejson.training.general import MAX_LEAVES
from pytest_edgejson.training.record_batches import RecordBatches
from pytest_edgejson.training.record_source import GeneralRecords, SuiteRecords
from pytest_edgejson.training.scratch import SIZES, ScratchSettings, train_from_scratch
from pytest_edgejson.training.tokenizer import BEGIN, END, train_tokenizer, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from transformers import PreTrainedTokenizerFast

    from pytest_edgejson.suite.cases import Complexity

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'pytest-edgejson[train]'")
pytest.importorskip("transformers")

pytestmark = pytest.mark.usefixtures("one_thread")

SCHEMAS = Schemas(bundled.SCHEMAS)
TEMPLATE = "Text: {prompt}\nJSON:"
TINY = ScratchSettings(
    steps=6,
    batch_tokens=512,
    warmup_steps=2,
    vocab_size=400,
    hidden_size=64,
    layers=1,
    intermediate_size=64,
    curriculum=(0.1, 0.3),
)
FULL = FullSettings(steps=4, batch_tokens=512, warmup_steps=1)


def _documents(*schema_ids: str) -> dict[Complexity, dict[str, Any]]:
    found: dict[Complexity, dict[str, Any]] = {"simple": {}, "medium": {}, "complex": {}}
    for schema_id in schema_ids:
        schema = SCHEMAS[schema_id]
        found[schema.complexity][schema_id] = schema.document
    return found


RECORDS = SuiteRecords(_documents("rating", "location", "email_metadata", "nested_organization"), TEMPLATE)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    values, records = Values("tokenizer", "train"), SuiteRecords(_documents(*SCHEMAS), "{prompt}")
    texts = []
    for complexity in COMPLEXITIES:
        for _ in range(125):
            text, record = records.draw(complexity, values)
            texts += [text, answer_text(record)]
    return train_tokenizer(iter(texts), 700, 4096)


# Tokenizer


def test_the_vocabulary_is_as_large_as_asked(tokenizer: PreTrainedTokenizerFast) -> None:
    assert len(tokenizer) == 700
    assert tokenizer.model_max_length == 4096
    assert (tokenizer.bos_token, tokenizer.eos_token, tokenizer.padding_side) == (BEGIN, END, "left")


@settings(deadline=None)
@given(text=st.text(st.characters(codec="utf-8")).filter(lambda text: BEGIN not in text and END not in text))
def test_every_text_survives(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    ids = tokenizer(text)["input_ids"]
    assert ids[0] == tokenizer.bos_token_id
    assert tokenizer.bos_token_id not in ids[1:]
    assert tokenizer.eos_token_id not in ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == text
    assert tokenizer.decode(ids) == BEGIN + text


def test_the_words_of_a_vocabulary_are_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    words = words_of(tokenizer)
    assert len(words) > 100
    assert len(set(words)) == len(words)
    for word in words:
        assert len(word) > 1
        assert word.isalpha()
        assert len(tokenizer(word, add_special_tokens=False)["input_ids"]) == 1


def test_every_byte_has_a_token(tokenizer: PreTrainedTokenizerFast) -> None:
    for text in ("\x00\x01\x7f", "é", "日本語", "😀", "\u202e", "\r\n\t", '{"a": "\\"}'):
        assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


# Whatever a value is made of, save what JSON escapes or runs together with its own signs.
_INNER = st.characters(codec="utf-8", exclude_characters='"\\', exclude_categories=["Cc", "Cs"])
_ENDS = st.characters(categories=["L", "Nd"]) | st.sampled_from("$%&@#+*/().;!?'€°")


@settings(deadline=None)
@given(value=st.tuples(_ENDS, st.text(_INNER, max_size=15), _ENDS).map("".join))
def test_a_value_has_the_same_tokens_in_text_and_json(tokenizer: PreTrainedTokenizerFast, value: str) -> None:
    in_text = _tokens_of(tokenizer, "Reviewer Name: ", value, "\nRating: 4")
    assert in_text == _tokens_of(tokenizer, '{"rating": 4, "name": "', value, '", "x": 1}')
    assert tokenizer.decode(in_text) == value


def _tokens_of(tokenizer: PreTrainedTokenizerFast, before: str, value: str, after: str) -> list[int]:
    """Return the tokens that a value has a part in."""
    encoded = tokenizer(before + value + after, add_special_tokens=False, return_offsets_mapping=True)
    return [
        token
        for token, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
        if end > len(before) and start < len(before + value)
    ]


@pytest.mark.parametrize(
    "value", ["INV-0042", "2024-03-01T10:00:00Z", "Zoë O'Hara", "3.14", "+1-555-010-9999", "zoe12@example.org", "日本"]
)
def test_a_value_has_the_same_tokens_wherever_it_stands(tokenizer: PreTrainedTokenizerFast, value: str) -> None:
    alone = tokenizer(value, add_special_tokens=False)["input_ids"]
    for before, after in (
        ("Key: ", "\n"),
        ("Keys:\n  - ", "\n"),
        ('{"key": "', '"}'),
        ('{"keys": ["a", "', '", "b"]}'),
    ):
        assert _tokens_of(tokenizer, before, value, after) == alone
    if value == "3.14":
        assert _tokens_of(tokenizer, '{"key": ', value, "}") == alone


def test_digits_stand_alone(tokenizer: PreTrainedTokenizerFast) -> None:
    assert [tokenizer.decode([token]) for token in tokenizer("2024")["input_ids"][1:]] == ["2", "0", "2", "4"]


# Examples


def test_the_loss_is_on_the_answer_alone_and_the_end_is_taught(tokenizer: PreTrainedTokenizerFast) -> None:
    record = {"rating": 4, "name": "Zoë"}
    example = encode("Text: x\nJSON:", record, tokenizer)
    batch = collate([example], tokenizer.pad_token_id)
    taught = [token for token in batch["labels"][0].tolist() if token != IGNORED]
    assert tokenizer.decode(taught) == ' {"rating": 4, "name": "Zoë"}' + END
    assert taught[-1] == tokenizer.eos_token_id
    prompt = batch["input_ids"][0].tolist()[: example.prompt_length]
    # What a model is given when it is asked later: the prompt's tokens alone, whatever follows.
    assert prompt == tokenizer("Text: x\nJSON:")["input_ids"]
    assert batch["labels"][0].tolist()[: example.prompt_length] == [IGNORED] * example.prompt_length


def test_padding_is_no_part_of_the_loss(tokenizer: PreTrainedTokenizerFast) -> None:
    long, short = encode("a b c d", {"a": "long answer"}, tokenizer), encode("a", {}, tokenizer)
    batch = collate([long, short], tokenizer.pad_token_id)
    # A few spare columns are allowed, so that the shapes are few.
    assert batch["input_ids"].shape == batch["labels"].shape == batch["attention_mask"].shape
    assert len(long.input_ids) <= batch["input_ids"].shape[1] < len(long.input_ids) + 64
    assert batch["attention_mask"].sum(1).tolist() == [len(long.input_ids), len(short.input_ids)]
    # The padding token is the end token: only its first place is taught.
    assert batch["labels"][1].tolist().count(tokenizer.eos_token_id) == 1
    assert (batch["labels"][batch["attention_mask"] == 0] == IGNORED).all()
    assert batch["input_ids"][1, : len(short.input_ids)].tolist() == short.input_ids


@settings(deadline=None, max_examples=25)
@given(lengths=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=5))
def test_collating_keeps_every_token(lengths: list[tuple[int, int]]) -> None:
    examples = [Example(list(range(10, 10 + prompt + answer)), prompt) for prompt, answer in lengths]
    batch = collate(examples, 0)
    for row, example in enumerate(examples):
        real = batch["attention_mask"][row].bool()
        assert batch["input_ids"][row][real].tolist() == example.input_ids
        assert batch["labels"][row][real].tolist() == (
            [IGNORED] * example.prompt_length + example.input_ids[example.prompt_length :]
        )


def test_a_model_learns_the_same_where_only_answers_get_logits(tokenizer: PreTrainedTokenizerFast) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2
    )
    model = LlamaForCausalLM(config)
    long = encode("a long text " * 90, {"a": "long answer"}, tokenizer)
    batch = collate([long, encode("a long text " * 70, {"b": 1}, tokenizer)], tokenizer.pad_token_id)
    given = trained_on(batch)
    assert given["logits_to_keep"] < batch["labels"].shape[1]
    assert model(**given).loss.item() == pytest.approx(model(**batch).loss.item(), rel=1e-5)


def test_the_first_step_tells_how_long_the_others_take(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import TrainerState

    from pytest_edgejson.training import display

    ticks = iter((100.0, 130.0))
    monkeypatch.setattr(display, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    progress, state = display.Progress(), TrainerState(max_steps=61)
    progress.on_train_begin(None, state, None)
    for step in (1, 2, 3):
        progress.on_step_begin(None, state, None)
        state.global_step = step
        progress.on_step_end(None, state, None)
    assert capsys.readouterr().err == "60 more steps, about 30.0 min at the pace of the first\n"


# Batches


def _batches(tokenizer: PreTrainedTokenizerFast, **changes: Any) -> RecordBatches:
    options: dict[str, Any] = {
        "steps": 20,
        "tokens": 1500,
        "max_length": 4096,
        "curriculum": (0.1, 0.3),
        "mix": (0.3, 0.4, 0.3),
        "seed": 0,
        **changes,
    }
    return RecordBatches(SuiteRecords(_documents(*SCHEMAS), TEMPLATE), tokenizer, **options)


def test_a_batch_is_made_from_its_index_alone(tokenizer: PreTrainedTokenizerFast) -> None:
    forwards, other = _batches(tokenizer), _batches(tokenizer)
    found = {index: forwards[index] for index in (0, 7, 19)}
    for index in (19, 0, 7):
        assert all(torch.equal(other[index][name], found[index][name]) for name in found[index])
    assert not torch.equal(found[7]["input_ids"], _batches(tokenizer, seed=1)[7]["input_ids"])
    assert len(forwards) == 20


@pytest.mark.slow
def test_other_processes_make_the_same_batches(tokenizer: PreTrainedTokenizerFast) -> None:
    # Spawned, as where there is no fork: all that they need is sent to them.
    loader = torch.utils.data.DataLoader(
        _batches(tokenizer, steps=4), batch_size=1, collate_fn=_only, num_workers=2, multiprocessing_context="spawn"
    )
    for index, batch in enumerate(loader):
        here = _only([_batches(tokenizer, steps=4)[index]])
        assert torch.equal(batch["input_ids"], here["input_ids"])
        assert batch["logits_to_keep"] == here["logits_to_keep"]


def test_the_mix_decides_what_comes_after_the_curriculum(tokenizer: PreTrainedTokenizerFast) -> None:
    long = _batches(tokenizer, curriculum=(0.0, 0.0), mix=(0.0, 0.0, 1.0))
    short = _batches(tokenizer, curriculum=(0.0, 0.0), mix=(1.0, 0.0, 0.0))
    for index in (3, 11):
        assert long[index]["input_ids"].shape[1] > short[index]["input_ids"].shape[1]


def test_batches_keep_the_number_of_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    batches = _batches(tokenizer)
    rows = 0
    for index in range(20):
        batch = batches[index]
        lengths = batch["attention_mask"].sum(1)
        assert int(lengths.max()) * len(lengths) <= 1500 or len(lengths) == 1
        rows += batch["input_ids"].shape[0]
    assert rows > 40


def test_a_record_longer_than_a_batch_is_a_batch(tokenizer: PreTrainedTokenizerFast) -> None:
    batches = _batches(tokenizer, tokens=16)
    for index in (0, 3, 6, 9, 12, 15, 18):
        assert batches[index]["input_ids"].shape[0] == 1


def test_records_longer_than_the_context_are_left_out(tokenizer: PreTrainedTokenizerFast) -> None:
    batches = _batches(tokenizer, max_length=500)
    for index in (2, 5, 19):
        assert int(batches[index]["attention_mask"].sum(1).max()) <= 500
    with pytest.raises(ValueError, match="no simple record fits a context of 20 tokens"):
        _batches(tokenizer, max_length=20)[0]


def test_short_records_come_first(tokenizer: PreTrainedTokenizerFast) -> None:
    batches = _batches(tokenizer, steps=40)
    longest = [int(batches[index]["attention_mask"].sum(1).max()) for index in range(40)]
    assert max(longest[:4]) < max(longest[4:12]) < max(longest[12:])


def test_every_batch_asks_and_answers(tokenizer: PreTrainedTokenizerFast) -> None:
    for index in (0, 10, 19):
        batch = _batches(tokenizer)[index]
        for ids, labels in zip(batch["input_ids"], batch["labels"], strict=True):
            answer = tokenizer.decode(labels[labels != IGNORED])
            assert answer.startswith(" {")
            assert answer.endswith("}" + END)
            assert isinstance(json.loads(answer.removesuffix(END)), dict)
            prompt = tokenizer.decode(ids[: int((labels != IGNORED).nonzero()[0])], skip_special_tokens=True)
            assert prompt.startswith("Text: ")
            assert prompt.endswith("as JSON.\nJSON:")


# Records of a suite


@pytest.mark.parametrize("complexity", COMPLEXITIES)
def test_items_repeat_values_of_the_item_before(complexity: Complexity) -> None:
    records, values = SuiteRecords(_documents(*SCHEMAS), TEMPLATE), SuiteRecords({}, "").values("repeated")
    repeated = 0
    for _ in range(200):
        _, record = records.draw(complexity, values)
        repeated += any(
            before.get(key) == value and isinstance(value, str) and len(value) > 12
            for before, item in _neighbours(record)
            for key, value in item.items()
        )
    # Long texts are hardly ever the same by chance; simple records have no lists of objects.
    assert repeated > 5 if complexity != "simple" else repeated == 0


@pytest.mark.parametrize("schema_id", ["invoice", "order_details", "shopping_cart"])
def test_records_whose_items_repeat_add_up(schema_id: str) -> None:
    records = SuiteRecords(_documents(schema_id), TEMPLATE)
    values = records.values("repeated")
    for _ in range(200):
        _, record = records.draw("medium", values)
        assert not SCHEMAS[schema_id].violations(record)
        assert not wrong_totals(schema_id, record)


def _neighbours(value: Any) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _neighbours(inner)
    elif isinstance(value, list):
        yield from (pair for pair in pairwise(value) if all(isinstance(each, dict) for each in pair))
        for inner in value:
            yield from _neighbours(inner)


# General extraction


@pytest.mark.parametrize("complexity", COMPLEXITIES)
def test_general_records_say_all_that_is_asked_of_them(complexity: Complexity) -> None:
    values = Values(complexity, "train")
    for _ in range(200):
        text, record = GeneralRecords().draw(complexity, values)
        leaves = list(_leaves(record))
        assert 1 <= len(leaves) <= MAX_LEAVES[complexity]
        assert complexity != "simple" or not any(isinstance(value, dict) for value in record.values())
        for leaf in leaves:
            written = json.dumps(leaf) if not isinstance(leaf, str) else leaf
            assert written in text or ((leaf is None or isinstance(leaf, bool)) and str(leaf) in text)


def test_general_records_are_in_no_form_of_the_suite() -> None:
    values = Values("forms", "train")
    titles = {schema.document["title"] for schema in SCHEMAS.values()}
    for complexity in COMPLEXITIES:
        for _ in range(200):
            text, _ = GeneralRecords().draw(complexity, values)
            assert "information as JSON." not in text
            assert not any(title in text for title in titles)


@pytest.mark.parametrize("complexity", COMPLEXITIES)
def test_texts_that_look_like_other_types_are_left_to_schemas(complexity: Complexity) -> None:
    values = Values(complexity, "train")
    for _ in range(200):
        for leaf in _leaves(GeneralRecords().draw(complexity, values)[1]):
            if isinstance(leaf, str):
                assert leaf.lower() not in {"true", "false", "none", "null"}
                with pytest.raises(ValueError, match="could not convert"):
                    float(leaf)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _leaves(inner)
    else:
        yield value


# From scratch


def _train(folder: Path, name: str, settings: ScratchSettings = TINY, **options: Any) -> dict[str, Any]:
    options = {"checkpoints": folder / f"{name}-checkpoints", "save_steps": 2, **options}
    return train_from_scratch(RECORDS, folder / name, settings, **options)


def _weights(folder: Path, file: str = "model.safetensors") -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / file)


def _same(one: dict[str, Any], two: dict[str, Any]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def _differing_bytes(one: Path, two: Path, names: list[str]) -> list[str]:
    return [name for name in names if (one / name).read_bytes() != (two / name).read_bytes()]


def _cut_off_at(monkeypatch: pytest.MonkeyPatch, batch: int | None) -> list[int]:
    """Let Ctrl-C come while a batch is made; return a list that gets the batches that are made."""
    make = RecordBatches.__getitem__
    made: list[int] = []

    def interrupted(self: RecordBatches, index: int) -> Any:
        if index == batch:
            raise KeyboardInterrupt
        made.append(index)
        return make(self, index)

    monkeypatch.setattr(RecordBatches, "__getitem__", interrupted)
    return made


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("scratch")
    return folder / "whole", _train(folder, "whole")


def test_a_model_from_scratch_can_be_loaded_and_asked(trained: tuple[Path, dict[str, Any]]) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, outcome = trained
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert model.dtype == torch.float16
    assert model.config.max_position_embeddings == TINY.context
    assert model.num_parameters() == outcome["parameters"]
    assert model.config.eos_token_id == tokenizer.eos_token_id == tokenizer.convert_tokens_to_ids(END)
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    inputs = tokenizer("Text: Rating: 5\nJSON:", return_tensors="pt", return_token_type_ids=False)
    output = model.float().generate(**inputs, max_new_tokens=3, do_sample=False)
    assert 1 <= output.shape[1] - inputs["input_ids"].shape[1] <= 3


def test_the_outcome_tells_the_loss(trained: tuple[Path, dict[str, Any]]) -> None:
    _, outcome = trained
    [(step, loss)] = outcome["loss"]
    assert step == 6
    # A new model knows nothing: about ln(vocabulary).
    assert 4 < loss < 6.5
    assert outcome["seconds"] > 0


@pytest.mark.parametrize("size", SIZES)
def test_what_ships_is_at_most_10_megabytes(size: str) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    shipped = SIZES[size]
    with torch.device("meta"):
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=shipped.vocab_size,
                hidden_size=shipped.hidden_size,
                num_hidden_layers=shipped.layers,
                num_attention_heads=shipped.hidden_size // 64,
                intermediate_size=shipped.intermediate_size,
                tie_word_embeddings=True,
            )
        )
    assert model.num_parameters() < 5_000_000  # two bytes each


def test_the_file_holds_half_precision(trained: tuple[Path, dict[str, Any]]) -> None:
    folder, outcome = trained
    size = (folder / "model.safetensors").stat().st_size
    assert 2 * outcome["parameters"] <= size < 2 * outcome["parameters"] + 10_000
    assert sum(file.stat().st_size for file in folder.iterdir()) < 8_000_000


@pytest.mark.slow
def test_the_same_seed_gives_the_same_files(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    _train(tmp_path, "again")
    names = ["model.safetensors", "tokenizer.json", "config.json"]
    assert _differing_bytes(tmp_path / "again", trained[0], names) == []


@pytest.mark.slow
def test_another_seed_gives_another_model(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    _train(tmp_path, "other", replace(TINY, seed=1, steps=1))
    assert not _same(_weights(tmp_path / "other"), _weights(trained[0]))


def test_training_changes_the_weights(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    # One step has a learning rate of zero: the warm-up begins there.
    _train(tmp_path, "untrained", replace(TINY, steps=1))
    assert not _same(_weights(tmp_path / "untrained"), _weights(trained[0]))


@pytest.mark.slow
def test_a_training_that_was_cut_off_ends_in_the_same_weights(
    trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        _cut_off_at(patch, 5)
        with pytest.raises(KeyboardInterrupt):
            _train(tmp_path, "model")
    assert not (tmp_path / "model").exists()
    # Killed while a checkpoint was written, too: it is no use, the one before it is.
    shutil.copytree(tmp_path / "model-checkpoints/checkpoint-4", tmp_path / "model-checkpoints/checkpoint-5")
    (tmp_path / "model-checkpoints/checkpoint-5/trainer_state.json").unlink()
    with pytest.MonkeyPatch.context() as patch:
        made = _cut_off_at(patch, None)
        outcome = _train(tmp_path, "model")
    assert made == [4, 5]
    assert outcome["loss"][-1][0] == 6
    assert _differing_bytes(tmp_path / "model", trained[0], ["model.safetensors", "tokenizer.json"]) == []
    state = json.loads((tmp_path / "model-checkpoints/checkpoint-6/trainer_state.json").read_text())
    assert state["global_step"] == 6
    # Run again when all is done, it changes nothing.
    _train(tmp_path, "model")
    assert _differing_bytes(tmp_path / "model", trained[0], ["model.safetensors"]) == []


def test_checkpoints_of_another_training_are_not_taken(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    checkpoints = trained[0].with_name("whole-checkpoints")
    with pytest.raises(TrainingError, match=r"another training, its seed, hidden_size differ: .*--checkpoints"):
        _train(tmp_path, "model", replace(TINY, seed=5, hidden_size=128), checkpoints=checkpoints)
    assert not (tmp_path / "model").exists()


@pytest.mark.slow
def test_settings_may_change_while_there_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        _cut_off_at(patch, 0)
        with pytest.raises(KeyboardInterrupt):
            _train(tmp_path, "model")
    assert _train(tmp_path, "model", replace(TINY, seed=5, steps=1))["loss"][-1][0] == 1


@pytest.fixture
def small_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the sizes that ship be trained at once."""
    monkeypatch.setattr("pytest_edgejson.training.scratch.SIZES", {"nano-1m": TINY})
    monkeypatch.setattr("pytest_edgejson.training.scratch._TOKENIZER_RECORDS", 100)


@pytest.mark.slow
@pytest.mark.usefixtures("small_sizes")
def test_the_command_trains_a_model_and_says_how_it_was_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "my model"
    assert main(["train", "--size", "nano-1m", "--out", str(out), "--steps", "2", "--seed", "7"]) == 0
    assert "parameters in" in capsys.readouterr().out
    record = json.loads((out / "training.json").read_text())
    assert record["command"] == f"edgejson train --size nano-1m --out '{out}' --steps 2 --seed 7"
    assert record["settings"]["seed"] == 7
    assert record["settings"]["steps"] == 2
    assert record["loss"][-1][0] == 2
    card = (out / "README.md").read_text(encoding="utf-8")
    assert card.startswith("# my model\n")
    assert f"Loss at the end: {record['loss'][-1][1]:.4f} nats per answer token" in card
    assert (out / "model.safetensors").stat().st_size < 8_000_000
    assert (tmp_path / "my model-checkpoints/checkpoint-2").is_dir()


# From a base


def _train_further(base: Path, folder: Path, **changes: Any) -> dict[str, Any]:
    settings = replace(FULL, **changes)
    return train_further(str(base), RECORDS, folder / "model", settings, checkpoints=folder / "checkpoints")


@pytest.mark.slow
def test_a_base_is_trained_further_with_its_own_tokenizer(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    base, before = trained
    outcome = _train_further(base, tmp_path)
    assert outcome["parameters"] == before["parameters"]
    assert _differing_bytes(base, tmp_path / "model", ["tokenizer.json"]) == []
    assert not _same(_weights(tmp_path / "model"), _weights(base))
    # It goes on where the base was, not where a new model is.
    assert outcome["loss"][-1][1] < before["loss"][0][1]


@pytest.mark.slow
def test_a_further_training_makes_words_of_the_bases_tokens(
    trained: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoTokenizer

    given = []
    make = RecordBatches.__getitem__

    def watched(self: RecordBatches, index: int) -> Any:
        assert isinstance(self._records, SuiteRecords)
        given.append(self._records.pieces)
        return make(self, index)

    monkeypatch.setattr(RecordBatches, "__getitem__", watched)
    _train_further(trained[0], tmp_path, steps=1)
    assert given == [words_of(AutoTokenizer.from_pretrained(trained[0]))]
    assert len(given[0]) > 100


@pytest.mark.slow
def test_a_further_training_that_was_cut_off_ends_in_the_same_weights(
    trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    _train_further(trained[0], tmp_path / "whole")
    with pytest.MonkeyPatch.context() as patch:
        _cut_off_at(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            train_further(
                str(trained[0]),
                RECORDS,
                tmp_path / "model",
                FULL,
                checkpoints=tmp_path / "checkpoints",
                save_steps=2,
            )
    with pytest.MonkeyPatch.context() as patch:
        made = _cut_off_at(patch, None)
        _train_further(trained[0], tmp_path)
    assert made == [2, 3]
    assert _same(_weights(tmp_path / "model"), _weights(tmp_path / "whole/model"))


@pytest.mark.slow
def test_checkpoints_of_another_base_are_not_taken(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    from safetensors.torch import save_file

    base = shutil.copytree(trained[0], tmp_path / "base")
    _train_further(base, tmp_path)
    # The same name, other weights.
    changed = {name: weight + 0.01 for name, weight in _weights(base).items()}
    save_file(changed, base / "model.safetensors", {"format": "pt"})
    with pytest.raises(TrainingError, match=r"another training, its base differ: .*--checkpoints"):
        _train_further(base, tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("small_sizes")
def test_the_command_trains_a_base_further(tmp_path: Path, trained: tuple[Path, dict[str, Any]]) -> None:
    out = tmp_path / "model"
    options = ["--steps", "1", "--batch-tokens", "300", "--learning-rate", "1e-4"]
    assert main(["train", "--base", str(trained[0]), "--out", str(out), *options]) == 0
    record = json.loads((out / "training.json").read_text())
    assert (record["settings"]["batch_tokens"], record["settings"]["learning_rate"]) == (300, 1e-4)
    assert record["settings"]["base"] == str(trained[0])
    assert record["loss"][-1][0] == 1
