"""What is trained and compared: bases of two sizes, an adapter on each, and ablations of the smaller one's adapter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from pytest_edgejson.suite import bundled
from pytest_edgejson.training.presets import PRESETS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_edgejson.training.presets import LoraSettings

PROMPT = "v3"
"""The prompt template of training and benchmark, the published one."""


@dataclass(frozen=True, slots=True)
class Base:
    """A base model.

    Attributes:
        name: in the registry.
        folder: where it lies.
        settings: of the adapter that is trained on it.
        published_base: name in the bundled models.toml of the published base that it stands for.
        published_adapter: the same, of the published adapter.
        adapter: what the adapter trained on all cases is called, where not `NAME-lora`.
        shipped: folder of that adapter where it is not trained anew.
    """

    name: str
    folder: Path
    settings: LoraSettings
    published_base: str
    published_adapter: str
    adapter: str = ""
    shipped: Path | None = None


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter to train.

    Attributes:
        name: in the registry.
        base: what it is trained on.
        settings: how.
        cases: on how many of the train cases; None for all.
    """

    name: str
    base: Base
    settings: LoraSettings
    cases: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """An experiment.

    Attributes:
        bases: smallest first.
        ablated: name of the base whose adapter is ablated; none is where no base has it.
        ranks: of the ablations, the full adapter's own among them; alpha is twice the rank.
        sizes: train cases of the ablations, fewer than there are, the fewest first.
        train_cases: folder or file of the cases that the adapters are trained on.
        test_cases: folder or file of the cases that all models answer.
        max_steps: ends a training after so many optimizer steps; -1 for none.
        max_new_tokens: tokens of an answer at most; `auto` for what the expected outputs of its schema take, with room;
            None for the benchmark's default.
        constrain: `both` where bases and full adapters answer free and held to a grammar.
        shots: examples of the same schema that each base is given once more; 0 for not.
    """

    bases: tuple[Base, ...]
    ablated: str = "nano-1m"
    ranks: tuple[int, ...] = (8, 16, 32)
    sizes: tuple[int, ...] = (157, 314)
    train_cases: Path = bundled.TRAIN_CASES
    test_cases: Path = bundled.TEST_CASES
    max_steps: int = -1
    max_new_tokens: int | Literal["auto"] | None = None
    constrain: str = "none"
    shots: int = 0

    @property
    def adapters(self) -> list[Adapter]:
        """All adapters, those of one base together."""
        return [adapter for base in self.bases for adapter in self.of(base)]

    @property
    def models(self) -> list[str]:
        """The names of all bases and adapters, each base before its own: it is then loaded once to answer."""
        return [
            name
            for base in self.bases
            for name in (base.name, *self.shown(base), *(adapter.name for adapter in self.of(base)))
        ]

    def shown(self, base: Base) -> list[str]:
        """Return the name under which a base is given examples, if it is."""
        return [f"{base.name}-{self.shots}-shots"] if self.shots else []

    def of(self, base: Base) -> list[Adapter]:
        """Return the adapters of a base, the full one first, and those that take longest to train last."""
        return [full(base), *self.by_size(base), *self.by_rank(base)]

    def stages(self) -> Iterator[Plan]:
        """Yield the plan without its ablations, then with one more each time, so that each is reported as it ends."""
        yield replace(self, ranks=(), sizes=())
        for base in self.bases:
            for size, _ in enumerate(self.by_size(base), 1):
                yield replace(self, ranks=(), sizes=self.sizes[:size])
            for adapter in self.by_rank(base):
                yield replace(self, ranks=self.ranks[: self.ranks.index(adapter.settings.rank) + 1])

    def by_rank(self, base: Base) -> Iterator[Adapter]:
        """Yield the ablations over rank of a base's adapter, without the full adapter itself."""
        for rank in self.ranks if base.name == self.ablated else ():
            if rank != base.settings.rank:
                settings = replace(base.settings, rank=rank, alpha=2 * rank)
                yield Adapter(f"{full(base).name}-rank{rank}", base, settings)

    def by_size(self, base: Base) -> Iterator[Adapter]:
        """Yield the ablations over train size of a base's adapter, without the full adapter itself."""
        for size in self.sizes if base.name == self.ablated else ():
            yield Adapter(f"{full(base).name}-cases{size}", base, base.settings, size)


def full(base: Base) -> Adapter:
    """Return a base's adapter as it is trained on all cases."""
    return Adapter(base.adapter or f"{base.name}-lora", base, base.settings)


_PUBLISHED = {"nano-1m": ("smollm2-135m", "maaza-mlm-135m"), "nano-4m": ("smollm2-360m", "maaza-slm-360m")}
NAMES = tuple(_PUBLISHED)
"""The bases that ship with the project, smallest first."""


def make_plan(folder: Path, only: str | None = None) -> Plan:
    """Return the experiment with the project's bases.

    Args:
        folder: where the bases lie, each in a folder of its name.
        only: name of one base, to leave the other out.
    """
    return Plan(
        tuple(
            Base(name, folder / name, PRESETS[name], *published)
            for name, published in _PUBLISHED.items()
            if only in (None, name)
        )
    )


REAL_BASE, REAL_ADAPTER = "smollm2-135m-instruct", "maaza-135m-remade"
"""Entries of the bundled models.toml: real weights, and the published recipe's adapter on them."""


def make_real_plan(adapters: Path | None = None, *, ablations: bool = False) -> Plan:
    """Return the experiment with the published recipe on real weights.

    Args:
        adapters: where the trained adapter lies, in a folder of its name; None to train it.
        ablations: train the published ablations over rank and train size too.

    Raises:
        TrainingError: the weights cannot be had.
    """
    from pytest_edgejson.training.base import find_base

    base = Base(
        REAL_BASE,
        find_base(REAL_BASE).model,
        PRESETS["maaza-135m"],
        *_PUBLISHED["nano-1m"],
        adapter=REAL_ADAPTER,
        shipped=adapters and adapters / REAL_ADAPTER,
    )
    return Plan((base,), ablated=REAL_BASE if ablations else "", max_new_tokens="auto", constrain="both", shots=3)
