"""Cases by a teacher: objects are generated, any model tells them in words, and what is sound becomes a suite.

The expected output is there before the text, so that it is known. What the teacher wrote is never mended: a text that
does not hold every value is a reject, kept with the reason.
"""

from __future__ import annotations

import json
import re
import sys
from collections import deque
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.interface import BackendError, GenerationSettings, LoadOptions
from pytest_edgejson.backends.progress import Progress
from pytest_edgejson.backends.prompts import parse_template
from pytest_edgejson.backends.registry import load_backend
from pytest_edgejson.backends.runner import Job, Runner
from pytest_edgejson.backends.store import Store, StoreError
from pytest_edgejson.scoring.extraction import extract, without_thoughts
from pytest_edgejson.scoring.thoughts import Marks
from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.audit.texts import Known, Reason, flaw_of
from pytest_edgejson.suite.cases import Case
from pytest_edgejson.suite.files import CaseRow, case_files, read_rows
from pytest_edgejson.suite.make.facts import facts
from pytest_edgejson.suite.make.objects import make_objects
from pytest_edgejson.suite.suites import FILE, SchemaFinder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.suite.make.random_values import Split
    from pytest_edgejson.suite.schemas import Schema

STYLES = ("an e-mail", "a chat message", "a note for a colleague", "a report of a phone call", "a dictated memo")
"""What a teacher is asked for, one after the other."""

