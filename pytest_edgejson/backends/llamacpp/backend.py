"""Models in GGUF files, run by llama.cpp in its continuous batches, each case until its root object closes."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from pytest_edgejson import __version__
from pytest_edgejson.backends.constraint import grammar
from pytest_edgejson.backends.devices import threads
from pytest_edgejson.backends.gguf_file import read_header
from pytest_edgejson.backends.interface import Backend, BackendError, Completion
from pytest_edgejson.backends.llamacpp.answers import Answer, Answers
from pytest_edgejson.backends.llamacpp.engine import Engine, versions
from pytest_edgejson.backends.llamacpp.room import Room, token_bytes
from pytest_edgejson.backends.local.gguf_places import find_gguf, pieces_of
from pytest_edgejson.backends.local.library_messages import one_line, quiet
from pytest_edgejson.backends.local.model_files import ModelFiles, find_tokenizer, hash_files, need_libraries
from pytest_edgejson.backends.local.tokenizers import read_tokenizer, token_texts
from pytest_edgejson.backends.prompt_tokens import PromptTokens
from pytest_edgejson.backends.prompts import Prompts
from pytest_edgejson.values.wording import first_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pytest_edgejson.backends.interface import GenerationSettings, LoadOptions, Message, Prompt, Request
    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.suite.cases import Case

# Raised whenever decoding changes in a way that can change an answer, so that older completions are not reused.
_DECODING = 2
# Cases at once. On a CPU more of them share the reading of weights, which few already make up for.
_SLOTS = 16


def load(spec: ModelSpec, settings: GenerationSettings, options: LoadOptions) -> LlamaCppBackend:
    """Find a model's file, download it where it is on the hub, and read its header.

    Args:
        spec: `model` is a GGUF file, a folder that holds one, or `gguf:ORG/REPO[:QUANT]`; prompts are made tokens by
            `tokenizer`, where it is named, through transformers, else by the file's own through llama.cpp.
        settings: what decides the answers.
        options: `device` is `cpu`, or None for what llama.cpp was built for.

    Raises:
        BackendError: a library is missing, a setting cannot be had, the model is not there, the hub cannot be reached,
            or the file is no GGUF file.
    """
    need_libraries(spec.name, "xllamacpp", extra="gguf")
    if options.device not in {None, "auto", "cpu"}:
        raise BackendError(
            f"{spec.name}: llama.cpp runs where it was built for: leave out --edgejson-device, or use "
            "--edgejson-device=cpu"
        )
    if spec.adapter is not None:
        raise BackendError(
            f'{spec.name}: llama.cpp takes no adapters of peft: use backend = "transformers", which reads GGUF too'
        )
    if settings.dtype not in {"auto", "float32"}:
        raise BackendError(f"{spec.name}: a GGUF file decides its own number formats: leave out --edgejson-dtype")
    if settings.constrain != "none":
        try:
            grammar.need_engine()
        except grammar.GrammarError as error:
            raise BackendError(f"{spec.name}: {error}") from None
    if spec.tokenizer is not None:
        need_libraries(spec.name, "transformers")
    return LlamaCppBackend(spec, settings, options, find_gguf(spec))


class LlamaCppBackend(Backend):
    """Runs a GGUF file in slots, each case until its root object closes.

    It can be pickled: a copy in another process loads the same file.
    """

    generates_together = True
    limits_each = True
    constrains = True

    def __init__(self, spec: ModelSpec, settings: GenerationSettings, options: LoadOptions, file: Path) -> None:
        if options.batch_size is not None and options.batch_size < 1:
            raise BackendError(f"{spec.name}: the batch size must be at least 1, got {options.batch_size}")
        self._spec = spec
        self._settings = settings
        self._on_cpu = options.device == "cpu"
        self._slots = self.at_once = options.batch_size or _SLOTS
        self._file = file
        self._engine: Engine | None = None
        self._has_warned = False
        self._prompts = Prompts(spec, options)
        self._tokenizer_place = find_tokenizer(spec) if spec.tokenizer is not None else None
        header = read_header(file, spec.name)
        self._pieces = pieces_of(file, header.pieces, spec.name)
        headers = [header, *(read_header(piece, spec.name) for piece in self._pieces[1:])]
        parameters = sum(each.parameters for each in headers)
        self._files = ModelFiles(file, tuple(self._pieces), self._tokenizer_place or file, None, parameters)
        self._window: int | None = header.of_architecture("context_length")
        self._token_bytes = token_bytes(header)
        self._chat_template: str = header.metadata.get("tokenizer.chat_template", "")
        self._bos: int | None = header.metadata.get("tokenizer.ggml.bos_token_id")
        self._special = {f"{role}_token": header.token(role) or "" for role in ("bos", "eos")}
        if self._prompts.is_chat and not self._chat_template:
            raise BackendError(
                f"{spec.name}: the prompt {self._prompts.template.name!r} needs a chat template and the file has none: "
                'use prompt = "v3" or "schema"'
            )
        if self._prompts.is_chat:
            need_libraries(spec.name, "transformers")

    def __getstate__(self) -> dict[str, Any]:
        here = {"_tokenizer", "_grammars", "watch"}
        return {name: value for name, value in vars(self).items() if name not in here} | {"_engine": None}

    @functools.cached_property
    def fingerprint(self) -> str:
        """A hash of the file, the tokenizer that is named, if any, the prompt, the build of llama.cpp and the slots.

        The slots count because what is computed together is rounded otherwise, enough to turn a close decision.
        """
        content = {
            "backend": "llama.cpp",
            "decoding": _DECODING,
            "versions": self._versions,
            "files": self._hashes,
            "prompt": self._prompts.identity,
            "slots": self._slots,
            "device": "cpu" if self._on_cpu else None,
            **({} if self._settings.constrain == "none" else {"grammar": grammar.VERSION}),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def threads(self) -> int:
        """As many as llama.cpp is given."""
        return threads()

    @property
    def description(self) -> Mapping[str, Any]:
        """What the manifest records. It holds no paths."""
        named = self._spec.model or ""
        return {
            "backend": "llama.cpp",
            "model": named if named.startswith("gguf:") else self._file.name,
            "file": self._file.name,
            "revision": self._spec.revision,
            "prompt": self._prompts.template.name,
            "device": "cpu" if self._on_cpu else None,
            "batch_size": self._slots,
            "parameters": self._files.parameters,
            "bytes": self._files.bytes,
            "versions": self._versions,
        }

    def render(self, case: Case) -> str:
        """Return the whole text the model is given for a case.

        Raises:
            BackendError: the prompt shows the schema and there is none for this case, or the file's chat template
                fails.
        """
        prompt = self._prompts.make(case)
        try:
            return prompt if isinstance(prompt, str) else self._apply_chat(prompt)
        except ValueError as error:
            raise BackendError(f"{self._spec.name}: {case.id}: {error}") from None

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield completions as cases finish, those with the longest prompts first.

        Raises:
            BackendError: the model cannot be loaded.
        """
        if not requests:
            return
        answers: list[Answer] = []
        for request in requests:
            try:
                tokens = self._encode(request.text)
            except (TypeError, ValueError) as error:
                yield Completion(request.key, "", "error", error=first_line(error))
                continue
            limit = request.max_new_tokens or self._settings.max_new_tokens
            if self._window is not None:
                limit = min(limit, self._window - len(tokens))
            what = self._refusal(request, len(tokens), limit)
            if what is None:
                grammars = None if request.constraint is None else self._grammars
                answers.append(Answer(request, tokens, limit, self._settings, grammars))
                continue
            yield Completion(request.key, "", "error", prompt_tokens=len(tokens), error=what)
        if not answers:
            return
        if not self._has_warned and (warning := self._begun(answers[0].prompt).warning):
            self._has_warned = True
            self.watch.warn(f"edgejson: {self._spec.name}: warning: {warning}")
        engine = self._load(max(len(answer.prompt) + answer.limit for answer in answers))
        answers.sort(key=lambda answer: len(answer.prompt), reverse=True)
        together = [answer for answer in answers if not answer.request.alone]
        alone = [answer for answer in answers if answer.request.alone]
        for chosen, size in ((together, engine.slots), (alone, 1)):
            yield from Answers(self, engine, chosen, size).generate()

    def _refusal(self, request: Request, tokens: int, limit: int) -> str | None:
        """Return why a request cannot be run, None where it can."""
        if not tokens:
            return "the prompt has no tokens"
        if limit < 1:
            return f"the prompt has {tokens} tokens, which leaves no room in the model's window of {self._window}"
        try:
            if request.constraint is not None:
                self._grammars.matcher(request.constraint)
        except grammar.GrammarError as error:
            return f"no grammar of the schema {request.case.schema_id!r}: {error}"
        return None

    def check(self, is_needed: Callable[[], bool]) -> None:
        """Read the vocabulary, where any case will be asked.

        Raises:
            BackendError: llama.cpp cannot: it knows no such architecture, or part of the file is missing.
        """
        if is_needed():
            _ = self._reader

    def tokenize(self, prompt: Prompt) -> PromptTokens:
        """Return the tokens that the model is given for a prompt.

        Raises:
            BackendError: the file's vocabulary cannot be read, or the prompt cannot be tokenized.
        """
        text = str(prompt)
        try:
            if self._tokenizer_place is not None:
                ids = self._encode(text)
                pieces = token_texts(self._tokenizer, ids)
            else:
                found = self._reader.tokenize(text, add_special=not self._prompts.is_chat)
                ids, pieces = [token for token, _ in found], [piece for _, piece in found]
        except (TypeError, ValueError) as error:
            raise BackendError(f"{self._spec.name}: {first_line(error)}") from None
        return replace(self._begun(ids), text=text, pieces=pieces)

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a text has as an answer."""
        return len(self._tokens(text, add_special=False))

    def close(self) -> None:
        """Free the model. A later `generate` loads it again."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _encode(self, text: str) -> list[int]:
        # A chat template writes the special tokens itself.
        return self._tokens(text, add_special=not self._prompts.is_chat)

    def _tokens(self, text: str, *, add_special: bool) -> list[int]:
        if self._tokenizer_place is not None:
            return list(self._tokenizer.encode(text, add_special_tokens=add_special))
        return [token for token, _ in self._reader.tokenize(text, add_special=add_special)]

    @property
    def _reader(self) -> Engine:
        """What makes texts tokens: the model, or before it is loaded one that has read the vocabulary alone.

        How much room the model's slots need is known only when prompts are tokens.
        """
        if self._engine is None:
            self._engine = Engine(self._spec.name, self._file, slots=0, tokens=256, on_cpu=True)
        return self._engine

    def _begun(self, ids: list[int]) -> PromptTokens:
        """Return what tells whether prompts begin as they should."""
        template = hashlib.sha256(self._chat_template.encode()).hexdigest() if self._prompts.is_chat else None
        adds_bos = self._bos is not None and self._tokens("a", add_special=True)[:1] == [self._bos]
        return PromptTokens("", ids, (), self._bos, adds_bos, template)

    def _load(self, tokens: int) -> Engine:
        """Return the model with room for so many tokens in each slot; say first how much memory that takes."""
        if self._engine is None or self._engine.slots == 0 or self._engine.tokens < tokens:
            self.close()
            room = Room.plan(
                self._spec.name,
                weights=sum(piece.stat().st_size for piece in self._pieces),
                token_bytes=self._token_bytes,
                tokens=tokens,
                slots=self._slots,
            )
            self.watch.note(f"edgejson: {self._spec.name}: {room}")
            self._engine = Engine(
                self._spec.name, self._file, slots=room.slots, tokens=room.tokens, on_cpu=self._on_cpu
            )
        return self._engine

    def _apply_chat(self, messages: Sequence[Message]) -> str:
        from jinja2 import TemplateError
        from transformers.utils.chat_template_utils import render_jinja_template

        try:
            # Its annotation says that it returns a text.
            rendered: Any = render_jinja_template(
                [[asdict(message) for message in messages]],
                chat_template=self._chat_template,
                add_generation_prompt=True,
                **{**self._special, **self._prompts.chat_template_kwargs},
            )
        except (TemplateError, TypeError, ValueError) as error:
            raise ValueError(f"the file's chat template fails: {first_line(error)}") from None
        (text,), _ = rendered
        return str(text)

    @functools.cached_property
    def _tokenizer(self) -> Any:
        assert self._tokenizer_place is not None
        with quiet(), one_line(self._spec.name, "the tokenizer"):
            return read_tokenizer(
                self._tokenizer_place, self._spec.name, trust_remote_code=self._spec.trust_remote_code
            )

    @functools.cached_property
    def _grammars(self) -> grammar.Vocabulary:
        return grammar.Vocabulary.of_bytes()

    @functools.cached_property
    def _hashes(self) -> list[list[str]]:
        try:
            return hash_files(self._files, trust_remote_code=False)
        except OSError as error:
            raise BackendError(f"{self._spec.name}: {error.filename} cannot be read: {error.strerror}") from None

    @functools.cached_property
    def _versions(self) -> dict[str, str]:
        named = [] if self._tokenizer_place is None else ["transformers", "tokenizers"]
        named += [] if self._settings.constrain == "none" else ["llguidance"]
        return {
            "pytest-edgejson": __version__,
            **versions(),
            **{name: importlib.metadata.version(name) for name in named},
        }
