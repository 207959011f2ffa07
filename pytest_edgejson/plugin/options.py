"""Options, ini values and the settings they make; wrong ones are usage errors that name the fix."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from pytest_edgejson.backends.choices import CONSTRAIN, DTYPES, LOOPS, MAX_NEW_TOKENS
from pytest_edgejson.plugin.option import Option, checked
from pytest_edgejson.plugin.option_values import (
    choice,
    parse_assertion,
    parse_count,
    parse_diffs,
    parse_gate,
    parse_limit,
    parse_penalty,
    parse_seed,
    parse_temperature,
    parse_top_p,
)
from pytest_edgejson.plugin.output_options import OUTPUT_OPTIONS
from pytest_edgejson.plugin.prompt_options import PROMPT_OPTIONS
from pytest_edgejson.plugin.running_options import RUNNING_OPTIONS
from pytest_edgejson.plugin.suite_options import SUITE_OPTIONS
from pytest_edgejson.results.assertion import Assertion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_edgejson.plugin.node_ids import Argument
    from pytest_edgejson.results.gates.language import Gate
    from pytest_edgejson.results.result import Profile
    from pytest_edgejson.scoring.kinds import Policy


SHOWN_DIFFS = 5

_OPTIONS = (
    Option(
        "model",
        str,
        "run the cases on this model: an entry of models.toml, a hub id, a local folder, replay:FILE.jsonl, "
        "control:gold, control:empty or control:rules; give it again to compare models",
        "NAME",
        is_list=True,
    ),
    Option("models", Path, "read model entries from this file, beside the bundled ones", "FILE.toml", is_path=True),
    *SUITE_OPTIONS,
    Option(
        "assert",
        parse_assertion,
        "what a case must reach to pass: exact (default), schema, or field_f1>=X",
        "WHAT",
        Assertion(),
    ),
    Option(
        "profile",
        choice("default", "v3"),
        "v3: prompt, limits, scorer and table of the published EdgeJSON v3 evaluation",
        "NAME",
        "default",
    ),
    Option(
        "extraction",
        choice("lenient", "last", "strict"),
        "how JSON is found in an output: lenient (default), last (of several objects the last one) or strict",
        "POLICY",
        "lenient",
    ),
    Option(
        "gate",
        parse_gate,
        "release the model only if this holds, such as json_exact>=0.55, json_exact[simple]>=0.75, "
        "json_exact>=baseline-0.02 or regressions<=3: then misses do not fail the run; give it again for more",
        "GATE",
        is_list=True,
    ),
    Option(
        "baseline",
        Path,
        "the results file that gates compare with; FILE.jsonl#MODEL for one of several models in it",
        "FILE.jsonl",
        is_path=True,
    ),
    Option("audit", Path, "take marks of suspect labels from this audit file", "FILE.jsonl", is_path=True),
    Option("report_only", bool, "a benchmark, nothing to decide: cases that miss do not fail the run", is_flag=True),
    Option(
        "diffs",
        parse_diffs,
        f"how many failures are shown with their diff, the others in one line each: a number (default {SHOWN_DIFFS}), "
        "all or none",
        "N",
        SHOWN_DIFFS,
    ),
    *OUTPUT_OPTIONS,
    *RUNNING_OPTIONS,
    Option("dtype", choice(*DTYPES), f"precision of a local model: {', '.join(DTYPES)}", "DTYPE", "auto"),
    Option(
        "constrain",
        choice(*CONSTRAIN),
        "hold answers to a grammar while they are generated: json (any object), schema (the case's own), or both: each "
        "model runs free and held to the schemas, side by side (default: none)",
        "WHAT",
    ),
    *PROMPT_OPTIONS,
    Option(
        "loops",
        choice(*LOOPS),
        "end (default) ends an answer that repeats itself without end, keep lets it run on to the token limit",
        "WHAT",
    ),
    Option(
        "max_new_tokens",
        parse_limit,
        f"tokens that a model may generate for a case (default {MAX_NEW_TOKENS}); auto follows the expected outputs",
        "N|auto",
    ),
    Option(
        "repeat",
        parse_count,
        "ask each case so many times, as separate items; with a temperature above 0 the answers differ (default 1)",
        "N",
        1,
    ),
    Option(
        "temperature",
        parse_temperature,
        "0 always takes the likeliest token (default), 1 draws by the model's probabilities",
        "T",
        0.0,
    ),
    Option("top_p", parse_top_p, "draw from the likeliest tokens that together reach this probability", "P", 1.0),
    Option(
        "repetition_penalty",
        parse_penalty,
        "divide the scores of tokens that occurred, the prompt's included (default 1: none)",
        "X",
        1.0,
    ),
    Option("seed", parse_seed, "decides what is drawn (default 0)", "N", 0),
    Option("unmerged", bool, "keep a LoRA adapter apart from its base instead of folding it in", is_flag=True),
    Option(
        "store", Path, "keep completions in this file instead of pytest's cache directory", "FILE.sqlite", is_path=True
    ),
)


def add_options(parser: pytest.Parser) -> None:
    """Add all options and their ini equivalents."""
    group = parser.getgroup("edgejson", "EdgeJSON: language models turning text into JSON")
    for option in _OPTIONS:
        destination = f"edgejson_{option.name}"
        if option.is_flag:
            group.addoption(option.flag, dest=destination, action="store_true", default=None, help=option.help)
            parser.addini(option.ini, option.help, type="bool", default=None)
        else:
            group.addoption(
                option.flag,
                dest=destination,
                action="append" if option.is_list else "store",
                type=checked(option.parse),
                **({} if option.without is None else {"nargs": "?", "const": option.without}),
                default=None,
                metavar=option.metavar,
                help=option.help,
            )
            ini_type: Literal["linelist", "string"] = "linelist" if option.is_list else "string"
            parser.addini(option.ini, option.help, type=ini_type, default=None)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line, the configuration and the node ids ask for.

    Attributes:
        models: what `--edgejson-model` names, in order, without repetition.
        are_in_node_ids: whether node ids name them instead, so that each may end with a repeat, `-r2`.
        in_brackets: what the node ids among the arguments have in brackets, each a model and perhaps a repeat.
        models_file: `--edgejson-models`.
        suite: `--edgejson-suite`.
        cases: `--edgejson-cases`.
        schemas: `--edgejson-schemas`.
        assertion: `--edgejson-assert`.
        profile: `--edgejson-profile`.
        extraction: the extraction policy.
        gates: `--edgejson-gate`, for every model.
        baseline: `--edgejson-baseline`.
        audit: the audit file whose marks the cases carry.
        report_only: misses do not fail the run.
        diffs: failures shown whole, None for all.
        results: the results file.
        report: the Markdown report.
        html: the report as a page.
        badge: the badge.
        base_url: where servers are asked, None for where each model's entry says.
        batch_size: None where the backend decides.
        devices: one for each xdist worker, the first for a run without; None where the backend decides.
        dtype: one of `DTYPES`.
        constrain: one of `choices.CONSTRAIN`, None where the model's entry decides.
        prompt: a prompt in the place of each model's own, None for that.
        system: a system message in the place of each model's own, empty for none, None for that.
        chat_template_kwargs: what chat templates are told beside what the model's entry says.
        shots: examples that a prompt shows, None where the model's entry decides.
        shots_from: where examples are, None for the train split beside the cases.
        loops: `end` or `keep`, None where the model's entry decides.
        max_new_tokens: or `auto`; None for the default, which the model's entry or the profile may replace.
        repeat: times that each case is asked; node ids may name a later one.
        temperature: 0 for greedy.
        top_p: 1 for all tokens.
        repetition_penalty: 1 for none.
        seed: decides what is drawn.
        timeout: seconds that a model may work on a case, None for no limit.
        deadline: seconds that the run may generate, None for no limit.
        ray: the address of the Ray cluster whose actors run the models, None for this process.
        check_batching: cases of each model that are generated once more alone, None for none.
        merge_adapter: fold adapters into their base.
        store: None for the place in pytest's cache directory.
        rerun_options: the options, as typed, that a rerun of one case needs beside its node id.
    """

    models: tuple[str, ...]
    are_in_node_ids: bool
    in_brackets: tuple[str, ...]
    models_file: Path | None
    suite: str | None
    cases: Path | None
    schemas: Path | None
    assertion: Assertion
    profile: Profile
    extraction: Policy
    gates: tuple[Gate, ...]
    baseline: Path | None
    audit: Path | None
    report_only: bool
    diffs: int | None
    results: Path | None
    report: Path | None
    html: Path | None
    badge: Path | None
    base_url: str | None
    batch_size: int | None
    devices: tuple[str, ...] | None
    dtype: str
    constrain: str | None
    prompt: str | None
    system: str | None
    chat_template_kwargs: Mapping[str, Any]
    shots: int | None
    shots_from: Path | None
    loops: str | None
    max_new_tokens: int | Literal["auto"] | None
    repeat: int
    temperature: float
    top_p: float
    repetition_penalty: float
    seed: int
    timeout: float | None
    deadline: float | None
    ray: str | None
    check_batching: int | None
    merge_adapter: bool
    store: Path | None
    rerun_options: tuple[str, ...]

    @property
    def active(self) -> bool:
        """Whether a model was named at all."""
        return bool(self.models)


