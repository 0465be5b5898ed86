"""The largest network of a family that stays within a budget, found before anything is trained.

Candidates are tried from the largest down: input sizes around the one the pictures suggest (or only the one that was
said), widths, depths. Each is built and its cost foretold, none is run. What builds a network is given, so that any
Functional model will do, whatever its task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import msgspec

from contract.errors import ConfigError
from trainer.architecture.budget import Budget, Prediction, overrun, predictions, worst_excess
from trainer.settings import PRETRAINED, InputSettings, NetworkSettings

Build = Callable[[InputSettings, NetworkSettings], Any]
WIDTHS = (2.0, 1.5, 1.0, 0.75, 0.5, 0.35, 0.25)
BACKBONE_WIDTHS = (1.4, 1.0, 0.75, 0.5, 0.35, 0.25)
DEPTHS = (3, 2, 1)
SIZES = (1.5, 1.25, 1.0, 0.75, 0.5)
"""Times the size the pictures suggest."""
_STEP, _SMALLEST, _SMALLEST_BACKBONE = 16, 16, 32
"""Pixels: sizes are multiples of the first, which halves four times."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network that might be trained."""

    prep: InputSettings
    network: NetworkSettings

    @property
    def bulk(self) -> float:
        """Grows with its products."""
        width, height = self.prep.size_wh
        return width * height * self.network.width**2 * self.network.depth

    def __str__(self) -> str:
        width, height = self.prep.size_wh
        depth = f", depth {self.network.depth}" if self.network.family not in PRETRAINED else ""
        return f"{self.network.family} of width {self.network.width:g}{depth} at {width}x{height}"


@dataclass(frozen=True, slots=True)
class Choice:
    """The one that fits."""

    candidate: Candidate
    predicted: dict[str, Prediction]


def candidates(prep: InputSettings, network: NetworkSettings, *, sized: bool) -> Iterator[Candidate]:
    """Of `network`'s family, the largest first; only at `prep`'s size where it is `sized` by hand."""
    for size, width, depth in product(_sizes(prep, network, sized), _widths(network), _depths(network)):
        yield Candidate(
            msgspec.structs.replace(prep, size_wh=size), msgspec.structs.replace(network, width=width, depth=depth)
        )


def choose(tried: Sequence[Candidate], budgets: Sequence[Budget], build: Build) -> Choice:
    """The largest of `tried` within all `budgets`; ConfigError names the nearest miss where none is.

    `build` makes a Keras model of a candidate's settings.
    """
    nearest: tuple[float, Candidate, Mapping[str, Prediction]] | None = None
    for candidate in sorted(tried, key=lambda candidate: -candidate.bulk):
        found = predictions(build(candidate.prep, candidate.network), budgets)
        excess = worst_excess(found, budgets)
        if excess <= 1:
            return Choice(candidate, found)
        if nearest is None or excess < nearest[0]:
            nearest = excess, candidate, found
    assert nearest is not None
    _, candidate, least = nearest
    raise ConfigError(
        f"nothing fits; the nearest is {candidate}: {overrun(least, budgets)}",
        where="; ".join(map(str, budgets)),
        fix="Allow more, choose another family, or leave preprocessing.size_wh open.",
    )


def _sizes(prep: InputSettings, network: NetworkSettings, sized: bool) -> list[tuple[int, int]]:
    if sized:
        return [prep.size_wh]
    least = _SMALLEST_BACKBONE if network.family in PRETRAINED else _SMALLEST
    width, height = prep.size_wh
    sizes = [tuple(max(least, round(side * times / _STEP) * _STEP) for side in (width, height)) for times in SIZES]
    return list(dict.fromkeys((wide, high) for wide, high in sizes))


def _widths(network: NetworkSettings) -> tuple[float, ...]:
    if network.weights:
        return (network.width,)
    return BACKBONE_WIDTHS if network.family in PRETRAINED else WIDTHS


def _depths(network: NetworkSettings) -> tuple[int, ...]:
    return (1,) if network.family in PRETRAINED else DEPTHS
