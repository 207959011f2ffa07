"""Models in OpenVINO's form, made of those of transformers: checked, and kept for each content of their files."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import shutil
import sys
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.local.library_messages import one_line, quiet
from pytest_edgejson.backends.local.loading import end_tokens, load_merged, read_end_tokens
from pytest_edgejson.backends.local.slot_check import is_simple
from pytest_edgejson.backends.openvino.folder import read_facts
from pytest_edgejson.backends.openvino.pipeline import ask, import_openvino, pipeline, precision, read, reason, versions
from pytest_edgejson.backends.openvino.trace import compress, convert
from pytest_edgejson.backends.references import OPENVINO_MODEL
from pytest_edgejson.values.wording import first_line

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_edgejson.backends.local.model_files import ModelFiles
    from pytest_edgejson.backends.openvino.folder import Facts
    from pytest_edgejson.backends.spec import ModelSpec

# Raised whenever what is made of the same files changes.
_CONVERSION = 2
# Tokens of the prompts with which a conversion is tried, and tokens generated for each.
_TRIED = (5, 25, 70)
_TRIED_TOKENS = 12
# In units of the logits' spread. Rounding differs by 1e-5 of it.
_TOLERANCE = 1e-3


class Conversion:
    """Where the converted form of a model is, or will be.

    Args:
        spec: the model; `weights` says how they are kept.
        files: what it is made of.
        hashes: of these, as `model_files.hash_files` gives them.
        folder: where conversions are kept.

    Attributes:
        folder: of this conversion; there only when it is complete.
    """

    def __init__(self, spec: ModelSpec, files: ModelFiles, hashes: list[list[str]], folder: Path) -> None:
        content = {
            "conversion": _CONVERSION,
            "versions": {**versions(spec.weights), **_peft_version(files)},
            "files": hashes,
            "trust_remote_code": spec.trust_remote_code,
            "weights": spec.weights,
        }
        key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        self.folder = folder / key[:32]
        self._spec = spec
        self._files = files

    @property
    def is_there(self) -> bool:
        """Whether it was made before."""
        return self.folder.is_dir()

    def make(self, tokenizer: Any) -> None:
        """Convert the model, if no other process has done so meanwhile.

        It gets its name when it is complete. What a process that was killed left behind is removed by the next.

        Args:
            tokenizer: the model's, which names end tokens too.

        Raises:
            BackendError: it cannot be converted, or the folder cannot be written to.
        """
        # It comes with the hub library.
        from filelock import FileLock

        partial = self.folder.with_suffix(".partial")
        try:
            partial.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder.with_suffix(".lock")):
                if self.is_there:
                    return
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir()
                try:
                    write_model(partial, self._spec, self._files, tokenizer, self._spec.weights)
                    partial.replace(self.folder)
                finally:
                    shutil.rmtree(partial, ignore_errors=True)
        except OSError as error:
            what = error.strerror or first_line(error)
            raise BackendError(f"{self._spec.name}: cannot be kept in {self.folder.parent}: {what}") from error


def write_model(folder: Path, spec: ModelSpec, files: ModelFiles, tokenizer: Any, weights: str | None) -> None:
    """Write a model, its adapter merged, in OpenVINO's form, with its configs; not its tokenizer.

    It must generate what the model does, before its weights are compressed.

    Args:
        folder: to write to, which is there.
        spec: the model.
        files: what it is made of.
        tokenizer: the model's, which names end tokens too.
        weights: `int8`, `int4`, or None for float32.

    Raises:
        BackendError: it cannot be loaded or converted, or computes something else afterwards.
        OSError: a file cannot be written.
    """
    with quiet(), one_line(spec.name, "the model"):
        network = load_merged(spec, files)
    kind = type(network).__name__
    other = f'run it with backend = "transformers" ({spec.name})'
    if not is_simple(network):
        raise BackendError(f"{spec.name}: {kind} keeps more than keys and values of each token: {other}")
    _write_configs(folder, network, tokenizer)
    if spec.trust_remote_code:
        for code in files.model.glob("*.py"):
            shutil.copy(code, folder)
    try:
        with quiet():
            model = convert(network)
            _save(model, folder)
            facts = read_facts(folder, spec.name, tokenizer, trust_remote_code=spec.trust_remote_code)
            agrees = _agrees(network, folder, facts)
    except BackendError:
        raise
    except Exception as error:
        # The library's own exceptions are RuntimeErrors of many lines; others come from the model's code.
        raise BackendError(f"{spec.name}: OpenVINO cannot convert {kind}: {reason(error)}: {other}") from error
    if not agrees:
        raise BackendError(f"{spec.name}: converted, {kind} computes something else than before: {other}")
    if weights is not None:
        del network
        with quiet():
            _save(compress(model, weights), folder)


def _write_configs(folder: Path, network: Any, tokenizer: Any) -> None:
    with quiet():
        network.config.save_pretrained(folder)
    generation = getattr(network, "generation_config", None)
    if generation is None:
        return
    # For those who read this file alone.
    if (ends := read_end_tokens(network, tokenizer)) > end_tokens(generation):
        generation.eos_token_id = sorted(ends)
    # Its own method for that refuses some published ones.
    generation.to_json_file(folder / "generation_config.json")


def _peft_version(files: ModelFiles) -> dict[str, str]:
    return {"peft": importlib.metadata.version("peft")} if files.adapter is not None else {}


def _save(model: Any, folder: Path) -> None:
    # Left alone, it rounds weights to float16.
    import_openvino().save_model(model, folder / OPENVINO_MODEL, compress_to_fp16=False)


def _agrees(network: Any, folder: Path, facts: Facts) -> bool:
    """Tell whether the tokens that a converted model generates are the network's likeliest ones, as likely as there."""
    import torch

    pipe = pipeline(folder, precision("float32"), len(_TRIED))
    longest = (facts.window or sys.maxsize) - _TRIED_TOKENS
    prompts = [
        [(7 * place + 3 + seed) % facts.vocabulary for place in range(min(length, longest))]
        for seed, length in enumerate(_TRIED)
    ]
    handles = [ask(pipe, number, prompt, _TRIED_TOKENS, logprobs=True) for number, prompt in enumerate(prompts)]
    answers: list[list[int]] = [[] for _ in prompts]
    logprobs: list[list[float]] = [[] for _ in prompts]
    while pipe.has_non_finished_requests():
        pipe.step()
        for number, handle in enumerate(handles):
            tokens, probabilities = read(handle)
            answers[number] += tokens
            logprobs[number] += probabilities
    for prompt, answer, found in zip(prompts, answers, logprobs, strict=True):
        with torch.inference_mode():
            output = network(input_ids=torch.tensor([prompt + answer[:-1]]), use_cache=False, return_dict=True)
        logits = output.logits[0, len(prompt) - 1 :].float()
        chosen = logits.gather(1, torch.tensor(answer)[:, None])[:, 0]
        limit = _TOLERANCE * logits.std(-1)
        expected = chosen - logits.logsumexp(-1)
        if len(answer) != _TRIED_TOKENS or not bool(
            ((logits.max(-1).values - chosen) <= limit).all()
            and ((expected - torch.tensor(found)).abs() <= limit).all()
        ):
            return False
    return True