def _from_ini(option: Option, config: pytest.Config) -> Any:
    try:
        raw = config.getini(option.ini)
        if raw in (None, "", []):
            return option.default
        if option.is_flag:
            return raw
        value: Any = [option.parse(line) for line in raw] if option.is_list else option.parse(raw)
        # A path in a configuration file is relative to that file.
        return option.resolve(value, config.inipath.parent) if config.inipath else value
    except (argparse.ArgumentTypeError, ValueError, pytest.UsageError) as error:
        # pytest does not name the key. Without a file it is one of -o.
        where = f"{config.inipath}: " if config.inipath else ""
        raise pytest.UsageError(f"{where}{option.ini}: {error}") from None


def _resolved(option: Option, value: Any, config: pytest.Config) -> Any:
    try:
        return option.resolve(value, config.invocation_params.dir)
    except ValueError as error:
        raise pytest.UsageError(f"{option.flag}: {error}") from None


def make_settings(config: pytest.Config) -> Settings:
    """Read the settings; an option beats its ini value, which beats the default.

    Without `--edgejson-model`, node ids such as `FILE.jsonl::invoice-007[nano]` name the models.

    Raises:
        pytest.UsageError: an ini value is wrong.
    """
    values: dict[str, Any] = {}
    rerun = []
    in_brackets = tuple(argument.brackets for argument in _arguments(config).values() if argument.brackets)
    for option in _OPTIONS:
        value = typed = config.getoption(option.ini)
        if value is None:
            value = _from_ini(option, config)
        elif option.is_list:
            value = [option.parse(text) for text in value]
        elif not option.is_flag:
            value = _resolved(option, option.parse(value), config)
        if typed is not None and option.name not in _NOT_FOR_A_RERUN:
            from pytest_edgejson.values.text import shell_word

            rerun.append(option.flag if option.is_flag else f"{option.flag}={shell_word(str(typed))}")
        values[option.name] = value
    named = values.pop("model") or []
    are_in_node_ids = bool(in_brackets) and not given(config, "model")
    return Settings(
        models=tuple(dict.fromkeys(in_brackets if are_in_node_ids else named)),
        are_in_node_ids=are_in_node_ids,
        in_brackets=in_brackets,
        models_file=values.pop("models"),
        assertion=values.pop("assert"),
        gates=tuple(values.pop("gate") or ()),
        devices=values.pop("device"),
        merge_adapter=not values.pop("unmerged"),
        report_only=bool(values.pop("report_only")),
        rerun_options=tuple(rerun),
        **values,
    )


