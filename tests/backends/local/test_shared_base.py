"""Models of one base: loaded once, and none of them notices the others."""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import warnings
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers.planted import MARKS, pids, plant
from helpers.projects import Project

from pytest_edgejson.backends.interface import BackendError, Completion, GenerationSettings, LoadOptions, Request
from pytest_edgejson.backends.local.isolation import IsolatedBackend
from pytest_edgejson.backends.local.transformers import TransformersBackend
from pytest_edgejson.backends.prompts import TEMPLATES
from pytest_edgejson.backends.registry import load_backend
from pytest_edgejson.backends.spec import ModelSpec
from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.cases import Case

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("peft")

from pytest_edgejson.backends.local import shared_bases as bases_module  # noqa: E402
from pytest_edgejson.backends.local.shared_bases import Bases  # noqa: E402

pytestmark = pytest.mark.usefixtures("model_environment", "one_thread")
NANO = bundled.ROOT / "models" / "nano"
# In the form that nano knows: what an adapter changes shows less where the base has nothing to say.
TEXTS = ("Name: Ada\nAge: 36", "Temperature: 21.5 degrees in room 4", "tags: a, b")
PROMPTS = [TEMPLATES["v3"].fill(text, None) for text in TEXTS]


def make_adapter(folder: Path, *, seed: int, base: Path = NANO, **config: Any) -> Path:
    """Save a LoRA adapter with random weights, which changes what the model says."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    values = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "down_proj"], "task_type": "CAUSAL_LM"}
    with warnings.catch_warnings():
        # peft's of this version about what transformers of that version will drop
        warnings.simplefilter("ignore")
        network = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        adapted = get_peft_model(network, LoraConfig(**{**values, "init_lora_weights": False, **config}))
        with torch.no_grad():
            for name, parameter in adapted.named_parameters():
                if "modules_to_save" in name:
                    parameter += torch.randn_like(parameter) * parameter.std()
        adapted.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path | None]:
    """Adapters by name, None for the base itself."""
    folder = tmp_path_factory.mktemp("adapters")
    embeddings = make_adapter(folder / "embeddings", seed=3)
    _add_embeddings(embeddings)
    return {
        "base": None,
        "one": make_adapter(folder / "one", seed=1),
        "two": make_adapter(folder / "two", seed=2, target_modules=["v_proj", "o_proj", "up_proj"]),
        "words": make_adapter(folder / "words", seed=5, target_modules=["embed_tokens"]),
        "head": make_adapter(folder / "head", seed=4, modules_to_save=["lm_head"]),
        "embeddings": embeddings,
    }


def _add_embeddings(adapter: Path) -> None:
    """Save embeddings with an adapter, as peft does where a vocabulary was changed for a training."""
    from safetensors.torch import load_file, save_file

    file = adapter / "adapter_model.safetensors"
    weights = load_file(NANO / "model.safetensors")
    embeddings = weights["model.embed_tokens.weight"]
    noise = torch.randn_like(embeddings) * embeddings.std()
    save_file({**load_file(file), "base_model.model.model.embed_tokens.weight": embeddings + noise}, file)


def requests(texts: Sequence[str] = PROMPTS) -> list[Request]:
    return [Request(text, text, Case(text, "rating", "simple", text, {})) for text in texts]


def answers(completions: Iterator[Completion]) -> dict[str, tuple[str, str, int | None]]:
    return {one.key: (one.text, one.finish_reason, one.output_tokens) for one in completions}


def load(adapter: Path | None, *, model: Path = NANO, isolate: bool = False, **settings: Any) -> Any:
    spec = ModelSpec(
        name=adapter.name if adapter else "base",
        model=str(model),
        adapter=adapter and str(adapter),
        trust_remote_code=model != NANO,
    )
    return load_backend(
        spec,
        GenerationSettings(**{"max_new_tokens": 8, **settings}),
        LoadOptions(device="cpu", batch_size=2, isolate=isolate),
    )


@pytest.mark.parametrize("merge", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["merged", "unmerged"])
@pytest.mark.parametrize("dtype", ["float32", pytest.param("bfloat16", marks=pytest.mark.slow)])
def test_models_that_share_answer_as_alone(adapters: dict[str, Path | None], merge: bool, dtype: str) -> None:
    settings = {"merge_adapter": merge, "dtype": dtype}
    names = list(adapters)
    alone = {}
    for name in names:
        backend = load(adapters[name], **settings)
        alone[name] = answers(backend.generate(requests()))
        backend.close()
    distinct = {json.dumps(found) for found in alone.values()}
    assert len(distinct) == len(names), "models that answer alike show nothing"
    bases = Bases()
    # The base last: it has whatever the adapters left behind.
    order = [*names, "base"]
    for place, name in enumerate(order):
        backend = load(adapters[name], **settings)
        assert isinstance(backend, TransformersBackend)
        backend.keeps_base = place < len(order) - 1
        backend.load_model(bases)
        assert answers(backend.generate(requests())) == alone[name], name
        backend.close()


def test_weights_are_in_memory_once_and_no_longer_than_needed(adapters: dict[str, Path | None]) -> None:
    bases = Bases()
    first = load(adapters["one"], merge_adapter=False)
    first.keeps_base = True
    network = first.load_model(bases)._network
    weights = {parameter.data_ptr(): weakref.ref(parameter.untyped_storage()) for parameter in network.parameters()}
    first.close()
    second = load(adapters["two"], merge_adapter=False)
    network = second.load_model(bases)._network
    taken = {parameter.data_ptr() for name, parameter in network.named_parameters() if "lora_" not in name}
    assert taken <= weights.keys()
    network = weakref.ref(network)
    second.close()
    gc.collect()
    assert network() is None, "the last model's base is kept nowhere"


def test_a_base_that_does_not_fit_twice_is_not_kept(
    adapters: dict[str, Path | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bases_module, "free_bytes", lambda device: 1000)
    bases = Bases()
    backend = load(None)
    backend.keeps_base = True
    network = weakref.ref(backend.load_model(bases)._network)
    backend.close()
    gc.collect()
    assert network() is None


# --- processes -------------------------------------------------------------------------------------------------------


class Turns:
    """Runs models in turns, as a run does."""

    def __init__(self, planted: Path, adapters: Sequence[Path | None], **settings: Any) -> None:
        self.backends = [load(adapter, model=planted, isolate=True, **settings) for adapter in adapters]
        self.former: IsolatedBackend | None = None

    def __iter__(self) -> Iterator[IsolatedBackend]:
        for backend, following in zip(self.backends, [*self.backends[1:], None], strict=True):
            backend.take_turn(self.former, following)
            if self.former is not None:
                self.former.close()
            self.former = backend
            yield backend

    def __enter__(self) -> Turns:
        return self

    def __exit__(self, *_: object) -> None:
        for backend in self.backends:
            backend.close()


@pytest.mark.slow
def test_one_process_loads_the_base_of_several_models_once(
    planted: Path, adapters: dict[str, Path | None], capfd: pytest.CaptureFixture[str]
) -> None:
    order = ["one", "base", "two"]
    with Turns(planted, [adapters[name] for name in order]) as turns:
        found = {name: answers(backend.generate(requests())) for name, backend in zip(order, turns, strict=True)}
        fingerprints = {name: backend.fingerprint for name, backend in zip(order, turns.backends, strict=True)}
    assert len(pids(capfd.readouterr().err)) == 1
    for name in order:
        alone = load(adapters[name], model=planted)
        assert found[name] == answers(alone.generate(requests()))
        assert fingerprints[name] == alone.fingerprint
        alone.close()


@pytest.mark.slow
def test_a_model_after_one_that_crashed_starts_afresh(
    planted: Path, adapters: dict[str, Path | None], capfd: pytest.CaptureFixture[str]
) -> None:
    with Turns(planted, [adapters["one"], adapters["two"]]) as turns:
        models = iter(turns)
        first = next(models)
        broken = list(first.generate(requests([MARKS["abort"]])))
        assert [one.finish_reason for one in broken] == ["error"]
        second = next(models)
        assert all(one.finish_reason != "error" for one in second.generate(requests()))
    loaded = pids(capfd.readouterr().err)
    assert len(set(loaded)) == 3, "two that crashed, and one that did not"


@pytest.mark.slow
@pytest.mark.parametrize("when", ["idle", "taken over"])
def test_a_process_that_dies_between_two_models_is_not_the_second_ones_fault(
    planted: Path, adapters: dict[str, Path | None], capfd: pytest.CaptureFixture[str], when: str
) -> None:
    with Turns(planted, [adapters["one"], adapters["two"]]) as turns:
        models = iter(turns)
        assert len(list(next(models).generate(requests()))) == len(PROMPTS)
        (pid,) = pids(capfd.readouterr().err)
        if when == "idle":
            os.kill(pid, signal.SIGKILL)
        second = next(models)
        if when != "idle":
            os.kill(pid, signal.SIGKILL)
        assert all(one.finish_reason != "error" for one in second.generate(requests()))
        (other,) = pids(capfd.readouterr().err)
        assert other != pid


@pytest.mark.slow
def test_an_error_of_the_second_model_is_its_own(
    planted: Path, adapters: dict[str, Path | None], tmp_path: Path
) -> None:
    misfit = tmp_path / "misfit"
    shutil.copytree(str(adapters["two"]), misfit)
    config = json.loads((misfit / "adapter_config.json").read_text())
    (misfit / "adapter_config.json").write_text(json.dumps({**config, "target_modules": ["k_proj"]}))
    with Turns(planted, [adapters["one"], misfit, adapters["two"]]) as turns:
        models = iter(turns)
        list(next(models).generate(requests()))
        with pytest.raises(BackendError, match=r"^misfit: the adapter does not fit the model"):
            list(next(models).generate(requests()))
        assert len(answers(next(models).generate(requests()))) == len(PROMPTS)


@pytest.mark.slow
@pytest.mark.parametrize("change", ["weights", "config", "dtype"])
def test_what_is_not_the_same_base_is_loaded_anew(
    planted: Path,
    adapters: dict[str, Path | None],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    change: str,
) -> None:
    model = tmp_path / "model"
    shutil.copytree(planted, model)
    first = load(adapters["one"], model=model, isolate=True)
    second = load(adapters["one"], model=model, isolate=True, dtype="bfloat16" if change == "dtype" else "auto")
    first.take_turn(None, second)
    found = answers(first.generate(requests()))
    if change == "weights":
        from safetensors.torch import load_file, save_file

        weights = load_file(model / "model.safetensors")
        metadata = {"format": "pt"}
        save_file({name: weight * 0.9 for name, weight in weights.items()}, model / "model.safetensors", metadata)
    elif change == "config":
        config = json.loads((model / "config.json").read_text())
        (model / "config.json").write_text(json.dumps({**config, "rms_norm_eps": 0.1}))
    second.take_turn(first, None)
    first.close()
    others = answers(second.generate(requests()))
    second.close()
    assert len(set(pids(capfd.readouterr().err))) == 2
    alone = load(adapters["one"], model=model, dtype="bfloat16" if change == "dtype" else "auto")
    assert others == answers(alone.generate(requests()))
    # Rounding need not change an answer of a few tokens.
    assert change == "dtype" or others != found
    alone.close()


@pytest.mark.slow
def test_a_run_of_a_base_and_its_adapters(
    planted: Path, adapters: dict[str, Path | None], project: Project, pytester: pytest.Pytester
) -> None:
    plant(project, planted, {})
    # In the form that nano knows, as above.
    entry = (project.root / "models.toml").read_text(encoding="utf-8").replace("'{prompt}'", "'v3'")
    others = [entry.replace("planted]", f"{name}]") + f"adapter = '{adapters[name]}'\n" for name in ("one", "two")]
    (project.root / "models.toml").write_text("\n".join([entry, *others]), encoding="utf-8")
    options = ("-s", "--edgejson-max-new-tokens=12", "--edgejson-results=results.jsonl", "-p", "no:cacheprovider")

    def run(*models: str) -> tuple[int, dict[tuple[str, str], str], dict[str, str]]:
        result = pytester.runpytest_subprocess(*options, *(f"--edgejson-model={model}" for model in models))
        result.assert_outcomes(failed=6 * len(models))
        manifest, rows = project.results()
        outputs = {(row["model"], row["case_id"]): row["output"] for row in rows}
        fingerprints = {name: model["fingerprint"] for name, model in manifest["models"].items()}
        return len(pids(result.stderr.str())), outputs, fingerprints

    loads, outputs, fingerprints = run("planted", "one", "two")
    assert loads == 1
    distinct = {tuple(text for (model, _), text in sorted(outputs.items()) if model == name) for name in fingerprints}
    assert len(distinct) == 3
    loads, alone, fingerprint = run("two")
    assert loads == 1
    assert alone == {key: output for key, output in outputs.items() if key[0] == "two"}
    assert fingerprint == {"two": fingerprints["two"]}
