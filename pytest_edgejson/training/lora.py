"""LoRA fine-tuning of a base model on a suite's cases."""

from __future__ import annotations

import contextlib
import json
import random
import time
from dataclasses import asdict
from functools import partial
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.prompts import parse_template
from pytest_edgejson.training.base import base_fingerprint, find_base, load_base
from pytest_edgejson.training.checkpoints import TrainingError, fingerprint, last_checkpoint, writing
from pytest_edgejson.training.examples import Example, collate, encode, trained_on

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_edgejson.suite.files import CaseRow
    from pytest_edgejson.training.presets import LoraSettings

# Parameters. Those of a few million take longest to begin a pass, which many cases share.
_LARGE = 50_000_000


def fine_tune(
    base: str,
    rows: Sequence[CaseRow],
    template: str,
    out: Path,
    settings: LoraSettings,
    *,
    checkpoints: Path,
    validation: Sequence[CaseRow] = (),
    patience: int = 3,
    skip_long: bool = False,
    max_steps: int = -1,
) -> dict[str, Any]:
    """Train an adapter on cases, with the loss on the answers alone and an end of sequence after each.

    A training that was cut off goes on from its last checkpoint and ends in the same weights. One is made each epoch.

    Args:
        base: hub id or folder of a causal language model.
        rows: what to train on.
        template: template or template name of the prompt, as in models.toml; `v3` is what the published adapters saw.
        out: folder for the adapter, in half precision, and the tokenizer.
        settings: see `LoraSettings`.
        checkpoints: folder for what a resumed training needs.
        validation: cases that each checkpoint answers; the best one becomes the adapter, else the last.
        patience: evaluations without a better one that end the training.
        skip_long: leave cases out that are longer than the base's context.
        max_steps: end after so many optimizer steps; -1 for none.

    Returns:
        `parameters` that were trained, `seconds` of this invocation, `step` of the checkpoint that became the adapter,
        `cases` that were trained on, `validation_cases`, `skipped` ones of both, `loss` (list of step and mean loss in
        nats per answer token) and `validation` (list of `step`, `json_exact` and `field_f1`).

    Raises:
        TrainingError: the base cannot be had, has no end of sequence, a case is longer than its context, a validation
            case cannot be answered, the checkpoints are those of a training with other settings, or a folder cannot
            be written.
        OSError: the folder of the checkpoints cannot be made.
    """
    from safetensors.torch import load_file, save
    from transformers import TrainerState, set_seed

    from pytest_edgejson.training.display import Progress, quiet_libraries
    from pytest_edgejson.training.trainer import loss_curve, make_trainer
    from pytest_edgejson.training.validation import Validation

    started = time.perf_counter()
    with quiet_libraries(), contextlib.closing(Progress()) as progress:
        set_seed(settings.seed)
        files = find_base(base)
        tokenizer, model = load_base(base, files)
        limit = getattr(model.config, "max_position_embeddings", None)
        encoded = partial(_encode, template=template, tokenizer=tokenizer, base=base, limit=limit, skip_long=skip_long)
        rows, examples, skipped = encoded(rows)
        validation, _, skipped_there = encoded(validation)
        # The sampler draws the same order for any seed.
        random.Random(settings.seed).shuffle(examples)
        adapted = _adapt(model, settings)
        checkpoint = last_checkpoint(
            checkpoints,
            {
                **asdict(settings),
                "base": base_fingerprint(files),
                "template": template,
                "steps": max_steps,
                "cases": _fingerprint(rows, template),
                "validation": _fingerprint(validation, template),
            },
        )
        evaluations = (
            Validation(files.model, template, validation, checkpoints, patience, progress) if validation else None
        )
        at_once, passes = _passes(model, settings, len(examples))
        trainer = make_trainer(
            adapted,
            # The sampler finds lengths in dictionaries only.
            [asdict(example) for example in examples],
            partial(_collate, pad_token_id=tokenizer.pad_token_id),
            [progress] if evaluations is None else [progress, evaluations],
            checkpoints,
            num_train_epochs=settings.epochs,
            max_steps=max_steps,
            per_device_train_batch_size=at_once,
            gradient_accumulation_steps=passes,
            # Only within a step: which cases are in it is as random as without.
            train_sampling_strategy="batch_rebalance",
            learning_rate=settings.learning_rate,
            warmup_steps=settings.warmup_ratio,
            weight_decay=settings.weight_decay,
            max_grad_norm=settings.max_grad_norm,
            save_strategy="epoch",
            logging_steps=1,
            seed=settings.seed,
        )
        with writing(checkpoints, checkpoints):
            if evaluations is not None and checkpoint is not None and evaluations.resume(Path(checkpoint)):
                trainer.state = TrainerState.load_from_json(str(Path(checkpoint) / "trainer_state.json"))
            else:
                trainer.train(resume_from_checkpoint=checkpoint)
        step = trainer.state.global_step if evaluations is None else evaluations.best.step
        with writing(out, checkpoints):
            out.mkdir(parents=True, exist_ok=True)
            chosen = checkpoints / f"checkpoint-{step}"
            tensors = load_file(chosen / "adapter_model.safetensors")
            halves = {name: tensor.half() for name, tensor in tensors.items()}
            (out / "adapter_model.safetensors").write_bytes(save(halves, metadata={"format": "pt"}))
            config = json.loads((chosen / "adapter_config.json").read_text(encoding="utf-8"))
            # In a checkpoint it is where the base lies on this machine.
            config["base_model_name_or_path"] = base
            (out / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
            tokenizer.save_pretrained(out)
    return {
        "parameters": sum(weight.numel() for weight in adapted.parameters() if weight.requires_grad),
        "seconds": time.perf_counter() - started,
        "step": step,
        "cases": len(rows),
        "validation_cases": len(validation),
        "skipped": skipped + skipped_there,
        "loss": loss_curve(trainer),
        "validation": [] if evaluations is None else [asdict(evaluation) for evaluation in evaluations.found],
    }


def _encode(
    rows: Sequence[CaseRow], *, template: str, tokenizer: Any, base: str, limit: int | None, skip_long: bool
) -> tuple[list[CaseRow], list[Example], int]:
    """Return the cases that are not longer than the base's context, their examples, and how many are.

    Raises:
        TrainingError: some are and must not be left out, or all are.
    """
    asked = [parse_template(template).fill(row.case.prompt, row.schema.document) for row in rows]
    encoded = [(row, encode(text, row.case.expected_output, tokenizer)) for row, text in zip(rows, asked, strict=True)]
    fitting = [(row, example) for row, example in encoded if limit is None or len(example.input_ids) <= limit]
    long = [(row, len(example.input_ids)) for row, example in encoded if limit and len(example.input_ids) > limit]
    if long and (not skip_long or not fitting):
        row, length = min(long, key=lambda one: (one[0].path, one[0].case.line))
        fix = "--skip-long leaves them out" if fitting else "name a base with a longer one"
        raise TrainingError(
            f"{row.path}:{row.case.line}: {row.case.id} has {length:,} tokens with its answer, the context of {base} "
            f"holds {limit:,}; {len(long)} of {len(rows)} cases are too long: {fix}"
        )
    return [row for row, _ in fitting], [example for _, example in fitting], len(long)


def _passes(model: Any, settings: LoraSettings, cases: int) -> tuple[int, int]:
    """Return the cases of a forward pass, and the passes of an optimizer step: as the settings say, or one case a pass.

    On a CPU the activations of several cases of a large model leave its caches: a pass of one case of SmolLM2-135M took
    0.65 of the time per case of a pass of four. There are no more passes than all cases take: the sampler fills a step
    that has too few for all its passes with the same cases again.
    """
    import torch

    at_once, passes = settings.batch_size, settings.accumulation
    if not torch.cuda.is_available() and model.num_parameters() >= _LARGE:
        at_once, passes = 1, at_once * passes
    return at_once, min(passes, ceil(cases / at_once))


def _adapt(model: Any, settings: LoraSettings) -> Any:
    from peft import LoraConfig, get_peft_model

    layers = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    return get_peft_model(
        model,
        LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,
            lora_dropout=settings.dropout,
            target_modules=list(settings.targets) if layers.issuperset(settings.targets) else "all-linear",
            task_type="CAUSAL_LM",
        ),
    )


def _collate(rows: list[dict[str, Any]], *, pad_token_id: int) -> dict[str, Any]:
    return trained_on(collate([Example(**row) for row in rows], pad_token_id))


def _fingerprint(rows: Sequence[CaseRow], template: str) -> str:
    shows_schemas = parse_template(template).needs_schema
    return fingerprint(
        [
            (row.case.prompt, row.case.expected_output, *([row.schema.fingerprint] if shows_schemas else []))
            for row in rows
        ]
    )
