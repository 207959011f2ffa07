"""`edgejson train`: small models and adapters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgejson.cli.arguments import CommandError, positive, rate, seed, share_or_path

if TYPE_CHECKING:
    import argparse

    from pytest_edgejson.cli.arguments import Commands


def add_parser(commands: Commands) -> None:
    """Add the command to those of `edgejson`."""
    train = commands.add_parser(
        "train",
        help="train a small model, or a LoRA adapter on a base",
        description="Train a small base from scratch on general extraction (--size), all weights of a base on records "
        "of the bundled schemas that are generated on the way (--base), or an adapter on a base with cases (--base and "
        "--lora).",
    )
    train.add_argument("--out", type=Path, required=True, help="folder for the model or adapter")
    train.add_argument("--checkpoints", type=Path, help="folder for checkpoints (default: OUT-checkpoints)")
    train.add_argument("--seed", type=seed, default=0, help="decides weights, records and order (default: 0)")
    train.add_argument("--steps", type=positive, help="optimizer steps")
    train.add_argument("--batch-tokens", type=positive, help="tokens of a step, without --lora (default: 4096)")
    train.add_argument("--learning-rate", type=rate, help="peak, in the place of the preset's, the size's or 1.5e-3")
    train.add_argument("--prompt", help="v3, schema, a text or @FILE (default: of the cases' suite, else v3)")
    train.add_argument("--size", help="from scratch: nano-1m or nano-4m")
    train.add_argument("--base", help="hub id, folder, GGUF file or entry of models.toml to begin with")
    train.add_argument("--lora", action="store_true", help="fine-tune an adapter on --base with --cases")
    lora = train.add_argument_group("with --lora")
    lora.add_argument("--cases", type=Path, help="file or folder of cases (default: the bundled train cases)")
    lora.add_argument("--schemas", type=Path, help="folder of schemas (default: the one beside the cases)")
    lora.add_argument("--max-cases", type=positive, metavar="N", help="train on N cases, of all schemas alike")
    lora.add_argument("--unchecked", action="store_true", help="train on cases that fail edgejson suite check, too")
    lora.add_argument("--skip-long", action="store_true", help="leave out cases that the base's context cannot hold")
    lora.add_argument(
        "--validate",
        type=share_or_path,
        metavar="SHARE|PATH",
        help="hold out a share of the cases, such as 0.1, or take other ones: the checkpoint of each epoch answers "
        "them, and the one with the best JSONExact becomes the adapter",
    )
    lora.add_argument("--patience", type=positive, metavar="N", help="end after N evaluations without a better one (3)")
    lora.add_argument("--preset", help="maaza-135m (default), maaza-360m, nano-1m or nano-4m")
    lora.add_argument("--rank", type=positive, help="in the place of the preset's; alpha is twice that")
    lora.add_argument("--epochs", type=positive, help="in the place of the preset's")
    for_adapters = [(action.option_strings[0], action.dest) for action in lora._group_actions]
    train.set_defaults(run=_train, for_adapters=for_adapters)


def _train(arguments: argparse.Namespace) -> None:
    from pytest_edgejson.training.command import train_adapter, train_model

    if arguments.lora and not arguments.base:
        raise CommandError("--lora needs a base to adapt: add --base HUB_ID or --base FOLDER")
    for option, name in arguments.for_adapters:
        if getattr(arguments, name) and not arguments.lora:
            raise CommandError(f"{option} is for adapters: add --lora, or leave it out")
    if arguments.batch_tokens and arguments.lora:
        raise CommandError("--batch-tokens is for trainings of all weights: leave it out, or --lora")
    if not (arguments.size or arguments.base):
        raise CommandError(
            "what should be trained? --size nano-1m is a base from scratch, --base FOLDER trains all weights of one on "
            "generated records, and --base FOLDER --lora an adapter on cases"
        )
    if arguments.size and arguments.base:
        raise CommandError("--size is for models from scratch: leave it out, the base decides")
    if arguments.patience and arguments.validate is None:
        raise CommandError("--patience is for early stopping: add --validate, for instance --validate 0.1")
    print(train_adapter(arguments) if arguments.lora else train_model(arguments))