_REQUEST = (
    "Write {style} that tells all of the facts below about one {title}. Use every value exactly as it is written "
    "there, in whole sentences, and add no other facts. Answer with the text alone: no list, no headings, no JSON.\n\n"
    "{facts}\n\n"
    "Text:"
)
_PROPOSAL = (
    "Invent one realistic {title} as JSON that is valid under the schema below, with {text} as its {name}. Answer with "
    "the JSON alone.\n\n"
    "Schema: {schema}\n\n"
    "JSON:"
)
_SETTINGS = "teacher.json"
# So many objects in a row that are there already: the schema does not allow many more.
_MOST_REPEATS = 50
_FENCE = re.compile(r"```\w*\n(?P<inside>.*?)\n?```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made.

    Attributes:
        schemas: of the objects, by id.
        teacher: the model that writes the texts.
        out: folder of the suite.
        count: cases wanted.
        most: objects tried at most.
        seed: decides the objects.
        split: the pool of words and names that the objects are made of.
        settings: how the teacher generates.
        against: files and folders of cases that none is to repeat, beside the bundled ones.
        store: file that keeps what the teacher wrote.
        proposes: whether the teacher proposes the objects too, each around a value of a generated one.
    """

    schemas: Mapping[str, Schema]
    teacher: ModelSpec
    out: Path
    count: int
    most: int
    seed: int
    split: Split
    settings: GenerationSettings
    against: Sequence[Path]
    store: Path
    proposes: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """An object, and what became of it.

    Attributes:
        row: the case that it makes; its prompt is what the teacher is asked, and then what the teacher wrote.
        style: what was asked for.
        given: the lines of facts that the teacher was given.
        flaw: why it is no case, and a message; None for one that is.
    """

    row: CaseRow
    style: str
    given: tuple[str, ...]
    flaw: tuple[Reason, str] | None = None

    def with_text(self, text: str, flaw: tuple[Reason, str] | None) -> Candidate:
        """Return the candidate with another text, and what is wrong with it."""
        return replace(self, row=replace(self.row, case=replace(self.row.case, prompt=text)), flaw=flaw)

    def as_dict(self, teacher: str) -> dict[str, Any]:
        """Return the line of the case, or of the reject."""
        case = self.row.case
        shared = {"schema_id": case.schema_id, "prompt": case.prompt, "expected_output": case.expected_output}
        made = {"teacher": teacher, "style": self.style}
        if self.flaw is None:
            return {"id": case.id, **shared, **made}
        # No case to anyone who reads the folder.
        return {"case_id": case.id, "reason": self.flaw[0], "message": self.flaw[1], **shared, **made}


def generate_suite(plan: Plan) -> list[Candidate]:
    """Write a suite of as many cases as are wanted, or as the objects that may be tried make: `cases.jsonl`, the
    schemas, `suite.toml`, and `rejects.jsonl`.

    The same plan goes on where it was cut off, and asks the teacher nothing twice.

    Returns:
        All that was tried, in order.

    Raises:
        ValueError: the teacher cannot be had or run, the folder or the store is of another plan, or a schema cannot be
            used.
        OSError: a file cannot be read or written.
    """
    known = Known(
        row
        for row in read_rows(case_files([bundled.TEST_CASES, bundled.TRAIN_CASES, *plan.against]), SchemaFinder())
        if isinstance(row, CaseRow)
    )
    spec = replace(plan.teacher, prompt=_as_it_is(plan.teacher.prompt), shots=0)
    try:
        runner = Runner(
            {spec.name: spec},
            {spec.name: plan.settings},
            lambda _: load_backend(spec, plan.settings, LoadOptions()),
            Store(plan.store),
            Progress(_say),
        )
        try:
            _begin(plan, runner.backend(spec.name).fingerprint)
            generation = _Generation(plan, spec, runner, known)
            generation.run()
            return generation.tried
        finally:
            runner.close()
    except (BackendError, StoreError) as error:
        raise ValueError(str(error)) from None


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _as_it_is(prompt: str) -> str:
    """Return the template that asks a teacher what a case says, as a chat where it is one."""
    return ("chat:" if parse_template(prompt).chat else "") + "{prompt}"


def _begin(plan: Plan, fingerprint: str) -> None:
    """Write what is there before the first case: schemas, suite.toml, and what decides the candidates."""
    settings = {
        "teacher": plan.teacher.name,
        "fingerprint": fingerprint,
        "seed": plan.seed,
        "split": plan.split,
        "proposes": plan.proposes,
        "temperature": plan.settings.temperature,
        "max_new_tokens": plan.settings.max_new_tokens,
        "schemas": {schema.id: schema.fingerprint for schema in plan.schemas.values()},
    }
    file = plan.out / _SETTINGS
    text = json.dumps(settings, indent=2) + "\n"
    others = (plan.out / "cases.jsonl", plan.out / "rejects.jsonl")
    if file.exists() and file.read_text(encoding="utf-8") != text:
        was = json.loads(file.read_text(encoding="utf-8"))
        key = next((key for key in settings if was.get(key) != settings[key]), _SETTINGS)
        raise ValueError(f"{plan.out}: holds cases that were made with another {key}: name another folder with --out")
    if not file.exists() and any(other.exists() for other in others):
        raise ValueError(f"{plan.out}: holds cases already; nothing is written over: name another folder with --out")
    for schema in plan.schemas.values():
        copy = plan.out / "schemas" / schema.complexity / f"{schema.id}.json"
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(Path(schema.source).read_bytes())
    if not (plan.out / FILE).exists():
        said = json.dumps(f"texts by {plan.teacher.name} for generated objects, seed {plan.seed}")
        (plan.out / FILE).write_text(f'version = "1"\ndescription = {said}\n', encoding="utf-8")
    file.write_text(text, encoding="utf-8")


class _Generation:
    """Tries objects until there are enough cases.

    Attributes:
        tried: what became of each, in order.
    """

    def __init__(self, plan: Plan, spec: ModelSpec, runner: Runner, known: Known) -> None:
        self._plan = plan
        self._model = spec.name
        self._runner = runner
        self._known = known
        self._repeats = dict.fromkeys(plan.schemas, 0)
        self.tried: list[Candidate] = []

    def run(self) -> None:
        drawn = self._draw()
        while (missing := self._plan.count - sum(each.flaw is None for each in self.tried)) > 0:
            batch = list(islice(drawn, min(missing, self._plan.most - len(self.tried))))
            if not batch:
                return
            if self._plan.proposes:
                batch = [*self._asked(batch, " object", self._proposed)]
            batch = [each if each.flaw else self._new(each) for each in batch]
            try:
                self.tried += self._asked(batch, "", self._told)
            finally:
                _write(self._plan, self.tried)

    def _draw(self) -> Iterator[Candidate]:
        """Yield objects of the schemas in turn, with what the teacher is asked first."""
        schemas = self._plan.schemas.values()
        waiting = deque((schema, make_objects(schema, self._plan.seed, self._plan.split), 0) for schema in schemas)
        while waiting:
            schema, objects, number = waiting.popleft()
            if self._repeats[schema.id] < _MOST_REPEATS:
                waiting.append((schema, objects, number + 1))
                value = next(objects)
                name, text = next(iter(facts(value)), ("value", ""))
                document = json.dumps(schema.document, ensure_ascii=False)
                asked = _PROPOSAL.format(title=_title(schema), schema=document, name=name, text=text)
                case = Case(f"{schema.id}-{number + 1:04d}", schema.id, schema.complexity, asked, value)
                yield Candidate(CaseRow(self._plan.out / "cases.jsonl", case, schema), STYLES[number % len(STYLES)], ())

    def _asked(
        self, batch: Sequence[Candidate], what: str, take: Callable[[Candidate, str], Candidate]
    ) -> Iterator[Candidate]:
        """Yield candidates with what the teacher answers to their prompts; those with a flaw as they are."""
        asked = [each for each in batch if each.flaw is None]
        jobs = {id(each): Job(f"{each.row.case.id}{what}", self._model, each.row.case) for each in asked}
        for each in batch:
            job = jobs.get(id(each))
            if job is None:
                yield each
                continue
            completion = self._runner.completion(job, lambda: list(jobs.values()))
            text, _ = without_thoughts(completion.text, Marks(self._plan.settings.thoughts))
            if completion.finish_reason in ("error", "timeout"):
                yield each.with_text("", ("error", completion.error or completion.finish_reason))
            elif completion.finish_reason in ("length", "loop"):
                yield each.with_text(text, ("cut_off", f"the text has no end: {completion.finish_reason}"))
            elif not text.strip():
                yield each.with_text("", ("empty", "the teacher wrote nothing"))
            else:
                yield take(each, text)

    def _proposed(self, candidate: Candidate, text: str) -> Candidate:
        """Return a candidate with the object that the teacher proposes in the place of the generated one."""
        schema, value = candidate.row.schema, candidate.row.case.expected_output
        found = extract(text, "lenient", schema.may_be_answer, roots=schema.roots(value))
        if not found.is_found:
            return candidate.with_text(text, ("no_object", "the teacher's proposal holds no such JSON"))
        for violation in schema.violations(found.value):
            message = f"the teacher's proposal: {violation.path or 'the root'} {violation.message}"
            return candidate.with_text(text, ("schema_invalid", message))
        case = replace(candidate.row.case, expected_output=found.value)
        return replace(candidate, row=replace(candidate.row, case=case))

    def _new(self, candidate: Candidate) -> Candidate:
        """Return a candidate with what the teacher is asked to tell, unless its object is there already."""
        schema, value = candidate.row.schema, candidate.row.case.expected_output
        flaw = self._known.repeated_object(candidate.row)
        self._repeats[schema.id] = self._repeats[schema.id] + 1 if flaw else 0
        if flaw is not None:
            return candidate.with_text("", flaw)
        lines = tuple(f"- {name}: {text}" for name, text in facts(value))
        request = _REQUEST.format(style=candidate.style, title=_title(schema), facts="\n".join(lines))
        return replace(candidate.with_text(request, None), given=lines)

    def _told(self, candidate: Candidate, text: str) -> Candidate:
        """Return a candidate with the text that the teacher wrote, and what is wrong with that."""
        fence = _FENCE.fullmatch(text.strip())
        told = candidate.with_text((fence["inside"] if fence else text).strip(), None)
        return replace(told, flaw=flaw_of(told.row, told.given) or self._known.repeated_text(told.row))


def _title(schema: Schema) -> str:
    return str(schema.document.get("title", schema.id)).replace("_", " ")


def _write(plan: Plan, tried: Sequence[Candidate]) -> None:
    for name, chosen in (
        ("cases.jsonl", [each for each in tried if each.flaw is None]),
        ("rejects.jsonl", [each for each in tried if each.flaw is not None]),
    ):
        file = plan.out / name
        if not chosen:
            # A file without a line would be one of cases that were lost.
            file.unlink(missing_ok=True)
            continue
        lines = [json.dumps(each.as_dict(plan.teacher.name), ensure_ascii=False) + "\n" for each in chosen]
        file.write_text("".join(lines), encoding="utf-8", newline="\n")
