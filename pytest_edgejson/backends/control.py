"""Controls: backends whose score is known beforehand. They validate the harness, and say what a model should beat."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgejson import __version__
from pytest_edgejson.backends.interface import Backend, BackendError, Completion
from pytest_edgejson.backends.references import CONTROLS
from pytest_edgejson.suite.make.facts import facts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_edgejson.backends.interface import GenerationSettings, LoadOptions, Request
    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.suite.cases import Case


def load(spec: ModelSpec, settings: GenerationSettings, options: LoadOptions) -> ControlBackend:
    """Return a control: `gold` answers what is expected, `empty` nothing, `rules` what a parser of the prompt finds;
    for `edgejson suite generate`, `teller` tells it in words, and `forgetful` all of it but the last value.

    Raises:
        BackendError: there is no such control.
    """
    if spec.model not in CONTROLS:
        raise BackendError(f"{spec.name}: unknown control {spec.model!r}: use one of {', '.join(CONTROLS)}")
    return ControlBackend(spec.model)


class ControlBackend(Backend):
    """Answers a case without a model."""

    def __init__(self, control: str) -> None:
        self._control = control
        self._parse = _load_parser() if control == "rules" else None

    @property
    def fingerprint(self) -> str:
        """The control's name and this package's version; for `rules` the parser's source too."""
        content = [f"control:{self._control}", __version__, self._parse[1] if self._parse else ""]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    @property
    def description(self) -> Mapping[str, Any]:
        """What the manifest records."""
        return {"backend": "control", "control": self._control, "version": __version__}

    def render(self, case: Case) -> str:
        """Return what the control answers from: the expected output, or the case's own text.

        The store finds completions by this text, so it must hold whatever the answer depends on.
        """
        return case.prompt if self._control in ("empty", "rules") else json.dumps(case.expected_output)

    def answer(self, request: Request) -> Completion:
        """Return the answer, at once."""
        return Completion(request.key, self._text(request.case), "stop")

    def _text(self, case: Case) -> str:
        if self._control == "gold":
            return json.dumps(case.expected_output)
        if self._control in ("teller", "forgetful"):
            told = [f"The {name} is {text}." for name, text in facts(case.expected_output)]
            return " ".join(told if self._control == "teller" else told[:-1])
        if self._parse is None:
            return ""
        try:
            return json.dumps(self._parse[0](case.prompt))
        except (ValueError, RecursionError):
            # Not a prompt of the form the rules know: no answer is an honest one.
            return ""


def _load_parser() -> tuple[Callable[[str], dict[str, Any]], str]:
    from pytest_edgejson.suite import rendering

    source = Path(rendering.__file__).read_bytes()
    return rendering.parse_prompt, hashlib.sha256(source).hexdigest()
