"""Evidence: where a case's text says each expected value, and how the value follows from what stands there.

A row may carry it in three keys of its own:

- `evidence`: a list with an entry for each leaf of the expected output: `path`, `start` and `end` of the piece of the
  prompt in code points, and a `rule` of `readings`; the rule `silence` has no piece: null or an empty array, because
  the text says nothing about it;
- `language`: that of the prompt, `en` where it is not given;
- `today`: the ISO date of the day on which the text was written, which the text gives.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.readings import LANGUAGES, RULES, read
from pytest_edgejson.values.jsonvalue import equal, format_path, leaves

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_edgejson.suite.cases import Case
    from pytest_edgejson.suite.readings import Language


def evidence_of(case: Case) -> Mapping[str, Mapping[str, Any]]:
    """Return the entries of a case's evidence by path; empty where the row has none, or something else by that name."""
    entries = case.metadata.get("evidence")
    if not isinstance(entries, list):
        return {}
    return {entry["path"]: entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("path"), str)}


def proved(case: Case) -> frozenset[str]:
    """Return the paths of the leaves that a case's evidence proves."""
    entries = evidence_of(case)
    if not entries or _setting(case) is None:
        return frozenset()
    wrong = {path for path, _ in problems(case)}
    return frozenset(entries.keys() - wrong)


def problems(case: Case) -> Iterator[tuple[str, str]]:
    """Yield path and problem of each entry that proves nothing, and of each leaf without an entry.

    A case without evidence has no problems. What concerns all entries has the path of the root.
    """
    entries = evidence_of(case)
    if not entries:
        return
    setting = _setting(case)
    if setting is None:
        languages = ", ".join(LANGUAGES)
        yield "", f"evidence needs `today`, an ISO date that the text gives, and a `language` of {languages}"
        return
    language, today = setting
    expected = {format_path(path): value for path, value in leaves(case.expected_output).items()}
    for path, value in expected.items():
        entry = entries.get(path)
        if entry is None:
            yield path, f"{path} has no evidence"
            continue
        start, end, rule = entry.get("start"), entry.get("end"), entry.get("rule")
        if rule == "silence":
            if value not in (None, []):
                yield path, f"{path} is {value!r}, which the rule silence cannot prove"
        elif not (isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(case.prompt)):
            yield path, f"the evidence of {path} is no piece of the prompt"
        elif rule not in RULES:
            yield path, f"the evidence of {path} has the rule {rule!r}; use one of {', '.join((*RULES, 'silence'))}"
        elif rule != "meaning" and not equal(read(rule, case.prompt[start:end], language, today), value):
            yield path, f"the evidence of {path}, {case.prompt[start:end]!r}, is not {value!r} by the rule {rule}"
    for path in entries.keys() - expected.keys():
        yield path, f"there is evidence of {path}, which is not expected"


def _setting(case: Case) -> tuple[Language, date] | None:
    """Return the language of a case and the day on which it was written; None where either is not known."""
    from pytest_edgejson.values.dates import moments_in

    language = case.metadata.get("language", "en")
    try:
        today = date.fromisoformat(case.metadata["today"])
    except (KeyError, TypeError, ValueError):
        return None
    is_there = any(moment.date() == today for moment in moments_in(case.prompt))
    return (language, today) if is_there and language in LANGUAGES else None
