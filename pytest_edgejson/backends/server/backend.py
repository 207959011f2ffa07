"""Models that a server runs: each case is a request, several at once, streamed until the root object closes."""

from __future__ import annotations

import asyncio
import difflib
import functools
import hashlib
import importlib.metadata
import json
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.devices import workers
from pytest_edgejson.backends.interface import Backend, BackendError, Message, Request
from pytest_edgejson.backends.local.model_files import find_tokenizer, need_libraries
from pytest_edgejson.backends.local.tokenizers import adds_bos, chat_text, prompt_tokens, read_tokenizer, token_texts
from pytest_edgejson.backends.prompts import Prompts
from pytest_edgejson.backends.server.endpoints import ENDPOINTS
from pytest_edgejson.backends.server.entry import server_of
from pytest_edgejson.suite.cases import Case
from pytest_edgejson.values.text import clean
from pytest_edgejson.values.wording import first_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pytest_edgejson.backends.interface import Completion, GenerationSettings, LoadOptions, Prompt
    from pytest_edgejson.backends.prompt_tokens import PromptTokens
    from pytest_edgejson.backends.server.client import Client
    from pytest_edgejson.backends.server.errors import ServerError
    from pytest_edgejson.backends.server.pool import Attempt, Pool
    from pytest_edgejson.backends.spec import ModelSpec

# Raised whenever requests or their reading change in a way that can change an answer.
_ASKING = 2
_CONCURRENCY = 8
# Of the request that tries a server out.
_TRIED_TOKENS = 16
_TRIED = Case("try", "", "simple", "Hi", {})
# Of an answer's bytes: for each of its tokens, and besides.
_TOKEN_BYTES, _MORE_BYTES = 4096, 1 << 20
# Without the first one, `max_completion_tokens` is sent; without the others, what they bring is missing.
_REFUSED_BY_SOME = ("max_tokens", "seed", "stream_options")
_SLOW_S = 5.0
_MOST_NAMES = 12


def load(spec: ModelSpec, settings: GenerationSettings, options: LoadOptions) -> ServerBackend:
    """Return what asks a server; nothing is sent yet.

    Args:
        spec: `model` is its name on the server, `server` where that is; `tokenizer`, where it is named, makes texts of
            chats, and tokens of texts for llama.cpp's own endpoint.
        settings: what decides the answers.
        options: `batch_size` is how many cases are asked at once.

    Raises:
        BackendError: a library is missing, or a setting cannot be had.
    """
    need_libraries(spec.name, "openai", "httpx2", extra="server")
    if spec.adapter is not None:
        raise BackendError(f"{spec.name}: a server loads its adapters itself: name the adapter as model")
    if settings.dtype not in {"auto", "float32"}:
        raise BackendError(f"{spec.name}: a server decides its number formats itself: leave out --edgejson-dtype")
    return ServerBackend(spec, settings, options)


