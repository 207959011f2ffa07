"""LoRA fine-tuning of a base model on a suite's cases."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pytest_edgejson.prompts import render
from pytest_edgejson.training.checkpoints import TrainingError, fingerprint, last_checkpoint
from pytest_edgejson.training.examples import collate, encode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_edgejson.cases import Case
    from pytest_edgejson.training.presets import LoraSettings


def fine_tune(
    base: str,
    cases: Sequence[Case],
    template: str,
    out: Path,
    settings: LoraSettings,
    *,
    checkpoints: Path,
    max_steps: int = -1,
) -> dict[str, Any]:
    """Train an adapter on cases, with the loss on the answers alone and an end of sequence after each.

    A training that was cut off goes on from its last checkpoint, one is made each epoch.

    Args:
        base: hub id or folder of a causal language model.
        cases: what to train on.
        template: template or template name of the prompt, as in models.toml; `v3` is what the published adapters saw.
        out: folder for the adapter and the tokenizer.
        settings: see `LoraSettings`.
        checkpoints: folder for what a resumed training needs.
        max_steps: end after so many optimizer steps; -1 for none.

    Returns:
        `parameters` that were trained, `seconds` of this invocation, `loss` (list of step and mean loss in nats per
        answer token).

    Raises:
        TrainingError: the base cannot be had, has no end of sequence or none of the layers to adapt, a case is longer
            than its context, or the checkpoints are those of a training with other settings.
        OSError: a folder cannot be written.
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments, set_seed

    set_seed(settings.seed)
    try:
        tokenizer = AutoTokenizer.from_pretrained(base)
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, use_safetensors=True)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise TrainingError(
            f"the base {base!r} cannot be loaded: {_first_line(error)}; name a hub id that can be reached, or a folder "
            "with config.json, tokenizer and safetensors that belong together"
        ) from None
    if tokenizer.eos_token_id is None:
        raise TrainingError(f"the tokenizer of {base} has no end of sequence to teach: set its eos_token")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    context = getattr(model.config, "max_position_embeddings", None)
    examples = []
    for case in cases:
        example = encode(render(template, case.prompt), case.expected_output, tokenizer)
        if context is not None and len(example.input_ids) > context:
            raise TrainingError(
                f"{case.id} has {len(example.input_ids)} tokens, the context of {base} holds {context}: leave it out"
            )
        examples.append(example)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(settings.targets),
        task_type="CAUSAL_LM",
    )
    try:
        adapted = get_peft_model(model, config)
    except ValueError as error:
        raise TrainingError(f"{base} cannot be adapted: {_first_line(error)}") from None
    rows = [(case.prompt, case.expected_output) for case in cases]
    checkpoint = last_checkpoint(
        checkpoints,
        {**asdict(settings), "base": base, "template": template, "steps": max_steps, "cases": fingerprint(rows)},
    )
    on_cpu = not torch.cuda.is_available()
    trainer = Trainer(
        model=adapted,
        args=TrainingArguments(
            output_dir=str(checkpoints),
            num_train_epochs=settings.epochs,
            max_steps=max_steps,
            per_device_train_batch_size=settings.batch_size,
            gradient_accumulation_steps=settings.accumulation,
            learning_rate=settings.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=settings.warmup_ratio,
            weight_decay=settings.weight_decay,
            max_grad_norm=settings.max_grad_norm,
            bf16=True,
            use_cpu=on_cpu,
            dataloader_pin_memory=not on_cpu,
            save_strategy="epoch",
            save_total_limit=2,
            logging_steps=1,
            seed=settings.seed,
            report_to=[],
            remove_unused_columns=False,
        ),
        train_dataset=examples,
        data_collator=lambda batch: collate(batch, tokenizer.pad_token_id),
    )
    result = trainer.train(resume_from_checkpoint=checkpoint)
    adapted.save_pretrained(str(out))
    tokenizer.save_pretrained(out)
    return {
        "parameters": sum(weight.numel() for weight in adapted.parameters() if weight.requires_grad),
        "seconds": result.metrics["train_runtime"],
        "loss": [(entry["step"], entry["loss"]) for entry in trainer.state.log_history if "loss" in entry],
    }


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
