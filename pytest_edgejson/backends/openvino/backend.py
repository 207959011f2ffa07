"""Local models run by OpenVINO on the CPU, in openvino-genai's paged batches.

One of transformers is converted first, which is done once; one in OpenVINO's form is taken as it is.
Everything around the network is the transformers backend's: the files, the tokenizer, the prompts, where a case ends.
"""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.devices import CPU, share_of_cores
from pytest_edgejson.backends.export_note import read_note
from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.local.decoder import Decoder
from pytest_edgejson.backends.local.library_messages import quiet
from pytest_edgejson.backends.local.memory import fitting_cases
from pytest_edgejson.backends.local.model_files import locate, need_libraries
from pytest_edgejson.backends.local.pieces import Pieces
from pytest_edgejson.backends.local.transformers import TransformersBackend
from pytest_edgejson.backends.openvino.convert import Conversion
from pytest_edgejson.backends.openvino.folder import find_folder, read_facts
from pytest_edgejson.backends.openvino.pipeline import (
    ask,
    cannot_load,
    pipeline,
    precision,
    read,
    versions,
)
from pytest_edgejson.backends.references import is_openvino

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_edgejson.backends.interface import GenerationSettings, LoadOptions
    from pytest_edgejson.backends.local.decoder import Model, Row
    from pytest_edgejson.backends.local.model_files import ModelFiles
    from pytest_edgejson.backends.local.shared_bases import Bases
    from pytest_edgejson.backends.openvino.folder import Facts
    from pytest_edgejson.backends.spec import ModelSpec

# Raised whenever decoding changes in a way that can change an answer, so that older completions are not reused.
_DECODING = 2
# Cases at once. A step of 16 rows of a 135M model computes as long as it reads the weights.
_BATCH_LIMIT = 16


def load(spec: ModelSpec, settings: GenerationSettings, options: LoadOptions) -> OpenVINOBackend:
    """Find a model's files, download them where they are on the hub, and check them.

    Args:
        spec: as for the transformers backend; `weights` may be `int8`, and `model` a folder in OpenVINO's form.
        settings: what decides the answers: greedy, in float32 or bfloat16, with an adapter merged.
        options: `device` is `cpu`, or None for the same; conversions are kept in `cache`, without one until `close`.

    Raises:
        BackendError: a library is missing, a setting cannot be had, the model is not there, the hub cannot be reached,
            or the files are no model.
    """
    need_libraries(spec.name, "torch", "transformers")
    need_libraries(spec.name, "openvino_genai", *(["nncf"] if spec.weights else []), extra="openvino")
    if options.device not in {None, "auto", "cpu"}:
        raise BackendError(f"{spec.name}: openvino runs on the CPU, not on {options.device}: use --edgejson-device=cpu")
    if not settings.is_plain_greedy:
        raise BackendError(
            f"{spec.name}: openvino draws other tokens than transformers with the same settings: leave out "
            '--edgejson-temperature and --edgejson-repetition-penalty, or use backend = "transformers"'
        )
    if not settings.merge_adapter:
        raise BackendError(f"{spec.name}: openvino runs adapters merged only: leave out --edgejson-unmerged")
    if settings.constrain != "none":
        raise BackendError(
            f"{spec.name}: openvino is given tokens and no tokenizer, without which it holds answers to no schema: "
            'leave out --edgejson-constrain, or use backend = "transformers"'
        )
    backend = OpenVINOBackend(spec, settings, options, find_folder(spec) or locate(spec))
    if backend.description["dtype"] == "float16":
        raise BackendError(f"{spec.name}: openvino computes in float32 or bfloat16: use --edgejson-dtype=bfloat16")
    if CPU.emulates(backend.description["dtype"]):
        raise BackendError(
            f"{spec.name}: openvino needs a processor with instructions for bfloat16: use --edgejson-dtype=float32"
        )
    return backend


