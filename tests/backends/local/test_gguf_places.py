"""GGUF models on the hub: their names, and repositories that an earlier run downloaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.local.gguf_places import choose_gguf, find_gguf, pieces_of
from pytest_edgejson.backends.models import UnknownModel, resolve_model
from pytest_edgejson.backends.spec import ModelSpec

REPO = ["README.md", "a-Q8_0.gguf", "a-Q4_K_M.gguf", "a-IQ4_XS.gguf", "mmproj-F16.gguf"]
SPLIT = ["BF16/b-BF16-00002-of-00002.gguf", "BF16/b-BF16-00001-of-00002.gguf", "b-Q4_0.gguf"]


@pytest.mark.parametrize(
    ("names", "quant", "expected"),
    [
        (["x.gguf", "README.md", "mmproj-x.gguf"], None, ["x.gguf"]),
        (REPO, None, ["a-Q4_K_M.gguf"]),
        (REPO, "q8_0", ["a-Q8_0.gguf"]),
        (REPO, "IQ4_XS", ["a-IQ4_XS.gguf"]),
        (SPLIT, "BF16", SPLIT[1::-1]),
        (["m.Q4_1.gguf", "m.Q4_K_S.gguf"], "Q4_1", ["m.Q4_1.gguf"]),
    ],
)
def test_which_of_a_repositorys_files_is_meant(names: list[str], quant: str | None, expected: list[str]) -> None:
    assert choose_gguf(names, quant) == expected


@pytest.mark.parametrize(
    ("names", "quant", "message"),
    [
        (["README.md", "model.safetensors"], None, "holds no GGUF file"),
        (REPO, "Q4_K", "has no Q4_K: it holds a-IQ4_XS, a-Q4_K_M, a-Q8_0"),
        (
            ["a-Q8_0.gguf", "a-F16.gguf"],
            None,
            "holds several models, name one, as in gguf:ORG/REPO:Q8_0: it holds a-F16",
        ),
        (["a-Q8_0.gguf", "b-Q8_0.gguf"], "Q8_0", "holds several models, Q8_0 is said of 2: it holds a-Q8_0, b-Q8_0"),
    ],
)
def test_a_repository_that_does_not_decide_is_said(names: list[str], quant: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        choose_gguf(names, quant)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lay out a hub cache as huggingface_hub does, with a repository in it; the hub itself is not reached."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    commit = "0123456789abcdef0123456789abcdef01234567"
    repo = tmp_path / "models--acme--model-GGUF"
    for name in ("blobs/1", "blobs/2"):
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_bytes(b"GGUF")
    snapshot = repo / "snapshots" / commit
    snapshot.mkdir(parents=True)
    for number, name in enumerate(("model-Q8_0.gguf", "model-Q4_K_M.gguf"), 1):
        (snapshot / name).symlink_to(repo / "blobs" / str(number))
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(commit)
    return snapshot


@pytest.mark.parametrize(
    ("name", "file"),
    [("gguf:acme/model-GGUF", "model-Q4_K_M.gguf"), ("gguf:acme/model-GGUF:q8_0", "model-Q8_0.gguf")],
)
def test_what_an_earlier_run_downloaded_needs_no_hub(hub: Path, name: str, file: str) -> None:
    spec = resolve_model(name, {})
    assert spec.model == name
    assert spec.name == name.replace("/", "-")
    assert find_gguf(spec) == hub / file


def test_a_hub_that_is_not_reached_is_said_in_a_line(hub: Path) -> None:
    with pytest.raises(BackendError) as caught:
        find_gguf(ModelSpec("m", model="gguf:acme/other:Q8_0"))
    assert str(caught.value).startswith(
        "m: cannot get the model 'acme/other' (revision main) from the Hugging Face hub: "
    )
    assert "\n" not in str(caught.value)
    with pytest.raises(
        BackendError, match=r"on this machine: the repository acme/model-GGUF has no Q2_K: it holds"
    ) as no:
        find_gguf(ModelSpec("m", model="gguf:acme/model-GGUF:Q2_K"))
    assert "\n" not in str(no.value)


@pytest.mark.parametrize("name", ["gguf:model", "gguf:a/b/c", "gguf:a/b:c:d", "gguf:./model"])
def test_what_names_no_repository(name: str) -> None:
    with pytest.raises(
        UnknownModel, match=r"names no repository of the hub: use gguf:ORG/REPO, or gguf:ORG/REPO:QUANT"
    ):
        resolve_model(name, {})


def test_pieces_are_all_there_and_the_first_is_named(tmp_path: Path) -> None:
    names = [f"big-{number:05}-of-00003.gguf" for number in (1, 2, 3)]
    for name in names[:2]:
        (tmp_path / name).touch()
    with pytest.raises(BackendError, match=r"m: the model's piece .*big-00003-of-00003\.gguf is not there: fetch it"):
        pieces_of(tmp_path / names[0], 3, "m")
    (tmp_path / names[2]).touch()
    assert pieces_of(tmp_path / names[0], 3, "m") == [tmp_path / name for name in names]
    with pytest.raises(BackendError, match=r"is a piece of a model: name the first one"):
        pieces_of(tmp_path / names[1], 3, "m")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (None, "names no model: set model to a GGUF file"),
        ("gone.gguf", "the model is not there: no file gone.gguf"),
        ("org/name", 'org/name is no GGUF file and holds none: use backend = "transformers", or convert it'),
    ],
)
def test_what_is_no_gguf_model(model: str | None, message: str) -> None:
    with pytest.raises(BackendError, match=f"^m: {message}"):
        find_gguf(ModelSpec("m", model=model))
