"""What the arguments select where pytest cannot tell itself.

It splits an argument at the first bracket and at each `::`. So a folder `runs [old]` cannot be named, nor a case whose
id has a bracket or `::` in it. Such arguments are given to pytest as far as it understands them, and what they do not
name is left out again.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_edgejson.plugin.node_ids import Argument, model_and_repeat, read_arguments
from pytest_edgejson.plugin.nodes import CaseItem
from pytest_edgejson.suite.files import is_loop
from pytest_edgejson.suite.json_rows import may_hold_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


def _is_plain(text: str) -> bool:
    return "[" not in text and "::" not in text


class Selection:
    """The arguments of a run.

    Args:
        config: pytest's.
        models: names of the models that run.
    """

    def __init__(self, config: pytest.Config, models: Collection[str]) -> None:
        self._config = config
        self._folder = config.invocation_params.dir
        self._typed = list(config.args)
        self._arguments = read_arguments(self._typed, self._folder)
        self._understood = [
            self._as_understood(text, argument, models)
            for text, argument in zip(self._typed, self._arguments, strict=True)
        ]
        self._is_active = self._understood != self._typed

    def _as_understood(self, text: str, argument: Argument, models: Collection[str]) -> str:
        """Return what of an argument pytest understands."""
        path, name = argument.path, argument.name
        if not (path.is_dir() or (path.is_file() and may_hold_rows(path))):
            return text
        typed = text.removesuffix(f"::{name}") if name else text
        brackets = argument.brackets
        names_model = brackets is not None and model_and_repeat(brackets, models)[0] in models
        plain_name = name.removesuffix(f"[{brackets}]") if names_model else name
        if _is_plain(typed):
            return text if _is_plain(plain_name) else typed
        parts = Path(os.path.relpath(path, self._folder)).parts
        return str(Path(*takewhile(_is_plain, parts)))

    def names(self, file: Path) -> bool:
        """Tell whether an argument names a file, and not a folder that it is in."""
        return any(argument.path == file for argument in self._arguments)

    def covers(self, file: Path) -> bool:
        """Tell whether an argument names a file, or a folder that it is in."""
        return any(argument.path in (file, *file.parents) for argument in self._arguments)

    @contextmanager
    def understood(self) -> Iterator[None]:
        """Let pytest collect what it understands of the arguments.

        Raises:
            pytest.UsageError: as pytest does for an argument that names nothing; see `_check_suffixes`.
        """
        self._config.args = self._understood
        try:
            yield
        except pytest.UsageError as error:
            self._check_suffixes({each.path for each in self._arguments if str(each.path) not in str(error)})
            raise
        finally:
            self._config.args = self._typed

    def ignores(self, path: Path) -> bool | None:
        """Tell whether a file or folder that pytest has come upon is left out; None to let pytest decide.

        A folder that is a symbolic link to one that it lies in is: its files are collected already.
        """
        if not self._is_active:
            return is_loop(path) or None
        named = [argument.path for argument in self._arguments]
        # As pytest does not ask for what an argument names.
        if any(path == each or path in each.parents for each in named):
            return False
        return not any(each in path.parents for each in named) or is_loop(path) or None

    def apply(self, items: list[pytest.Item]) -> None:
        """Leave out what no argument names.

        Args:
            items: all that were collected.

        Raises:
            pytest.UsageError: an argument names nothing, or a file whose name is none of a file of cases.
        """
        self._check_suffixes({item.path for item in items})
        if not self._is_active:
            return
        found: set[Argument] = set()
        kept = []
        for item in items:
            naming = [argument for argument in self._arguments if _is_named(item, argument)]
            found.update(naming)
            kept += [item] if naming else []
        items[:] = kept
        for text, argument in zip(self._typed, self._arguments, strict=True):
            if argument.name and argument not in found:
                raise pytest.UsageError(f"not found: {text}")

    def _check_suffixes(self, found_in: Collection[Path]) -> None:
        """Refuse a file that nothing was found in, and which pytest passes over or does not know what to do with."""
        for path in (argument.path for argument in self._arguments):
            if path.is_file() and path.suffix != ".py" and not may_hold_rows(path) and path not in found_in:
                raise pytest.UsageError(f"{path.name}: cases are in files named .jsonl, .ndjson or .json (or .gz)")


def _is_named(item: pytest.Item, argument: Argument) -> bool:
    if argument.path != item.path and argument.path not in item.path.parents:
        return False
    if not argument.name:
        return True
    if isinstance(item, CaseItem):
        return argument.name in (item.name, item.job.case.id)
    file = item.getparent(pytest.File)  # type: ignore[type-abstract]
    rest = item.nodeid.removeprefix(f"{file.nodeid}::" if file else "")
    return rest == argument.name or rest.startswith((f"{argument.name}::", f"{argument.name}["))