class OpenVINOBackend(TransformersBackend):
    """Runs a converted model in batches, each case until its root object closes."""

    constrains = False
    base = None

    def __init__(self, spec: ModelSpec, settings: GenerationSettings, options: LoadOptions, files: ModelFiles) -> None:
        self._cache = options.cache
        self._shelter: tempfile.TemporaryDirectory[str] | None = None
        super().__init__(spec, settings, options, files, CPU)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_cache": self._folder(), "_shelter": None}

    @property
    def threads(self) -> int | None:
        """As many as OpenVINO is given; None where it chooses itself."""
        return share_of_cores()

    @property
    def description(self) -> Mapping[str, Any]:
        """What the manifest records. It holds no paths."""
        weights = self._spec.weights or read_note(self._files.model, self._spec.name).quant
        return {**super().description, "backend": "openvino", "weights": weights}

    def load_model(self, bases: Bases | None = None) -> Model:
        """Return the model; convert it first if that was not done before.

        Raises:
            BackendError: it cannot be converted or loaded.
        """
        if self._model is None:
            folder = self._files.model if is_openvino(self._files.model) else self._convert()
            trusts = self._spec.trust_remote_code
            facts = read_facts(folder, self._spec.name, self._tokenizer, trust_remote_code=trusts)
            size = self._batch_size or _BATCH_LIMIT
            pieces = Pieces(self._tokenizer, self._settings.thoughts)
            self._model = ConvertedModel(self._spec.name, folder, facts, pieces, self._dtype, size)
        return self._model

    def close(self) -> None:
        """Free the model. A later `generate` loads it again."""
        super().close()
        if self._shelter is not None:
            self._shelter.cleanup()
            self._shelter = None

    @functools.cached_property
    def _versions(self) -> dict[str, str]:
        return {**super()._versions, **versions(self._spec.weights)}

    @property
    def _identity(self) -> Mapping[str, Any]:
        return {"backend": "openvino", "decoding": _DECODING, "weights": self._spec.weights}

    def _convert(self) -> Path:
        conversion = Conversion(self._spec, self._files, self._hashes, self._folder())
        if not conversion.is_there:
            self.watch.note(f"edgejson: {self._spec.name}: converting the model for OpenVINO, which is done once")
            conversion.make(self._tokenizer)
        return conversion.folder

    def _folder(self) -> Path:
        if self._cache is not None:
            return self._cache
        if self._shelter is None:
            self._shelter = tempfile.TemporaryDirectory(prefix="edgejson-")
        return Path(self._shelter.name)


class ConvertedModel:
    """A converted model with what decoding has to know of it.

    Args:
        name: the model's.
        folder: of it, in OpenVINO's form.
        facts: of it.
        pieces: the text of its tokens.
        dtype: `float32` or `bfloat16`, in which it computes and keeps keys and values.
        size: cases at once, at most.

    Raises:
        BackendError: it cannot be loaded.
    """

    def __init__(self, name: str, folder: Path, facts: Facts, pieces: Pieces, dtype: str, size: int) -> None:
        self.dtype = dtype
        self.window = facts.window
        self.vocabulary = facts.vocabulary
        self.end_tokens = facts.end_tokens
        self.pieces = pieces
        self._cache_bytes = facts.cache_bytes
        threads = share_of_cores()
        if dtype == "bfloat16" and threads == 1:
            # On one thread OpenVINO 2026.4 divides by zero in bfloat16 where the processor has AMX.
            threads = 2
        properties = {**precision(dtype), **({} if threads is None else {"INFERENCE_NUM_THREADS": threads})}
        try:
            with quiet():
                self._pipeline = pipeline(folder, properties, size)
        except RuntimeError as error:
            raise cannot_load(name, folder, error) from error
        self._decoder: Paged | None = None

    def decoder(self, rows: Sequence[Row], size: int, *, alone: bool = False) -> Decoder:
        """Return what generates rows, so many at once, alone or not. One that was left before its end is stopped."""
        if self._decoder is not None:
            self._decoder.leave(self._decoder.rows)
        self._decoder = Paged(rows, size, self._pipeline)
        return self._decoder

    def default_batch_size(self, tokens: int) -> int:
        """Return how many cases of up to so many tokens, prompt included, are generated together."""
        return max(1, fitting_cases(CPU, self._cache_bytes * tokens, _BATCH_LIMIT))


class Paged(Decoder):
    """Rows in the pages of openvino-genai, which computes prompts and steps of several rows together."""

    def __init__(self, rows: Iterable[Row], size: int, pipe: Any) -> None:
        super().__init__(rows, size)
        self._pipeline = pipe
        self._handles: dict[str, Any] = {}
        self._asked = 0

    def begin(self) -> list[Row]:
        """Put as many rows under way as there is room for."""
        beginning = []
        while self.waiting and len(self.rows) < self._size:
            row = self.waiting.popleft()
            self.rows.append(row)
            self._handles[row.request.key] = ask(self._pipeline, self._asked, row.prompt, row.limit)
            self._asked += 1
            beginning.append(row)
        return beginning

    def advance(self) -> list[tuple[Row, list[int | None]]]:
        """Compute until some rows have a next token: a step may be the middle of a long prompt."""
        while True:
            self._pipeline.step()
            made: list[tuple[Row, list[int | None]]] = []
            for row in self.rows:
                tokens = read(self._handles[row.request.key])[0]
                if tokens:
                    made.append((row, list(tokens)))
            if made:
                return made
            if not self._pipeline.has_non_finished_requests():
                # It gives up requests for which it finds no memory.
                raise MemoryError("out of memory for keys and values")

    def leave(self, rows: Sequence[Row]) -> None:
        """Stop rows that have ended."""
        for row in list(rows):
            self._handles.pop(row.request.key).stop()
            self.rows.remove(row)
