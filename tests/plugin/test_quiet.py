"""A project that merely has the plugin installed notices nothing of it."""

from __future__ import annotations

import pytest

HEAVY = [
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "numpy",
    "scipy",
    "tabulate",
    "jsonschema",
    "faker",
    "sqlite3",
    "xdist",
    "pytest_edgejson.backends.interface",
    "pytest_edgejson.plugin.node_ids",
    "pytest_edgejson.plugin.session",
    "pytest_edgejson.suite.json_rows",
    "pytest_edgejson.values.text",
    "pytest_edgejson.plugin.nodes",
]


def test_a_plain_run_imports_nothing_heavy_and_writes_nothing(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(
        f"""
        import sys

        def test_own():
            assert "pytest_edgejson.plugin.hooks" in sys.modules
            assert not [name for name in {HEAVY} if name in sys.modules]
        """
    )
    (pytester.path / "rows.jsonl").write_text('{"id": "a", "prompt": "b"}\n', encoding="utf-8")
    before = sorted(path.name for path in pytester.path.iterdir())
    # Other plugins import what they like.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    result = pytester.runpytest_subprocess("-p", "pytest_edgejson.plugin.hooks", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    assert "edgejson" not in result.stdout.str().replace("plugins: edgejson", "")
    # A run in a subprocess makes its temporary folders here too.
    made = ("__pycache__", "runpytest", "stdout", "stderr")
    after = sorted(path.name for path in pytester.path.iterdir() if not path.name.startswith(made))
    assert after == before


@pytest.mark.parametrize(
    ("hook", "heavy"),
    [
        ("pytest_collection_finish", "torch transformers peft scipy tabulate"),
        ("pytest_unconfigure", "torch transformers peft"),
    ],
    ids=["until cases are collected", "until recorded answers are scored"],
)
def test_what_is_imported(pytester: pytest.Pytester, hook: str, heavy: str) -> None:
    pytester.makeconftest(
        f"""
        import sys

        def {hook}():
            assert not [name for name in {heavy.split()} if name in sys.modules]
        """
    )
    result = pytester.runpytest_subprocess("--edgejson-model=control:gold", "-k", "invoice")
    assert result.ret == 0
    assert "Traceback" not in result.stderr.str()
    result.assert_outcomes(passed=5, deselected=153)
