"""Models that run in this process: a transformers model, or a base with an adapter on it.

Everything that can be checked without the model libraries (folders, weights, templates) is checked by `load`; torch and
the model itself are loaded by the first `generate` that has something to do. So a run that finds every completion in
the store costs no model.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgejson import __version__
from pytest_edgejson.backends.choices import DTYPES
from pytest_edgejson.backends.constraint import grammar
from pytest_edgejson.backends.devices import Device
from pytest_edgejson.backends.interface import Backend, BackendError, BatchError, Completion
from pytest_edgejson.backends.local.decoder import Row
from pytest_edgejson.backends.local.library_messages import one_line, quiet
from pytest_edgejson.backends.local.local_model import BATCH_LIMITS, LocalModel
from pytest_edgejson.backends.local.memory import free_memory, is_out_of_memory
from pytest_edgejson.backends.local.model_files import ModelFiles, hash_files, locate, need_libraries
from pytest_edgejson.backends.local.shared_bases import Base, Bases
from pytest_edgejson.backends.local.tokenizers import chat_text, prompt_tokens, read_tokenizer, token_texts
from pytest_edgejson.backends.prompts import Prompts
from pytest_edgejson.backends.references import is_gguf
from pytest_edgejson.values.wording import first_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_edgejson.backends.interface import (
        FinishReason,
        GenerationSettings,
        LoadOptions,
        Prompt,
        Request,
    )
    from pytest_edgejson.backends.local.decoder import Decoder, Model
    from pytest_edgejson.backends.prompt_tokens import PromptTokens
    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.suite.cases import Case

# Raised whenever decoding changes in a way that can change an answer, so that older completions are not reused.
_DECODING = 5


def load(spec: ModelSpec, settings: GenerationSettings, options: LoadOptions) -> TransformersBackend:
    """Find a model's files, download them where they are on the hub, and check them.

    Args:
        spec: `model` and `adapter` are hub ids or folders; an adapter alone names its base itself.
        settings: what decides the answers; `dtype` goes before the spec's.
        options: no `device` takes the best there is, no `batch_size` chooses by device and memory.

    Raises:
        BackendError: a library is missing, the model is not there, the hub cannot be reached, or the files are
            no model.
    """
    need_libraries(spec.name, "torch", "transformers")
    return TransformersBackend(spec, settings, options, locate(spec), Device.choose(options.device, spec.name))


class TransformersBackend(Backend):
    """Runs a model in batches, each case until its root object closes.

    It can be pickled: a copy in another process finds the same files, and loads the model itself.

    Attributes:
        keeps_base: whether `load_model` keeps the base for the next model.
    """

    generates_together = True
    limits_each = True
    constrains = True

    def __init__(
        self,
        spec: ModelSpec,
        settings: GenerationSettings,
        options: LoadOptions,
        files: ModelFiles,
        device: Device,
    ) -> None:
        if options.batch_size is not None and options.batch_size < 1:
            raise BackendError(f"{spec.name}: the batch size must be at least 1, got {options.batch_size}")
        if settings.constrain != "none":
            try:
                grammar.need_engine()
            except grammar.GrammarError as error:
                raise BackendError(f"{spec.name}: {error}") from None
        self.keeps_base = False
        self._has_warned = False
        self._spec = spec
        self._settings = settings
        self._files = files
        self._device = device
        self._batch_size = self._chosen_batch_size = options.batch_size
        self.at_once = options.batch_size or BATCH_LIMITS[device.kind]
        self._model: Model | None = None
        self._prompts = Prompts(spec, options)
        wanted = settings.dtype if settings.dtype != "auto" else spec.dtype or "auto"
        if wanted not in DTYPES:
            raise BackendError(f"{spec.name}: unknown dtype {wanted!r}: use one of {', '.join(DTYPES)}")
        self._dtype = device.dtype(wanted, files.parameters or 0)
        if self._prompts.is_chat and not self._tokenizer.chat_template:
            raise BackendError(
                f"{spec.name}: the prompt {self._prompts.template.name!r} needs a chat template and the tokenizer has "
                'none: use prompt = "v3" or "schema"'
            )

    def __getstate__(self) -> dict[str, Any]:
        # A tokenizer may be of a class that came with the model, which no other process knows before it loads it.
        here = {"_tokenizer", "_grammars", "watch"}
        return {name: value for name, value in vars(self).items() if name not in here} | {"_model": None}

    @functools.cached_property
    def fingerprint(self) -> str:
        """A hash of weights, adapter, tokenizer, chat template, prompt, libraries, and the device's kind and dtype.

        The files count with their content and their part in the model, not with where they lie. The device counts
        because another one's kernels round differently, which is enough to turn a close decision.
        """
        content = {
            **self._identity,
            "versions": self._versions,
            "files": self._hashes,
            "trust_remote_code": self._spec.trust_remote_code,
            "prompt": self._prompts.identity,
            "dtype": self._dtype,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def threads(self) -> int | None:
        """As many as torch has."""
        return int(importlib.import_module("torch").get_num_threads())

    @property
    def description(self) -> Mapping[str, Any]:
        """What the manifest records. It holds no paths; the batch size is None until it is chosen."""
        spec = self._spec
        folder, adapter = self._files.model, self._files.adapter
        return {
            "backend": "transformers",
            "model": folder.name if Path(spec.model or "/").is_absolute() else spec.model,
            "revision": spec.revision,
            # The hub library keeps what it downloads under the commit it belongs to.
            "commit": folder.name if folder.parent.name == "snapshots" else None,
            "adapter": adapter and (adapter.name if Path(spec.adapter or "/").is_absolute() else spec.adapter),
            "adapter_revision": spec.adapter_revision,
            "adapter_merged": self._settings.merge_adapter if adapter else None,
            "prompt": self._prompts.template.name,
            "device": self._device.name,
            "dtype": self._dtype,
            "batch_size": self._chosen_batch_size,
            "parameters": self._files.parameters,
            "bytes": self._files.bytes,
            "versions": self._versions,
        }

    @property
    def base(self) -> Base | None:
        """What the model is made of now, without its adapter; None where it can't be read or is never shared."""
        trusted = self._spec.trust_remote_code
        return Base.of(self._files, trust_remote_code=trusted, device=self._device, dtype=self._dtype)

    def load_model(self, bases: Bases | None = None) -> Model:
        """Return the model; load it first if it is not there yet, on a base that an earlier one left, if any.

        Raises:
            BackendError: it cannot be loaded.
        """
        if self._model is None:
            if self._device.emulates(self._dtype):
                self.watch.warn(
                    f"edgejson: {self._spec.name}: this processor emulates {self._dtype}, which takes half the memory "
                    "of float32 and more time"
                )
            self._model = LocalModel(
                self._spec,
                self._settings,
                self._files,
                self._tokenizer,
                self._device,
                self._dtype,
                bases=bases,
                keeps_base=self.keeps_base,
            )
        return self._model

    def render(self, case: Case) -> str:
        """Return the whole text the model is given for a case.

        Raises:
            BackendError: the prompt shows the schema and there is none for this case, or the tokenizer's chat
                template fails.
        """
        prompt = self._prompts.make(case)
        try:
            if isinstance(prompt, str):
                return prompt
            return chat_text(self._tokenizer, prompt, self._prompts.chat_template_kwargs)
        except ValueError as error:
            raise BackendError(f"{self._spec.name}: {case.id}: {error}") from None

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield completions as cases finish, those with the longest prompts first.

        Raises:
            BackendError: the model cannot be loaded or run at all.
            BatchError: it breaks on a batch in a way that has nothing to do with memory.
        """
        if not requests:
            return
        model = self.load_model()
        rows: list[Row] = []
        for request in requests:
            try:
                rows.append(self._prepare(request, model))
            except _BadRequest as error:
                yield Completion(request.key, "", "error", prompt_tokens=error.prompt_tokens, error=str(error))
        if rows and not self._has_warned:
            self._has_warned = True
            begun = prompt_tokens(self._tokenizer, "", rows[0].prompt, is_chat=self._prompts.is_chat)
            if begun.warning:
                self.watch.warn(f"edgejson: {self._spec.name}: warning: {begun.warning}")
        # Running out of memory shows at the start this way, rows that are together need little padding, and the
        # longest answers, which tend to be those to the longest prompts, are not what everything waits for at the end.
        rows.sort(key=lambda row: len(row.prompt), reverse=True)
        yield from self._run([row for row in rows if not row.request.alone], model)
        yield from self._run([row for row in rows if row.request.alone], model, alone=True)

    def tokenize(self, prompt: Prompt) -> PromptTokens:
        """Return the tokens that the model is given for a prompt.

        Raises:
            BackendError: it cannot be tokenized.
        """
        text = str(prompt)
        try:
            ids = self._encode(text)
        except (TypeError, UnicodeError) as error:
            raise BackendError(f"{self._spec.name}: the prompt cannot be tokenized: {first_line(error)}") from None
        pieces = token_texts(self._tokenizer, ids)
        return prompt_tokens(self._tokenizer, text, ids, pieces, is_chat=self._prompts.is_chat)

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a text has as an answer."""
        return len(self._tokenizer.encode(text, add_special_tokens=False))

    def close(self) -> None:
        """Free the model. A later `generate` loads it again."""
        self._model = None
        free_memory()

    @functools.cached_property
    def _tokenizer(self) -> Any:
        with quiet(), one_line(self._spec.name, "the tokenizer"):
            return read_tokenizer(
                self._files.tokenizer, self._spec.name, trust_remote_code=self._spec.trust_remote_code
            )

    @functools.cached_property
    def _grammars(self) -> grammar.Vocabulary:
        model = self.load_model()
        return grammar.Vocabulary.of(self._tokenizer, model.vocabulary, model.end_tokens)

    @functools.cached_property
    def _versions(self) -> dict[str, str]:
        names = ["torch", "transformers", "tokenizers", *(["peft"] if self._files.adapter else [])]
        names += ["gguf"] if is_gguf(self._files.model) else []
        names += [] if self._settings.constrain == "none" else ["llguidance"]
        return {"pytest-edgejson": __version__, **{name: importlib.metadata.version(name) for name in names}}

    @functools.cached_property
    def _hashes(self) -> list[list[str]]:
        try:
            return hash_files(self._files, trust_remote_code=self._spec.trust_remote_code)
        except OSError as error:
            raise BackendError(f"{self._spec.name}: {error.filename} cannot be read: {error.strerror}") from None

    @property
    def _identity(self) -> Mapping[str, Any]:
        """What this kind of backend adds to the fingerprint, as JSON builtins."""
        own = {"backend": "transformers", "decoding": _DECODING, "device": self._device.kind}
        return own if self._settings.constrain == "none" else {**own, "grammar": grammar.VERSION}

    def _encode(self, text: str) -> list[int]:
        # A chat template writes the special tokens itself.
        return list(self._tokenizer.encode(text, add_special_tokens=not self._prompts.is_chat))

    def _prepare(self, request: Request, model: Model) -> Row:
        try:
            prompt = self._encode(request.text)
        except (TypeError, UnicodeError) as error:
            raise _BadRequest(f"the prompt cannot be tokenized: {first_line(error)}") from None
        if not prompt:
            raise _BadRequest("the prompt has no tokens")
        if max(prompt) >= model.vocabulary:
            raise BackendError(
                f"{self._spec.name}: the tokenizer does not belong to the model: it makes token {max(prompt)}, the "
                f"model knows {model.vocabulary}; name the right one as tokenizer in models.toml"
            )
        limit = request.max_new_tokens or self._settings.max_new_tokens
        if model.window is not None:
            limit = min(limit, model.window - len(prompt))
        if limit < 1:
            raise _BadRequest(
                f"the prompt has {len(prompt)} tokens, which leaves no room in the model's window of {model.window}",
                prompt_tokens=len(prompt),
            )
        if request.constraint is None:
            return Row(request, prompt, limit)
        try:
            return Row(request, prompt, limit, self._grammars.matcher(request.constraint))
        except grammar.GrammarError as error:
            message = f"no grammar of the schema {request.case.schema_id!r}: {error}"
            raise _BadRequest(message, prompt_tokens=len(prompt)) from None

    def _run(self, rows: list[Row], model: Model, *, alone: bool = False) -> Iterator[Completion]:
        if not rows:
            return
        if alone:
            size = 1
        else:
            size = self._chosen_batch_size = self._batch_size or model.default_batch_size(
                max(len(row.prompt) + row.limit for row in rows)
            )
        while rows and not self.is_over:
            size = min(size, len(rows))
            # The first decoder of a model tries it out, which may crash or get stuck as any step of a case may.
            self.watch.begin([rows[0].request.key])
            decoder = model.decoder(rows, size, alone=alone)
            yield from self._decode(decoder, model)
            # What did not fit, and what has not been tried.
            left, rows = decoder.rows, list(decoder.waiting)
            if not left or self.is_over:
                continue
            del decoder
            free_memory()
            if size == 1:
                row = left[0]
                error = f"out of memory with this case alone ({len(row.prompt)} tokens of prompt)"
                yield Completion(row.request.key, "", "error", prompt_tokens=len(row.prompt), error=error)
            else:
                size //= 2
                rows = sorted(left + rows, key=lambda row: len(row.prompt), reverse=True)

    def _decode(self, decoder: Decoder, model: Model) -> Iterator[Completion]:
        """Run a decoder until all rows have ended, or memory runs out with some under way."""
        # Time in which the model works; what the caller does between two completions is not part of it.
        clock_s = 0.0
        while True:
            beginning = decoder.begin()
            for row in beginning:
                row.start(model, self._settings, clock_s)
            if beginning:
                self.watch.begin([row.request.key for row in decoder.rows])
            if not decoder.rows or self.is_over:
                return
            started = time.perf_counter()
            try:
                with quiet():
                    made = decoder.advance()
            except BackendError:
                raise
            except Exception as error:
                if not is_out_of_memory(error):
                    raise BatchError(f"{self._spec.name}: the model broke: {first_line(error)}") from error
                return
            counts = [len(row.tokens) for row, _ in made]
            reasons = [row.accept(tokens, model) for row, tokens in made]
            step_s = time.perf_counter() - started
            clock_s += step_s
            ended: list[tuple[Row, FinishReason]] = []
            for (row, _), reason in zip(made, reasons, strict=True):
                row.compute_s += step_s / len(made)
                if reason is not None or row.is_late(clock_s):
                    ended.append((row, reason or "timeout"))
            decoder.leave([row for row, _ in ended])
            self.watch.step(sum(len(row.tokens) for row, _ in made) - sum(counts))
            for row, _ in made:
                if row.request.streamed:
                    self.watch.said(row.request.key, row.text(model))
            for row, reason in ended:
                yield row.completion(model, reason, clock_s)


class _BadRequest(Exception):
    """A request that cannot be run, while the others can."""

    def __init__(self, message: str, prompt_tokens: int | None = None) -> None:
        self.prompt_tokens = prompt_tokens
        super().__init__(message)