# The model stands in the node id; the others concern a run as a whole.
_NOT_FOR_A_RERUN = frozenset(
    {"model", "suite", "cases", "repeat", "report_only", "diffs", "deadline", "gate", "baseline", "audit"}
    | {"check_batching", *(option.name for option in OUTPUT_OPTIONS)}
)


def _arguments(config: pytest.Config) -> dict[str, Argument]:
    """Return, by their text, the arguments that may name files of cases: a run that has none imports nothing for it."""
    texts = [text for text in config.args if "json" in text.lower()]
    if not texts:
        return {}
    from pytest_edgejson.plugin.node_ids import Argument

    return {text: Argument.read(text, config.invocation_params.dir) for text in texts}


def refuse_cases_without_model(config: pytest.Config) -> None:
    """Raise pytest.UsageError where the arguments name a file of cases, or options need a model, and none is named."""
    for arg, argument in _arguments(config).items():
        from pytest_edgejson.suite.cases import kind_of_file
        from pytest_edgejson.suite.json_rows import is_json_lines, may_hold_rows

        path = argument.path
        if path.is_file() and (is_json_lines(path) or (may_hold_rows(path) and kind_of_file(path) == "cases")):
            raise pytest.UsageError(f"{arg}: no model to run it on: add --edgejson-model=NAME, such as nano")
    # Options in a project's `addopts` wait for a run with a model.
    for option in _OPTIONS:
        if any(str(arg).partition("=")[0] == option.flag for arg in config.invocation_params.args):
            raise pytest.UsageError(f"{option.flag} needs a model: add --edgejson-model=NAME, such as nano")


def register_markers(config: pytest.Config) -> None:
    """Register the markers that cases carry."""
    config.addinivalue_line("markers", "edgejson(schema, complexity, model): a case of an EdgeJSON suite")
    for complexity in ("simple", "medium", "complex"):
        config.addinivalue_line("markers", f"{complexity}: an EdgeJSON case of that complexity")


def given(config: pytest.Config, name: str) -> bool:
    """Tell whether an option stands on the command line."""
    value: object = config.getoption(f"edgejson_{name}")
    return value is not None
