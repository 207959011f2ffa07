"""An option of pytest: on the command line, and in its configuration."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def checked(parse: Callable[[str], Any]) -> Callable[[str], str]:
    """Let argparse check a value but keep its text: xdist sends options to its workers, and only builtins travel."""

    def check(text: str) -> str:
        parse(text)
        return text

    # argparse names the type in some of its messages.
    check.__name__ = parse.__name__
    return check


@dataclass(frozen=True, slots=True)
class Option:
    """One option: `--edgejson-NAME` on the command line, `edgejson_NAME` in the configuration.

    Attributes:
        name: of the setting.
        parse: makes the value of a text, or raises `argparse.ArgumentTypeError`.
        help: what `pytest --help` says.
        metavar: what stands for the value there.
        default: the value where the option is not given.
        is_flag: whether it has no value.
        is_list: whether it may be given again.
        is_path: whether the value is a path, relative to where it was written, or to a home folder, `~`.
        without: the text that stands for the option without a value, None where it must have one.
        is_text: whether the value is a text, or `@FILE` for one in a file whose path is such.
    """

    name: str
    parse: Callable[[str], Any]
    help: str
    metavar: str = ""
    default: Any = None
    is_flag: bool = False
    is_list: bool = False
    is_path: bool = False
    without: str | None = None
    is_text: bool = False

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return f"--edgejson-{self.name.replace('_', '-')}"

    @property
    def ini(self) -> str:
        """Its name in the configuration."""
        return f"edgejson_{self.name}"

    def resolve(self, value: Any, folder: Path) -> Any:
        """Return a value whose path, if it has one, is taken from a folder on.

        Raises:
            ValueError: a file cannot be read, or holds no such value.
        """
        if self.is_text:
            from pytest_edgejson.backends.prompts import read_text

            text = read_text(value, folder)
            try:
                self.parse(text)
            except ArgumentTypeError as error:
                raise ValueError(str(error)) from None
            return text
        # A shell leaves `~` as it is behind `=`; Path.expanduser raises where there is no such user.
        return folder / os.path.expanduser(value) if self.is_path else value  # noqa: PTH111
