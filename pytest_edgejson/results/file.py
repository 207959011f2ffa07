"""The file of a run: its manifest, its results and the schemas they were validated with, a JSON line each.

The schema of the lines is `results.schema.json` beside this module.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pytest_edgejson.results.result import Result, case_fingerprint, dumps, suite_fingerprint
from pytest_edgejson.suite.json_rows import CaseError, decode_row, holds_other, raw_rows
from pytest_edgejson.suite.suites import Suite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pytest_edgejson.suite.schemas import Schema

# As `dumps` begins a manifest.
_BEGINNING = b'{"edgejson":'

SCHEMA_FILE = Path(__file__).with_name("results.schema.json")


class ResultsError(ValueError):
    """A results file that cannot be written or read. The message names file, line and fix."""


def refuse_to_replace(path: Path) -> None:
    """Refuse to write results over a file that holds something else.

    Raises:
        ResultsError: there is a file at the place, and it holds no results.
    """
    if holds_other(path, _BEGINNING):
        raise ResultsError(f"{path} holds no results, and would be replaced: name another file")


class ResultsWriter:
    """Writes a results file line by line, beside its place, and moves it there when the run ends; `.gz` compressed.

    Beside the manifest and the results it holds each schema once, before the first result that was validated with it.
    A run that is killed leaves what it finished in `FILE.partial`, and an earlier FILE as it was. A link is written
    through: FILE is then what it leads to.

    Args:
        path: the file.
        manifest: what is known of the run before it starts.
        suffix: follows the name until the file is in its place.

    Raises:
        ResultsError: the file cannot be written.
    """

    def __init__(self, path: Path, manifest: Mapping[str, Any], suffix: str = ".partial") -> None:
        self.path = path
        self._manifest = manifest
        self._suite: set[str] = set()
        self._compared: dict[str, Any] = {}
        self._schemas: set[str] = set()
        # What a link leads to is replaced, and not the link.
        self._place = Path(os.path.realpath(path)) if path.is_symlink() else path
        self._partial = self._place.with_name(self._place.name + suffix)
        try:
            if path.exists() and not path.is_file():
                raise OSError(errno.EINVAL, "it is a folder" if path.is_dir() else "it is no regular file")
            refuse_to_replace(path)
            self._place.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._partial.open("w+", encoding="utf-8")
        except OSError as error:
            raise ResultsError(f"cannot write {path}: {error.strerror}; name a writable file") from None
        self._write(manifest)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ResultsError(
                f"cannot write {self.path}: {error.strerror}; make room and run again: {self._partial} keeps what was "
                "written"
            ) from None

    def _write(self, line: Mapping[str, Any]) -> None:
        with self._writing():
            self._file.write(dumps(line) + "\n")
            self._file.flush()

    def add(self, result: Result, schema: Schema) -> None:
        """Write a result at once.

        Args:
            result: what came out.
            schema: the one it was validated with.

        Raises:
            ResultsError: it cannot be written, as where the disk is full.
        """
        if result["schema_sha256"] not in self._schemas:
            self._schemas.add(result["schema_sha256"])
            document = {"id": schema.id, "complexity": schema.complexity, "sha256": schema.fingerprint}
            self._write({"schema": document | {"document": schema.document}})
        self._suite.add(case_fingerprint(result))
        if how := {key: result[key] for key in ("comparators", "accept") if key in result}:
            self._compared[result["case_id"]] = how
        self._write(result)

    def leave(self) -> Path | None:
        """Let what a run finished that was cut off lie beside the file's place.

        Returns:
            Where it is; None where nothing was finished, and nothing is left.
        """
        # What could not be written is still to be written.
        with suppress(OSError):
            self._file.close()
        if self._suite:
            return self._partial
        self._partial.unlink()
        return None

    def close(self, gates: Sequence[Mapping[str, Any]] = (), *, is_finished: bool = True) -> None:
        """Put the file in its place, its manifest completed with what only the end of the run knows.

        Args:
            gates: what each gate said, as JSON builtins.
            is_finished: whether the run came to its end; else the manifest stays that of one that was cut off.

        Raises:
            ResultsError: it cannot be written, as where the disk is full.
        """
        finished: dict[str, Any] = {
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "cases": len(self._suite),
            "suite_sha256": suite_fingerprint(self._suite),
            "gates": list(gates),
        }
        if self._compared:
            compared = json.dumps(self._compared, sort_keys=True, separators=(",", ":"))
            finished["comparators_sha256"] = hashlib.sha256(compared.encode()).hexdigest()
        whole = self._place.with_name(self._place.name + ".tmp")
        try:
            with self._writing():
                with (gzip.open if self.path.suffix.lower() == ".gz" else open)(whole, "wt", encoding="utf-8") as file:
                    file.write(dumps({**self._manifest, **(finished if is_finished else {})}) + "\n")
                    self._file.seek(0)
                    self._file.readline()
                    shutil.copyfileobj(self._file, file)
                whole.replace(self._place)
        except ResultsError:
            whole.unlink(missing_ok=True)
            raise
        self._file.close()
        self._partial.unlink()


@dataclass(frozen=True, slots=True)
class Run:
    """What a results file holds.

    Attributes:
        path: the file.
        manifest: its first line.
        results: in the order of the file.
        schemas: the schemas that results were validated with, by `schema_sha256`.
    """

    path: Path
    manifest: Mapping[str, Any]
    results: tuple[Result, ...]
    schemas: Mapping[str, Schema]

    @property
    def suite(self) -> Suite:
        """The suite, as the manifest has it."""
        return Suite.from_dict(self.manifest.get("suite"))

    @property
    def models(self) -> list[str]:
        """The names of the models, in the order of the file."""
        return list(dict.fromkeys(result["model"] for result in self.results))


def read_run(path: Path) -> Run:
    """Read a results file, or what a killed run left of one in `FILE.partial`.

    Raises:
        ResultsError: the file cannot be read, or a line is not what `results.schema.json` says. A last line that was
            cut off when the run was killed is passed over.
    """
    from pytest_edgejson.suite.schemas import SchemaError, make_schema

    manifest: dict[str, Any] | None = None
    results: list[Result] = []
    schemas: dict[str, Schema] = {}
    validate = _line_validator(path)
    try:
        for number, raw in raw_rows(path):
            try:
                line = decode_row(raw, path, number)
            except CaseError:
                if manifest is not None and isinstance(raw, bytes) and not raw.endswith(b"\n"):
                    break
                raise
            if line is None:
                continue
            if manifest is None:
                validate("manifest", line, number)
                manifest = line
            elif "schema" in line and "case_id" not in line:
                validate("schema", line, number)
                given = line["schema"]
                name = f"{path}:{number}"
                schemas[given["sha256"]] = make_schema(given["id"], given["complexity"], given["document"], name)
            else:
                validate("result", line, number)
                results.append(cast("Result", line))
    except CaseError as error:
        raise ResultsError(str(error)) from None
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read: {error.strerror}") from None
    except SchemaError as error:
        raise ResultsError(str(error)) from None
    if manifest is None or not results:
        raise ResultsError(f"{path}: holds no results; make some with pytest --edgejson-results=FILE.jsonl")
    return Run(path, manifest, tuple(results), schemas)


def _line_validator(path: Path) -> Callable[[str, Mapping[str, Any], int], None]:
    from jsonschema import Draft202012Validator
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]

    document = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    names = {
        "manifest": "the first line of a results file is its manifest",
        "schema": "this line should hold a schema",
        "result": "this line should be a result",
    }
    validators = {
        name: Draft202012Validator({"$defs": document["$defs"], **document["$defs"][name]}, registry=REGISTRY)
        for name in names
    }

    def validate(name: str, line: Mapping[str, Any], number: int) -> None:
        error = next(validators[name].iter_errors(line), None)
        if error is not None:
            where = ".".join(map(str, error.absolute_path))
            what = f"{where}: " * bool(where) + error.message[:200]
            raise ResultsError(f"{path}:{number}: {names[name]}, but {what}")

    return validate
