"""What is tried, and in which order, until an 8-bit model is good enough: decisions alone, no files and no processes.

    1 quantise after training              the cheapest, and enough for most
    2 seven bits                           where the target says so: x86 without VNNI, with a file it adds up wrongly
    3 the worst layers in floating point   a few, then more, then many; not where the accelerator takes whole int8 only
    4 trained with the rounding in view    where somebody can; first of all where the run has such a model already
    5 the next wider recipe                16-bit activations or halves, where the device reads them

`climb` stops at the first that holds. What converts and what judges is handed in, so each rung is one call of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, Literal, TypeVar

from contract.errors import GateError, ModelError
from converters.recipe import Recipe

Kind = Literal["quantise", "seven-bits", "mixed", "train", "wider"]
Made = TypeVar("Made")
"""Whatever the caller's `convert` gives and its `judge` takes: a path, an artifact."""
FLOAT_LAYERS = (1, 4, 16)
"""How many of the worst layers stay in floating point, rung by rung: a fault sits in one or two, or everywhere."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One thing to try."""

    kind: Kind
    recipe: Recipe
    keep_float: tuple[str, ...] = ()
    """Layers, by the names of `converters/layer_errors.py`."""

    @property
    def words(self) -> str:
        """For the report."""
        layers = f"{len(self.keep_float)} layer{'s' if len(self.keep_float) > 1 else ''}"
        return {
            "quantise": f"{self.recipe}, quantised after training",
            "seven-bits": f"{self.recipe} with 7-bit weights",
            "mixed": f"{self.recipe} with {layers} in floating point",
            "train": f"{self.recipe}, trained with its rounding in view",
            "wider": self.recipe,
        }[self.kind]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A rung, and why it did not hold; empty where it did."""

    rung: Rung
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Made]):
    """What was tried, and what came of it."""

    attempts: tuple[Attempt, ...]
    made: Made | None
    """Of the last attempt, which held; None where none did."""
    notes: tuple[str, ...] = ()
    """What could not be tried, and why, in words."""

    @property
    def rung(self) -> Rung | None:
        """The one that held."""
        return self.attempts[-1].rung if self.made is not None else None


@dataclass(frozen=True, slots=True)
class Ladder(Generic[Made]):
    """What a caller brings."""

    recipe: Recipe
    convert: Callable[[Rung], Made]
    """Makes what a rung asks for. ModelError where a converter refuses: the next rung is tried."""
    judge: Callable[[Made], None]
    """Raises GateError, with its reason, where the goal does not hold."""
    worst_layers: Callable[[Made], Sequence[str]] | None = None
    """Names of the layers of a model that failed, those that lose most first; None where none may stay in float."""
    seven_bits: bool = False
    """Whether 7-bit weights are worth a try on this target."""
    train: Callable[[], Made] | None = None
    """Converts what was trained with the rounding in view; None where there is no such model."""
    train_first: bool = False
    """Whether that costs nothing any more, because somebody had it trained already."""
    why_not_train: str = "no such model is here (edgeferry train --quantization-aware makes one)"
    wider: tuple[Recipe, ...] = ()
    """Other recipes this device reads, nearest first."""


def climb(ladder: Ladder[Made], say: Callable[[str], None]) -> Outcome[Made]:
    """Rung after rung until one holds; `say` hears what did not, and what is tried next."""
    attempts: list[Attempt] = []
    notes: list[str] = []
    for rung, make in _rungs(ladder, notes):
        if attempts:
            say(f"{attempts[-1].refusal} Trying {rung.words}.")
        try:
            made = make()
            ladder.judge(made)
        except (GateError, ModelError) as refused:
            attempts.append(Attempt(rung, refused.what))
        else:
            return Outcome((*attempts, Attempt(rung)), made, tuple(notes))
    return Outcome(tuple(attempts), None, tuple(notes))


def _rungs(ladder: Ladder[Made], notes: list[str]) -> Iterator[tuple[Rung, Callable[[], Made]]]:
    """What to try next; asked for anew after each that did not hold, so that the layers are looked for only then."""
    first: list[Made] = []
    if ladder.train is not None and ladder.train_first:
        yield Rung("train", ladder.recipe), ladder.train

    def remembered(rung: Rung) -> Made:
        made = ladder.convert(rung)
        first.append(made)
        return made

    rung = Rung("quantise", ladder.recipe)
    yield rung, partial(remembered, rung)
    if ladder.seven_bits:
        seven = Rung("seven-bits", ladder.recipe)
        yield seven, partial(ladder.convert, seven)
    for mixed in _mixed(ladder, first, notes):
        yield mixed, partial(ladder.convert, mixed)
    if ladder.train is not None and not ladder.train_first:
        yield Rung("train", ladder.recipe), ladder.train
    elif ladder.train is None:
        notes.append(f"Training with the rounding in view was not tried: {ladder.why_not_train}.")
    for recipe in ladder.wider:
        wider = Rung("wider", recipe)
        yield wider, partial(ladder.convert, wider)


def _mixed(ladder: Ladder[Made], first: Sequence[Made], notes: list[str]) -> Iterator[Rung]:
    if ladder.worst_layers is None:
        notes.append("Layers in floating point were not tried: this accelerator takes 8-bit models only.")
        return
    if not first:
        notes.append("Layers in floating point were not tried: no 8-bit model was made to look for them in.")
        return
    layers = tuple(ladder.worst_layers(first[0]))
    if not layers:
        notes.append("Layers in floating point were not tried: no layer loses more than another.")
    for count, before in zip(FLOAT_LAYERS, (0, *FLOAT_LAYERS), strict=False):
        if len(layers) > before:
            yield Rung("mixed", ladder.recipe, layers[:count])
