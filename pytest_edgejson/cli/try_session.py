"""`edgejson try` on a terminal: one text after the other, and commands between them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.prompts import read_text
from pytest_edgejson.cli.arguments import CommandError, message
from pytest_edgejson.cli.trials import WAYS, Asked, show
from pytest_edgejson.suite.cases import COMPLEXITIES
from pytest_edgejson.suite.schemas import complexity_of
from pytest_edgejson.values.text import clean, shorten
from pytest_edgejson.values.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_edgejson.cli.trials import Trials
    from pytest_edgejson.report.trial import Question

_EXTRA = "pip install 'pytest-edgejson[try]'"
_SHOWN = 50


@dataclass(frozen=True, slots=True)
class _Command:
    """What may be typed in the place of a text.

    Attributes:
        takes: its argument.
        help: what it does.
        run: does it.
    """

    takes: str
    help: str
    run: Callable[[Session, str], None]


class Session:
    """Texts that a model is asked.

    Args:
        trials: asks them.

    Raises:
        CommandError: the library that reads lines is not installed.
    """

    def __init__(self, trials: Trials) -> None:
        self._trials = trials
        self._history: list[Asked] = []
        # Also one whose answer was interrupted.
        self._last: Question | None = None
        self._read = _reader([*trials.schemas])

    def run(self) -> int:
        """Read and answer until the end of the input; return the exit code."""
        spec = self._trials.model.spec
        print(f"{clean(spec.name)}{f': {clean(spec.description)}' if spec.description else ''}")
        print("Paste a text and press Enter; /help tells what else there is, Ctrl-D ends.")
        while True:
            try:
                self._take(self._read(self._head()))
            except KeyboardInterrupt:
                # The line that is being written is dropped, the answer that is coming in is left.
                continue
            except EOFError:
                return 0
            except (CommandError, BackendError, ModuleNotFoundError, ValueError, OSError) as error:
                print(message(error), file=sys.stderr)

    def _head(self) -> str:
        trials = self._trials
        way, schema = trials.model.settings.constrain, trials.schema
        held = "" if way == "none" else f"+{way}"
        return f"{clean(trials.model.spec.name)}{held} {clean(schema.id) if schema else '(no schema)'}> "

    def _take(self, line: str) -> None:
        """Ask a text, or do what a command says."""
        if not line.strip():
            return
        if not line.startswith("/"):
            self._ask(self._trials.question(line))
            return
        name, _, argument = line.partition(" ")
        if name not in _COMMANDS:
            near = did_you_mean(name, _COMMANDS)
            raise ValueError(
                f"unknown command {name!r}: {near}/help lists them; begin a text that has a / with a space"
            )
        _COMMANDS[name].run(self, argument.strip())

    def _ask(self, question: Question) -> None:
        self._last = question
        self._history.append(self._trials.ask(question))
        show(self._history[-1])
        print()

    def _choose_schema(self, name: str) -> None:
        if name:
            self._trials.schema = self._trials.find_schema(name)
            return
        of = complexity_of(self._trials.schemas)
        for complexity in COMPLEXITIES:
            names = [schema_id for schema_id in of if of[schema_id] == complexity]
            if names:
                print(f"{complexity}: {', '.join(names)}")

    def _hold(self, way: str) -> None:
        chosen = next((each for each in WAYS if each == way), None)
        if chosen is None:
            raise ValueError(f"answers are held to one of {', '.join(WAYS)}: /constrain schema")
        self._trials.model.hold(chosen)

    def _expect(self, text: str) -> None:
        if not self._history:
            raise ValueError("there is no answer yet to compare with: ask a text first")
        last = self._history[-1]
        question = last.question.expecting(read_text(text, Path()))
        self._last = question
        self._history[-1] = Asked(question, last.completion, self._trials.model.score(question, last.completion))
        show(self._history[-1])

    def _ask_case(self, name: str) -> None:
        if not name:
            raise ValueError("which case? /case invoice-007, or /case FILE::ID")
        self._ask(self._trials.question_of_case(name))

    def _ask_again(self, number: str) -> None:
        if number and not (number.isdecimal() and 1 <= int(number) <= len(self._history)):
            raise ValueError("/again takes a number of /history")
        question = self._history[int(number) - 1].question if number else self._last
        if question is None:
            raise ValueError("nothing was asked yet")
        if self._trials.schema is not None and self._trials.schema != question.schema:
            question = self._trials.question(question.case.prompt)
        self._ask(question)

    def _list_history(self, _: str) -> None:
        for number, asked in enumerate(self._history, 1):
            schema = clean(asked.question.schema.id)
            outcome = "right" if asked.question.has_expected else "valid"
            said = outcome if asked.question.is_met(asked.result) else f"not {outcome}"
            print(f"{number}  {schema}, {said}: {shorten(clean(asked.question.case.prompt), _SHOWN)}")

    def _list_commands(self, _: str) -> None:
        print(f"{'TEXT':28}ask it; pasted lines stay together, Alt+Enter begins a new one")
        for name, command in _COMMANDS.items():
            print(f"{f'{name} {command.takes}':28}{command.help}")

    def _end(self, _: str) -> None:
        raise EOFError


_COMMANDS: Mapping[str, _Command] = {
    "/schema": _Command("[NAME|FILE]", "the schema of the next texts; alone, those there are", Session._choose_schema),
    "/constrain": _Command("|".join(WAYS), "what answers are held to", Session._hold),
    "/expect": _Command("JSON|@FILE", "compare the last answer with what it should be", Session._expect),
    "/case": _Command("ID", "ask a case of the suite", Session._ask_case),
    "/again": _Command("[N]", "ask the last text again, or the N-th, as things stand now", Session._ask_again),
    "/history": _Command("", "what was asked", Session._list_history),
    "/help": _Command("", "this list", Session._list_commands),
    "/quit": _Command("", "end, as Ctrl-D does; Ctrl-C ends an answer", Session._end),
}


def _reader(schemas: list[str]) -> Callable[[str], str]:
    """Return what reads a line, or several that are pasted, with a history of its own."""
    try:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.completion import WordCompleter
        from prompt_toolkit.key_binding import KeyBindings
        from prompt_toolkit.shortcuts import CompleteStyle
    except ModuleNotFoundError as error:
        raise CommandError(f"{error.name} is not installed: {_EXTRA}; --text and piped texts need none") from None
    bindings = KeyBindings()

    @bindings.add("escape", "enter")
    def _(event: Any) -> None:
        event.current_buffer.insert_text("\n")

    words = [f"/schema {name}" for name in schemas] + [f"/constrain {way}" for way in WAYS] + [*_COMMANDS]
    session: PromptSession[str] = PromptSession(
        completer=WordCompleter(words, sentence=True),
        complete_while_typing=False,
        # The other styles keep room for a menu below each line.
        complete_style=CompleteStyle.READLINE_LIKE,
        key_bindings=bindings,
    )
    return session.prompt
