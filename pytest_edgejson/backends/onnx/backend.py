"""Models in ONNX run by onnxruntime-genai on the CPU, several cases together.

Everything around the network is the transformers backend's: the tokenizer, the prompts, the choice of each token, where
a case ends.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.devices import CPU, share_of_cores
from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.local.decoder import Decoder, choose
from pytest_edgejson.backends.local.library_messages import one_line
from pytest_edgejson.backends.local.memory import fitting_cases
from pytest_edgejson.backends.local.model_files import need_libraries
from pytest_edgejson.backends.local.pieces import Pieces
from pytest_edgejson.backends.local.transformers import TransformersBackend
from pytest_edgejson.backends.onnx.folder import OnnxFolder, import_runtime, read_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_edgejson.backends.interface import GenerationSettings, LoadOptions
    from pytest_edgejson.backends.local.decoder import Model, Row
    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.scoring.thoughts import Pairs

# Raised whenever decoding changes in a way that can change an answer, so that older completions are not reused.
_DECODING = 2
_BATCH_LIMIT = 16
# No token of any prompt: the library takes the last ones that are this for padding.
_PADDING = -1


def load(spec: ModelSpec, settings: GenerationSettings, options: LoadOptions) -> OnnxBackend:
    """Find a model's folder, and check it.

    Args:
        spec: `model` is the folder.
        settings: what decides the answers, in float32.
        options: `device` is `cpu`, or None for the same.

    Raises:
        BackendError: a library is missing, a setting cannot be had, or the folder holds no model.
    """
    need_libraries(spec.name, "torch", "transformers")
    need_libraries(spec.name, "onnxruntime_genai", extra="onnx")
    if options.device not in {None, "auto", "cpu"}:
        raise BackendError(f"{spec.name}: onnx runs on the CPU, not on {options.device}: use --edgejson-device=cpu")
    wanted = settings.dtype if settings.dtype != "auto" else spec.dtype or "auto"
    if wanted not in {"auto", "float32"}:
        raise BackendError(f"{spec.name}: onnx computes in float32 here, not in {wanted}: leave out the dtype")
    return OnnxBackend(spec, settings, options, read_folder(spec))


class OnnxBackend(TransformersBackend):
    """Runs a model in batches, each case until its root object closes."""

    base = None

    def __init__(self, spec: ModelSpec, settings: GenerationSettings, options: LoadOptions, folder: OnnxFolder) -> None:
        self._folder = folder
        super().__init__(spec, settings, options, folder.files, CPU)
        self._dtype = "float32"

    @property
    def threads(self) -> int | None:
        """As many as the library is given; None where it chooses itself."""
        return share_of_cores()

    @property
    def description(self) -> Mapping[str, Any]:
        """What the manifest records. It holds no paths."""
        parameters = self._folder.files.parameters or self._spec.parameters
        further = {"backend": "onnx", "weights": self._folder.quant, "parameters": parameters}
        return {**super().description, **further}

    def load_model(self, bases: Any = None) -> Model:
        """Return the model; load it first if it is not there yet.

        Raises:
            BackendError: it cannot be loaded.
        """
        if self._model is None:
            self._model = OnnxModel(self._spec.name, self._folder, self._tokenizer, self._settings.thoughts)
        return self._model

    @functools.cached_property
    def _versions(self) -> dict[str, str]:
        own = ("onnxruntime-genai", "onnxruntime")
        return {**super()._versions, **{name: importlib.metadata.version(name) for name in own}}

    @property
    def _identity(self) -> Mapping[str, Any]:
        return {**super()._identity, "backend": "onnx", "decoding": _DECODING}


class OnnxModel:
    """A loaded model with what decoding has to know of it.

    Args:
        name: the model's.
        folder: that holds it.
        tokenizer: its own.
        thoughts: the model's own marks of thoughts.

    Raises:
        BackendError: it cannot be loaded.
    """

    dtype = "float32"

    def __init__(self, name: str, folder: OnnxFolder, tokenizer: Any, thoughts: Pairs = ()) -> None:
        self.window: int | None = folder.window
        self.vocabulary = folder.vocabulary
        own = tokenizer.eos_token_id
        self.end_tokens = folder.end_tokens | (frozenset() if own is None else {own})
        self.pieces = Pieces(tokenizer, thoughts)
        self._cache_bytes = folder.cache_bytes
        self._runtime = import_runtime()
        threads = share_of_cores()
        session = {} if threads is None else {"decoder": {"session_options": {"intra_op_num_threads": threads}}}
        with one_line(name, "the model"):
            config = self._runtime.Config(str(folder.files.model))
            config.overlay(json.dumps({"model": {"pad_token_id": _PADDING, **session}}))
            self.runtime_model = self._runtime.Model(config)

    def generator(self, prompts: Sequence[Sequence[int]], room: int) -> Any:
        """Return a generator of the library's that has computed prompts.

        Args:
            prompts: tokens of each.
            room: tokens that follow one at most.
        """
        import numpy

        width = max(map(len, prompts))
        padded = numpy.full((len(prompts), width), _PADDING, dtype=numpy.int32)
        for row, prompt in zip(padded, prompts, strict=True):
            row[: len(prompt)] = prompt
        parameters = self._runtime.GeneratorParams(self.runtime_model)
        # What a folder's own config says of these, a benchmark must not take.
        parameters.set_search_options(
            batch_size=len(prompts),
            max_length=width + room,
            min_length=0,
            num_beams=1,
            num_return_sequences=1,
            do_sample=False,
            repetition_penalty=1.0,
            no_repeat_ngram_size=0,
        )
        generator = self._runtime.Generator(self.runtime_model, parameters)
        generator.append_tokens(padded)
        return generator

    def likeliest(self, prompt: Sequence[int], count: int) -> dict[int, float]:
        """Return the tokens that are likeliest after a prompt, so many, with their log probabilities."""
        import torch

        logits = torch.from_numpy(self.generator([prompt], 1).get_logits())[0, -1].float()
        found = logits.log_softmax(-1).topk(count)
        return dict(zip(found.indices.tolist(), found.values.tolist(), strict=True))

    def decoder(self, rows: Sequence[Row], size: int, *, alone: bool = False) -> Decoder:
        """Return what generates rows, so many at once, alone or not."""
        return Together(rows, size, self)

    def default_batch_size(self, tokens: int) -> int:
        """Return how many cases of up to so many tokens, prompt included, are generated together."""
        return max(1, fitting_cases(CPU, self._cache_bytes * tokens, _BATCH_LIMIT))


class Together(Decoder):
    """Rows in batches: the next batch begins when the last row of one has ended.

    The library takes rows neither out of a batch nor into one; those that have ended are computed on. All rows of a
    batch begin to answer behind its longest prompt: one whose limit does not fit into the window there waits for the
    next batch.
    """

    def __init__(self, rows: Iterable[Row], size: int, model: OnnxModel) -> None:
        super().__init__(rows, size)
        self._model = model
        # Those that the library computes.
        self._held: list[Row] = []
        self._generator: Any = None

    def begin(self) -> list[Row]:
        """Put a batch under way, if there is none."""
        if self.rows:
            return []
        self._generator = None
        self._held = []
        while self.waiting and len(self._held) < self._size and self._fits([*self._held, self.waiting[0]]):
            self._held.append(self.waiting.popleft())
        self.rows = list(self._held)
        return list(self.rows)

    def _fits(self, rows: Sequence[Row]) -> bool:
        window = self._model.window
        return window is None or max(len(row.prompt) for row in rows) + max(row.limit for row in rows) <= window

    def advance(self) -> list[tuple[Row, list[int | None]]]:
        """Compute all rows' prompts, or their next tokens."""
        import torch

        if self._generator is None:
            limit = max(row.limit for row in self._held)
            self._generator = self._model.generator([row.prompt for row in self._held], limit)
        else:
            self._take()
        logits = torch.from_numpy(self._generator.get_logits())[:, -1].float()
        return choose(self.rows, logits[[self._held.index(row) for row in self.rows]])

    def leave(self, rows: Sequence[Row]) -> None:
        """Go on without some rows."""
        self.rows = [row for row in self.rows if row not in rows]

    def _take(self) -> None:
        """Let the library take the rows' last tokens: it takes the likeliest, of logits that leave no choice."""
        import numpy

        forced = numpy.zeros((len(self._held), 1, self._model.vocabulary), dtype=numpy.float32)
        for index, row in enumerate(self._held):
            forced[index, 0, row.tokens[-1]] = 1
        self._generator.set_logits(forced)
        self._generator.generate_next_token()