class ServerBackend(Backend):
    """Asks a model that a server runs."""

    limits_each = True
    constrains = True

    def __init__(self, spec: ModelSpec, settings: GenerationSettings, options: LoadOptions) -> None:
        server = spec.server or server_of({}, on_server=True)
        assert server is not None
        self._spec = spec
        self._server = server
        self._settings = settings
        self._size = options.batch_size or server.concurrency or _CONCURRENCY
        self._prompts = Prompts(spec, options)
        self._model = spec.model or ""
        self._endpoint = ENDPOINTS[server.endpoint](self._model, server, settings)
        self._left_out: set[str] = set()
        if settings.repetition_penalty != 1 and not self._endpoint.penalizes:
            raise BackendError(
                f"{spec.name}: OpenAI's API knows no repetition penalty: leave out --edgejson-repetition-penalty, or "
                "say it as the server does, such as extra_body = {repetition_penalty = 1.1}"
            )
        if self._prompts.is_chat and not self._endpoint.takes_messages and spec.tokenizer is None:
            raise BackendError(
                f'{spec.name}: endpoint = "{server.endpoint}" is sent a text, and who shall make one of the chat '
                f'{self._prompts.template.name!r}? name a tokenizer, or use endpoint = "chat" or --edgejson-prompt=v3'
            )
        self._tokenizer_place = find_tokenizer(spec) if spec.tokenizer is not None else None
        if self._tokenizer_place is not None:
            need_libraries(spec.name, "transformers")

    @functools.cached_property
    def fingerprint(self) -> str:
        """A hash of where the model is asked, and of all that is sent beside prompt and settings, but for the key."""
        server = self._server
        content = {
            "backend": "openai",
            "asking": _ASKING,
            "base_url": server.base_url,
            "model": self._model,
            "endpoint": server.endpoint,
            "extra_body": server.extra_body,
            "headers": server.headers,
            "constrain_field": server.constrain_field,
            "prompt": self._prompts.identity,
            "tokenizer": self._tokenizer_hash if self._sends_ids else None,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()

    @property
    def description(self) -> Mapping[str, Any]:
        """What the manifest records. Of headers it holds the names alone."""
        server = self._server
        return {
            "backend": "openai",
            "model": self._model,
            "base_url": server.base_url,
            "endpoint": server.endpoint,
            "prompt": self._prompts.template.name,
            "concurrency": self._size,
            "extra_body": json.loads(json.dumps(server.extra_body, default=str)),
            "headers": sorted(server.headers),
            "constrain_field": server.constrain_field,
            "prices": None if server.prices is None else asdict(server.prices),
            "parameters": self._spec.parameters,
            "versions": {"openai": importlib.metadata.version("openai")},
        }

    def render(self, case: Case) -> Prompt:
        """Return the messages or the text that the server is sent.

        Raises:
            BackendError: the prompt shows the schema and there is none for this case, or the chat template fails.
        """
        prompt = self._prompts.make(case)
        if self._endpoint.takes_messages:
            return (Message("user", prompt),) if isinstance(prompt, str) else prompt
        try:
            return prompt if isinstance(prompt, str) else self._apply_chat(prompt)
        except ValueError as error:
            raise BackendError(f"{self._spec.name}: {case.id}: {error}") from None

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield completions as they come in.

        Raises:
            BackendError: no further case will be answered.
        """
        from pytest_edgejson.backends.server.pool import Pool

        if not requests:
            return
        secrets = self._secrets
        client = self._client_type
        # Workers of a run ask side by side.
        size = max(1, self._size // workers())

        async def ask(open_client: Client, attempt: Attempt) -> Completion:
            return await self._ask(open_client, attempt, pool)

        pool = Pool(
            self, self._spec.name, self._server.base_url, lambda: client(self._server, secrets, size), ask, size
        )
        yield from pool.generate(requests)

    def check(self, is_needed: Callable[[], bool]) -> None:
        """Ask the server for a few tokens, where it will be asked at all.

        Raises:
            BackendError: it is not there, refuses the key, has no such model, or cannot be asked so. The message names
                the fix.
        """
        if is_needed():
            from pytest_edgejson.backends.server.background import Background

            _ = self._secrets
            Background(self._try_out).result()

    def tokenize(self, prompt: Prompt) -> PromptTokens | None:
        """Return the tokens of a text where a tokenizer is named; what a server makes of messages is not known."""
        if self._tokenizer_place is None or not isinstance(prompt, str):
            return None
        ids = self._encode(prompt)
        pieces = token_texts(self._tokenizer, ids)
        return prompt_tokens(self._tokenizer, prompt, ids, pieces, is_chat=self._prompts.is_chat)

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a text has as an answer, by the tokenizer that is named, if any."""
        if self._tokenizer_place is None:
            return super().count_tokens(text)
        return len(self._tokenizer.encode(text, add_special_tokens=False))

    async def _ask(self, client: Client, attempt: Attempt, pool: Pool | None = None) -> Completion:
        from pytest_edgejson.backends.server.answers import Answer
        from pytest_edgejson.backends.server.errors import ServerError

        request = attempt.request

        def step(said: str | None) -> None:
            if pool is not None:
                pool.step(request.key, None if said is None else self._secrets.hide(said))

        while True:
            answer = Answer(request, self._endpoint, self._settings, step)
            body = self._body(request)
            left_s = None if request.timeout_s is None else max(0.0, request.timeout_s - attempt.spent_s)
            longest = _MORE_BYTES + _TOKEN_BYTES * self._endpoint.limit(request)
            began_s = time.monotonic()
            try:
                async with asyncio.timeout(left_s):
                    is_done = await client.ask(self._endpoint.url, body, answer.take, longest=longest)
                return self._shown(answer.completion(time.monotonic() - began_s, is_done=is_done))
            except TimeoutError:
                return self._shown(answer.out_of_time(time.monotonic() - began_s))
            except ServerError as error:
                if not self._leave_out(error, body):
                    raise
            finally:
                attempt.spent_s += time.monotonic() - began_s

    def _body(self, request: Request) -> dict[str, Any]:
        prompt: Any = request.prompt
        if self._endpoint.takes_messages:
            prompt = [asdict(message) for message in request.prompt if isinstance(message, Message)]
        elif self._sends_ids:
            prompt = self._encode(request.text)
        body = self._endpoint.body(request, prompt)
        if self._endpoint.takes_messages and self._prompts.chat_template_kwargs:
            body.setdefault("chat_template_kwargs", self._prompts.chat_template_kwargs)
        if "max_tokens" in self._left_out:
            body["max_completion_tokens"] = body["max_tokens"]
        return {field: value for field, value in body.items() if field not in self._left_out}

    def _leave_out(self, error: ServerError, body: Mapping[str, Any]) -> bool:
        """Leave out, from now on, what the server does not know and can be said otherwise, or need not be said."""
        refused = [field for field in _REFUSED_BY_SOME if field in body and error.refuses(field)]
        # What is drawn depends on the seed.
        if "seed" in refused and self._settings.temperature > 0:
            refused.remove("seed")
        self._left_out.update(refused)
        return bool(refused)

    def _shown(self, completion: Completion) -> Completion:
        """Return a completion in which no secret stands that a server sends back."""
        hide = self._secrets.hide
        thought = completion.thought
        return replace(completion, text=hide(completion.text), thought=None if thought is None else hide(thought))

    async def _try_out(self) -> None:
        from pytest_edgejson.backends.server.errors import ServerError
        from pytest_edgejson.backends.server.pool import Attempt, wait_s

        prompt: Prompt = (Message("user", "Hi"),) if self._endpoint.takes_messages else "Hi"
        attempt = Attempt(Request("try", prompt, _TRIED, timeout_s=self.check_s, max_new_tokens=_TRIED_TOKENS))
        slow = f"edgejson: {self._spec.name}: waiting for the first answer of {self._server.base_url}"
        asyncio.get_running_loop().call_later(_SLOW_S, self.watch.note, slow)
        async with self._client_type(self._server, self._secrets, 1) as client:
            models = await client.models(self._endpoint.models_url)
            while True:
                try:
                    completion = await self._ask(client, attempt)
                    break
                except ServerError as error:
                    attempt.failures += 1
                    pause_s = None if error.kind == "unreachable" else wait_s(error, attempt.failures)
                    if pause_s is None:
                        raise BackendError(self._explained(error, models)) from None
                    said = f"edgejson: {self._spec.name}: {error}; asked again in {pause_s:.0f} s"
                    self.watch.note(said)
                    await asyncio.sleep(pause_s)
        if completion.finish_reason == "timeout":
            raise BackendError(
                f"{self._spec.name}: the server at {self._server.base_url} did not answer a first request for "
                f"{_TRIED_TOKENS} tokens within {self.check_s:g} s (--edgejson-timeout): give it longer, perhaps it is "
                "loading the model"
            )
        if models and not {self._model, f"{self._model}:latest"} & {*models}:
            self.watch.warn(
                f"edgejson: {self._spec.name}: warning: the server answers, but lists no model {self._model!r}; it "
                f"lists: {_names(self._model, models)}"
            )

    def _explained(self, error: ServerError, models: Sequence[str]) -> str:
        """Return what keeps every case from being answered, and the fix, on one line."""
        name, url, variable = self._spec.name, self._server.base_url, self._server.api_key_env
        elsewhere = "--edgejson-base-url=URL, or base_url in models.toml"
        if error.kind == "unreachable":
            return f"{name}: no server answers at {url} ({error}): start it, or say where it is: {elsewhere}"
        if error.kind == "denied":
            has_key = bool(self._secrets.key)
            fix = "name the environment variable that holds the key: api_key_env in models.toml"
            if has_key:
                fix = f"check the key in the environment variable {variable or 'OPENAI_API_KEY'}"
            refuses = "the key" if has_key else "who has no key"
            return f"{name}: the server at {url} refuses {refuses} ({error}): {fix}"
        is_of_model = error.status == 404 or "model" in str(error).lower()
        if is_of_model and models and self._model not in models:
            return (
                f"{name}: the server at {url} has no model {self._model!r} ({error}): it has: "
                f"{_names(self._model, models)}"
            )
        if error.kind in ("absent", "strange") and not url.endswith("/v1"):
            return f"{name}: what is at {url} is no such server ({error}): does its base URL end with /v1? {elsewhere}"
        return f"{name}: the server at {url} cannot be asked so: {error}"

    @property
    def _sends_ids(self) -> bool:
        return self._endpoint.takes_ids and self._tokenizer_place is not None

    @functools.cached_property
    def _secrets(self) -> Any:
        from pytest_edgejson.backends.server.client import Secrets

        return Secrets(self._spec.name, self._server)

    @property
    def _client_type(self) -> type[Client]:
        from pytest_edgejson.backends.server.client import Client

        return Client

    def _encode(self, text: str) -> list[int]:
        # A chat template writes the special tokens itself.
        return list(self._tokenizer.encode(text, add_special_tokens=not self._prompts.is_chat))

    def _apply_chat(self, messages: Sequence[Message]) -> str:
        text = chat_text(self._tokenizer, messages, self._prompts.chat_template_kwargs)
        # A server that is sent a text begins it as the tokenizer does.
        begins_it = not self._sends_ids and adds_bos(self._tokenizer)
        return text.removeprefix(self._tokenizer.bos_token) if begins_it else text

    @functools.cached_property
    def _tokenizer(self) -> Any:
        assert self._tokenizer_place is not None
        try:
            return read_tokenizer(self._tokenizer_place, self._spec.name)
        except (OSError, ValueError) as error:
            raise BackendError(f"{self._spec.name}: the tokenizer cannot be read: {first_line(error)}") from None

    @property
    def _tokenizer_hash(self) -> str:
        return hashlib.sha256(self._tokenizer.backend_tokenizer.to_str().encode()).hexdigest()


def _names(wanted: str, names: Sequence[str]) -> str:
    """Return names of models, those first that are like one that was wanted."""
    near = difflib.get_close_matches(wanted, names, n=len(names) or 1, cutoff=0.5)
    ordered = [*near, *sorted(name for name in names if name not in near)]
    shown = ", ".join(clean(name) for name in ordered[:_MOST_NAMES])
    return shown + (f", … ({len(ordered) - _MOST_NAMES} more)" if len(ordered) > _MOST_NAMES else "")
