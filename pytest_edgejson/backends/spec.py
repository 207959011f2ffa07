"""What a model is and how it is run: an entry of `models.toml`, as the backends read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_edgejson.scoring.thoughts import Pairs


@dataclass(frozen=True, slots=True)
class Published:
    """One row of published results. Fractions between 0 and 1, as measured ones are; None where a source is silent.

    Attributes:
        source: where it is published, in a few words.
        json_exact: JSONExact over all cases.
        field_f1: mean FieldF1.
        simple: JSONExact of the simple cases.
        medium: JSONExact of the medium cases.
        complex: JSONExact of the complex cases.
        schema_compliance: the compliance its authors count, which consults no JSON Schema.
    """

    source: str
    json_exact: float | None = None
    field_f1: float | None = None
    simple: float | None = None
    medium: float | None = None
    complex: float | None = None
    schema_compliance: float | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """What a server's tokens cost, each a million of them, in one currency of the user's choice.

    Attributes:
        input: of prompts.
        output: of answers, thoughts included.
        cached_input: of prompts, where the server has computed them before; None where they cost as much as others.
    """

    input: float
    output: float
    cached_input: float | None = None

    def of(self, prompt_tokens: int | None, output_tokens: int | None, cached_tokens: int | None) -> float | None:
        """Return what an answer costs, None where its tokens are not known."""
        if prompt_tokens is None or output_tokens is None:
            return None
        cached = min(cached_tokens or 0, prompt_tokens)
        cached_price = self.input if self.cached_input is None else self.cached_input
        costs = (prompt_tokens - cached) * self.input + cached * cached_price + output_tokens * self.output
        return costs / 1_000_000


@dataclass(frozen=True, slots=True)
class Server:
    """Where a model is asked that a server runs, and how.

    Attributes:
        base_url: what paths such as `/chat/completions` follow.
        api_key_env: the environment variable that holds the key, None for no key.
        endpoint: one of `choices.ENDPOINTS`.
        concurrency: cases asked at once at most, None for the default.
        extra_body: what each request says besides; it replaces what is said without it.
        headers: of each request; `${NAME}` in a value stands for an environment variable.
        constrain_field: the field of a request that holds answers to a schema, one of `choices.CONSTRAIN_FIELDS`; None
            for the one that is usual at the endpoint.
        prices: of tokens, None where nobody has told them.
    """

    base_url: str
    api_key_env: str | None = None
    endpoint: str = "chat"
    concurrency: int | None = None
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    constrain_field: str | None = None
    prices: Prices | None = None


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What a model is and how it is run.

    Attributes:
        name: as in the models file, or made of what was named directly; part of the test's id.
        backend: what runs it.
        model: hub id, folder or GGUF file of the model; for `openai` its name on the server; for `replay` the
            recording, `FILE.jsonl` or `FILE.jsonl#MODEL`; for `control` one of `gold`, `empty`, `rules`. None where an
            adapter says what its base is, and where `package` has it.
        server: where it is asked, None where no server runs it.
        package: the Python package, as it is imported, that carries the model.
        file: the model in the package's folder.
        install: the command that installs the package; None for that of a distribution of the same name.
        adapter: hub id or folder of an adapter to put on the model.
        revision: branch, tag or commit of the model on the hub.
        adapter_revision: the adapter's.
        tokenizer: hub id or folder of a tokenizer other than the adapter's or the model's own.
        prompt: name of a prompt template, or a template text that holds `{prompt}`; with `chat:` before it, of a chat.
        system: the system message of a chat; it may hold `{schema}`. None for none.
        shots: examples of the same schema that a prompt shows.
        chat_template_kwargs: what the chat template is told beside the messages, such as `enable_thinking`.
        dtype: one of `DTYPES`, where the run's settings say `auto`; None leaves it to the device.
        weights: how the backend `openvino` keeps them: `int8`, or None for float32.
        trust_remote_code: let the model run Python code that comes with its weights.
        parameters: how many the model has.
        thoughts: its own marks of thoughts, beside those of the known families.
        loops: `end` or `keep`, where the run's settings don't say.
        max_new_tokens: tokens generated at most, where the run's settings don't say.
        constrain: `none`, `json`, `schema` or `both`, where the run's settings don't say.
        published: published results, one row for each source.
        description: one line for people.
        gates: what must hold for its release, `require` of `[models.NAME.gate]`, as it is written there.
        baseline: the results that they compare with, `FILE.jsonl` or `FILE.jsonl#MODEL`.
    """

    name: str
    backend: str = "transformers"
    model: str | None = None
    adapter: str | None = None
    revision: str | None = None
    adapter_revision: str | None = None
    tokenizer: str | None = None
    prompt: str = "v3"
    system: str | None = None
    shots: int = 0
    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    dtype: str | None = None
    weights: str | None = None
    package: str | None = None
    file: str | None = None
    install: str | None = None
    server: Server | None = None
    trust_remote_code: bool = False
    parameters: int | None = None
    loops: str | None = None
    max_new_tokens: int | None = None
    constrain: str | None = None
    thoughts: Pairs = ()
    published: tuple[Published, ...] = ()
    description: str = ""
    gates: tuple[str, ...] = ()
    baseline: Path | None = None
