"""The store: completions kept by content, so that nothing is generated twice."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Self

from pytest_edgejson.backends import Completion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pytest_edgejson.backends import GenerationSettings

SCHEMA_VERSION = 1
# Marks a file as ours ("EdgJ"), so that another program's database is refused instead of written into.
_APPLICATION_ID = 0x4564674A
# Another process holds the lock for one insert; a minute means that something is wrong, not that it is busy.
_BUSY_S = 60.0
# SQLite allows at least 999 variables in one statement.
_CHUNK = 500
# What broke once may work the next time; everything else would come out the same again.
_NOT_STORED = frozenset({"error", "timeout"})


class StoreError(Exception):
    """A store that cannot be used. The message is one line that names the file and the fix."""


def store_key(
    fingerprint: str, text: str, settings: GenerationSettings, repeat: int = 1, constraint: str | None = None
) -> str:
    """Return the key of a completion: a hash of everything that decides it.

    Args:
        fingerprint: the backend's.
        text: the rendered prompt.
        settings: all of them count.
        repeat: 1-based.
        constraint: what the answer is held to while it is generated, such as a grammar; None for nothing.

    Returns:
        64 hexadecimal digits.
    """
    content = {
        "fingerprint": fingerprint,
        "text": text,
        "settings": asdict(settings),
        "repeat": repeat,
        "constraint": constraint,
    }
    # ASCII throughout: a text may hold lone surrogates, which no encoding takes.
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


class Store:
    """Completions by key, in a file that several processes may share, or in memory.

    A completion is on its way to the disk when `put` returns: a process killed afterwards has not lost it.

    Args:
        path: the file, made when missing, with its folder; None keeps everything in memory.

    Raises:
        StoreError: the file is not a store, is damaged, was written by a newer version, or cannot be opened.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        with self._mended():
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                ":memory:" if path is None else path, timeout=_BUSY_S, isolation_level=None
            )
        try:
            with self._mended():
                self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def get_many(self, keys: Iterable[str]) -> dict[str, Completion]:
        """Return the completions there are, by key. Each carries the key it was asked for.

        Raises:
            StoreError: the file cannot be read or is damaged.
        """
        wanted = list(dict.fromkeys(keys))
        found: dict[str, Completion] = {}
        with self._mended():
            for start in range(0, len(wanted), _CHUNK):
                chunk = wanted[start : start + _CHUNK]
                marks = ",".join("?" * len(chunk))
                rows = self._connection.execute(
                    f"SELECT key, completion FROM completions WHERE key IN ({marks})",
                    chunk,
                )
                for key, data in rows:
                    found[key] = replace(Completion.from_dict(json.loads(data)), key=key)
        return found

    def put(self, key: str, completion: Completion) -> None:
        """Keep a completion, at once. One that broke or ran out of time is not kept.

        Raises:
            StoreError: the file cannot be written or is damaged.
        """
        if completion.finish_reason in _NOT_STORED:
            return
        data = json.dumps(completion.as_dict(), ensure_ascii=True)
        with self._mended():
            self._connection.execute("INSERT OR REPLACE INTO completions VALUES (?, ?)", (key, data))

    def close(self) -> None:
        """Close the file. Closing twice does no harm."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prepare(self) -> None:
        if self._path is not None:
            self._enable_wal()
        # In WAL mode NORMAL survives any crash of the process; only a power cut may cost the last few completions.
        self._connection.execute("PRAGMA synchronous = NORMAL")
        # The write lock makes two processes that both find an empty file take turns.
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._check_version()
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _enable_wal(self) -> None:
        # SQLite does not wait for a lock here, whatever the timeout says.
        deadline = time.monotonic() + _BUSY_S
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return

    def _check_version(self) -> None:
        tables = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        application = self._pragma("application_id")
        version = self._pragma("user_version")
        if not tables and not application and not version:
            self._connection.execute("CREATE TABLE completions (key TEXT PRIMARY KEY, completion TEXT NOT NULL)")
            self._connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        elif application != _APPLICATION_ID:
            raise StoreError(f"{self._path} is another program's database: choose another file with --edgejson-store")
        elif version != SCHEMA_VERSION:
            raise StoreError(
                f"{self._path} was written by another version of pytest-edgejson (store version {version}, this one "
                f"reads {SCHEMA_VERSION}): delete the file, or choose another with --edgejson-store"
            )

    def _pragma(self, name: str) -> Any:
        return self._connection.execute(f"PRAGMA {name}").fetchone()[0]

    @contextlib.contextmanager
    def _mended(self) -> Iterator[None]:
        """Turn what SQLite and the file system raise into a line that says what to do."""
        path = self._path
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"{path} cannot be used as a store: {error.strerror or error}; choose another with --edgejson-store"
            ) from error
        except sqlite3.OperationalError as error:
            raise StoreError(
                f"{path} cannot be used as a store: {error}; choose another with --edgejson-store"
            ) from error
        except sqlite3.ProgrammingError:
            raise
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:
            raise StoreError(
                f"{path} is no store, or a damaged one ({error}): delete the file, or choose another with "
                "--edgejson-store"
            ) from error
