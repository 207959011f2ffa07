"""What was measured of a model, and the file it is kept in."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pytest_edgejson.values.wording import first_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Of the form of the file.
_VERSION = 1


class MeasurementError(ValueError):
    """A model that cannot be measured, or a file that holds no measurement. The message names the fix."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One case answered, and how long it took.

    Attributes:
        case_id: of the case.
        is_right: whether the answer is exact.
        total_s: seconds from the question to the end of the answer.
        text: the answer.
        prompt_tokens: of the prompt; None where nobody counts them.
        output_tokens: generated; None where nobody counts them.
        first_s: seconds to the first token; None where it cannot be seen.
        first_tokens: how many came with it; 0 where that cannot be told, as with a server.
        error: what broke; None for nothing.
    """

    case_id: str
    is_right: bool
    total_s: float
    text: str = ""
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    first_s: float | None = None
    first_tokens: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Pass:
    """All cases once.

    Attributes:
        began: seconds since 1970, by the machine's clock.
        ended: the same.
        answers: in the order of the cases.
        joules: what was used meanwhile; None where it was not measured.
    """

    began: float
    ended: float
    answers: tuple[Answer, ...]
    joules: float | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured of a model.

    Attributes:
        model: its name.
        backend: what the backend tells of it, such as versions, dtype and bytes.
        machine: what it ran on.
        threads: with which it computed; None where that is not known.
        passes: in their order.
        warm_up: answers before them that do not count.
        max_new_tokens: tokens generated at most.
        created: when, in ISO 8601.
        energy: how it was measured, or why it was not.
        start_s: seconds from nothing, libraries included, to a model that is ready; None where a server has it.
        load_s: seconds to load the model again, its libraries there and its files read before; None likewise.
        peak_bytes: the most memory that the process took, libraries included, since it was loaded again; None likewise.
        idle_bytes: the memory that the process took without the model; None likewise.
    """

    model: str
    backend: Mapping[str, Any]
    machine: Mapping[str, Any]
    threads: int | None
    passes: tuple[Pass, ...]
    warm_up: int
    max_new_tokens: int
    created: str
    energy: str
    start_s: float | None = None
    load_s: float | None = None
    peak_bytes: int | None = None
    idle_bytes: int | None = None


def as_document(measurement: Measurement) -> dict[str, Any]:
    """Return a measurement as JSON builtins."""
    return {"edgejson_measured": _VERSION, **asdict(measurement)}


def read_measurements(file: Path) -> list[Measurement]:
    """Read what `edgejson measure --out FILE` wrote: the measurements of one or several models.

    Raises:
        MeasurementError: the file cannot be read, or holds something else.
    """
    try:
        documents = json.loads(file.read_text(encoding="utf-8"))
        return [_measurement(document) for document in documents]
    except OSError as error:
        raise MeasurementError(f"{file}: cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = first_line(error)
        raise MeasurementError(f"{file}: no file of edgejson measure --out: {what}: name one") from None


def _measurement(document: dict[str, Any]) -> Measurement:
    values = dict(document)
    version = values.pop("edgejson_measured")
    if version != _VERSION:
        raise ValueError(f"it is of version {version}")
    values.pop("figures", None)
    passes = values.pop("passes")
    read = (Pass(**{**each, "answers": tuple(Answer(**answer) for answer in each["answers"])}) for each in passes)
    return Measurement(**values, passes=tuple(read))
