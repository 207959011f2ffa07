"""The store: nothing is generated twice, and nothing finished is lost."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_edgejson.backends.interface import Completion, GenerationSettings, Message
from pytest_edgejson.backends.store import SCHEMA_VERSION, Store, StoreError, store_key

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = GenerationSettings()


def completion(key: str = "k", text: str = '{"a": 1}') -> Completion:
    return Completion(key, text, "stop", prompt_tokens=3, output_tokens=4, latency_s=0.25)


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    code = "from pathlib import Path\nimport sys\nfrom pytest_edgejson.backends.interface import Completion\n"
    code += "from pytest_edgejson.backends.store import Store\n" + textwrap.dedent(script)
    command = [sys.executable, "-c", code, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def test_the_key_depends_on_everything_that_decides_the_answer() -> None:
    keys = {
        store_key("f", "t", SETTINGS),
        store_key("g", "t", SETTINGS),
        store_key("f", "u", SETTINGS),
        store_key("f", "t", GenerationSettings(max_new_tokens=512)),
        store_key("f", "t", GenerationSettings(stop_at_root=False)),
        store_key("f", "t", GenerationSettings(dtype="float16")),
        store_key("f", "t", GenerationSettings(merge_adapter=False)),
        store_key("f", "t", SETTINGS, 2),
        store_key("f", "t", SETTINGS, 1, "grammar"),
        store_key("ft", "", SETTINGS),
        store_key("f", (Message("user", "t"),), SETTINGS),
        store_key("f", (Message("system", "t"),), SETTINGS),
        store_key("f", (Message("user", "t"), Message("user", "")), SETTINGS),
    }
    assert len(keys) == 13
    assert all(len(key) == 64 for key in keys)
    assert store_key("f", "t", SETTINGS) == store_key("f", "t", GenerationSettings(), 1, None)


def test_what_is_put_can_be_got_by_another_store(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "store.sqlite"
    with Store(path) as store:
        store.put("a", completion("a"))
        store.put("b", completion("b", "text"))
    with Store(path) as store:
        assert store.get_many(["a", "b", "c"]) == {"a": completion("a"), "b": completion("b", "text")}


def test_a_completion_comes_back_under_the_key_it_is_asked_for() -> None:
    with Store() as store:
        store.put("content", completion("case-1[nano]"))
        assert store.get_many(["content"])["content"] == completion("content")


def test_putting_again_replaces() -> None:
    with Store() as store:
        store.put("a", completion("a", "one"))
        store.put("a", completion("a", "two"))
        assert store.get_many(["a"])["a"].text == "two"


def test_more_keys_than_a_statement_takes() -> None:
    with Store() as store:
        for number in range(1200):
            store.put(str(number), completion(str(number), f"text {number}"))
        found = store.get_many(str(number) for number in range(5000))
    assert len(found) == 1200
    assert found["1199"].text == "text 1199"


@pytest.mark.parametrize("reason", ["error", "timeout"])
def test_what_broke_is_not_kept(reason: str) -> None:
    with Store() as store:
        store.put("a", Completion("a", "half", reason, error="broke"))  # type: ignore[arg-type]
        assert store.get_many(["a"]) == {}


@given(st.text(st.characters(codec=None)))
def test_any_text_survives(text: str) -> None:
    with Store() as store:
        store.put("a", completion("a", text))
        assert store.get_many(["a"])["a"].text == text


def test_lone_surrogates_survive_the_file_and_the_key(tmp_path: Path) -> None:
    text = "\ud83d half of a pair \udc00\x00"
    key = store_key("f", text, SETTINGS)
    with Store(tmp_path / "store") as store:
        store.put(key, completion(key, text))
    with Store(tmp_path / "store") as store:
        assert store.get_many([key])[key].text == text


def test_processes_that_open_and_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "store"
    script = """
        name = sys.argv[2]
        print("ready", flush=True)
        sys.stdin.readline()
        with Store(Path(sys.argv[1])) as store:
            for number in range(150):
                store.put(f"{name}-{number}", Completion("", f"{name} {number}", "stop"))
                store.put(f"shared-{number}", Completion("", str(number), "stop"))
    """
    writers = [start(script, path, name) for name in ("left", "right", "third")]
    # All wait until the last is there, so that they meet in making the file.
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        _, errors = writer.communicate(timeout=60)
        assert writer.returncode == 0, errors
    with Store(path) as store:
        for name in ("left", "right", "third"):
            found = store.get_many([f"{name}-{number}" for number in range(150)])
            assert len(found) == 150
        assert len(store.get_many([f"shared-{number}" for number in range(150)])) == 150


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_process_loses_nothing_that_it_put(tmp_path: Path) -> None:
    path = tmp_path / "store"
    writer = start(
        """
        store = Store(Path(sys.argv[1]))
        number = 0
        while True:
            store.put(str(number), Completion("", "x" * 5000, "stop"))
            print(number, flush=True)
            number += 1
        """,
        path,
    )
    assert writer.stdout is not None
    last = -1
    for line in writer.stdout:
        last = int(line)
        if last == 100:
            os.kill(writer.pid, signal.SIGKILL)
            break
    rest, _ = writer.communicate()
    complete = [line for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    last = int(complete[-1]) if complete else last
    with Store(path) as store:
        assert len(store.get_many(str(number) for number in range(last + 1))) == last + 1
        store.put("after", completion("after"))
        assert "after" in store.get_many(["after"])


def assert_refused(path: Path, words: str) -> None:
    with pytest.raises(StoreError, match=words) as caught:
        Store(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "--edgejson-store" in message
    assert "\n" not in message


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "store"
    path.write_text("not a database at all, " * 100)
    assert_refused(path, "no store, or a damaged one .*: delete the file")
    assert path.read_text().startswith("not a database"), "what is not ours is left as it is"


def test_another_programs_database(tmp_path: Path) -> None:
    path = tmp_path / "store"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    assert_refused(path, "another program's database")


def test_a_newer_version(tmp_path: Path) -> None:
    path = tmp_path / "store"
    Store(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    assert_refused(path, f"store version {SCHEMA_VERSION + 1}, this one reads {SCHEMA_VERSION}.*: delete the file")


def test_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with Store(path) as store:
        for number in range(200):
            store.put(str(number), completion(str(number), "x" * 500))
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"damaged one .*: delete the file"), Store(path) as store:
        store.get_many(str(number) for number in range(200))


def test_a_damaged_row(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with Store(path) as store:
        store.put("a", completion("a"))
    connection = sqlite3.connect(path)
    connection.execute("UPDATE completions SET completion = '{'")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match="damaged one"), Store(path) as store:
        store.get_many(["a"])


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    assert_refused(tmp_path, "cannot be used as a store")
    (tmp_path / "file").write_text("")
    assert_refused(tmp_path / "file" / "store", "cannot be used as a store")


def test_closing_twice_does_no_harm() -> None:
    store = Store()
    store.close()
    store.close()
