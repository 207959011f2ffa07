"""Early stopping: each checkpoint answers the validation cases, through the backend and scorer of a benchmark run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainerCallback

from pytest_edgejson.backends.interface import BackendError, GenerationSettings, LoadOptions, Request
from pytest_edgejson.backends.local.transformers import load
from pytest_edgejson.backends.spec import ModelSpec
from pytest_edgejson.scoring.extraction import extract
from pytest_edgejson.scoring.score import score
from pytest_edgejson.training.checkpoints import TrainingError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_edgejson.scoring.score import Score
    from pytest_edgejson.suite.files import CaseRow
    from pytest_edgejson.training.display import Progress

_FILE = "validation.json"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How a checkpoint answered the validation cases.

    Attributes:
        step: of the checkpoint.
        json_exact: share of exact answers.
        field_f1: mean FieldF1.
    """

    step: int
    json_exact: float
    field_f1: float


class Validation(TrainerCallback):
    """Evaluates each checkpoint once, keeps the best one, and ends the training when none has been better for a while.

    What was found is kept beside the checkpoints, so that a training that goes on knows of it.

    Args:
        base: folder of the base.
        template: template or template name of the prompt.
        rows: the validation cases.
        folder: of the checkpoints.
        patience: evaluations without a better one after which the training ends.
        progress: shows what is done.

    Attributes:
        found: the evaluations, oldest first.
    """

    def __init__(
        self, base: Path, template: str, rows: Sequence[CaseRow], folder: Path, patience: int, progress: Progress
    ) -> None:
        self._base = base
        self._template = template
        self._rows = rows
        self._folder = folder
        self._patience = patience
        self._progress = progress
        self.found: list[Evaluation] = []

    @property
    def best(self) -> Evaluation:
        """The one with the highest JSONExact, then FieldF1; of equal ones the first."""
        return max(self.found, key=lambda evaluation: (evaluation.json_exact, evaluation.field_f1))

    @property
    def _is_over(self) -> bool:
        return len(self.found) > self.found.index(self.best) + self._patience

    def resume(self, checkpoint: Path) -> bool:
        """Take up what was found up to the checkpoint from which the training goes on; evaluate that if need be.

        Returns:
            Whether the training is over already.

        Raises:
            TrainingError: the cases cannot be answered.
        """
        try:
            found = [Evaluation(**entry) for entry in json.loads((self._folder / _FILE).read_text(encoding="utf-8"))]
        except (OSError, ValueError, TypeError):
            found = []
        step = int(checkpoint.name.rpartition("-")[2])
        self.found = [evaluation for evaluation in found if evaluation.step <= step]
        if not any(evaluation.step == step for evaluation in self.found):
            self._evaluate(step)
        return self._is_over

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Let the Trainer keep the best checkpoint of before."""
        self._protect(state)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Evaluate the checkpoint."""
        self._evaluate(state.global_step)
        self._protect(state)
        control.should_training_stop |= self._is_over

    def _protect(self, state: Any) -> None:
        # The Trainer deletes all checkpoints but the newest and what it takes for the best.
        if self.found:
            state.best_global_step = self.best.step
            state.best_metric = self.best.json_exact
            state.best_model_checkpoint = str(self._folder / f"checkpoint-{self.best.step}")

    def _evaluate(self, step: int) -> None:
        adapter = self._folder / f"checkpoint-{step}"
        # An adapter's weights are drawn at random before they are loaded: the training must not draw others for that.
        with torch.random.fork_rng():
            scores = self._answer(adapter)
        evaluation = Evaluation(step, fmean(one.json_exact for one in scores), fmean(one.field_f1 for one in scores))
        self.found.append(evaluation)
        whole = self._folder / f"{_FILE}.tmp"
        whole.write_text(json.dumps([asdict(entry) for entry in self.found]), encoding="utf-8")
        whole.replace(self._folder / _FILE)
        exact = sum(one.json_exact for one in scores)
        best = "the best so far" if self.best is evaluation else f"the best was step {self.best.step}"
        self._progress.say(
            f"step {step}: JSONExact {100 * evaluation.json_exact:.1f} % ({exact} of {len(scores)} validation cases), "
            f"FieldF1 {evaluation.field_f1:.3f}, {best}"
        )

    def _answer(self, adapter: Path) -> list[Score]:
        spec = ModelSpec(adapter.name, model=str(self._base), adapter=str(adapter), prompt=self._template)
        rows = {str(number): row for number, row in enumerate(self._rows)}
        documents = {row.schema.id: dict(row.schema.document) for row in self._rows}
        scores: list[Score] = []
        try:
            backend = load(spec, GenerationSettings(), LoadOptions(schema_documents=documents))
            requests = [Request(key, backend.render(row.case), row.case) for key, row in rows.items()]
            for completion in backend.generate(requests):
                row = rows[completion.key]
                if completion.error is not None:
                    raise TrainingError(f"{row.path}:{row.case.line}: {row.case.id}: {completion.error}")
                expected, schema = row.case.expected_output, row.schema
                extraction = extract(completion.text, "lenient", schema.may_be_answer, roots=schema.roots(expected))
                scores.append(score(expected, extraction, schema, schema.rule_of(row.case)))
                self._progress.show(f"validation {len(scores)}/{len(rows)}")
            backend.close()
        except BackendError as error:
            raise TrainingError(f"the validation cases cannot be answered: {error}") from None
        return scores
