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
from contract.manifest import Task
from trainer.architecture.budget import Budget, Prediction, overrun, predictions, worst_excess
from trainer.settings import PRETRAINED, InputSettings, NetworkSettings

Build = Callable[[InputSettings, NetworkSettings], Any]
WIDTHS = (2.0, 1.5, 1.0, 0.75, 0.5, 0.35, 0.25)
BACKBONE_WIDTHS = (1.4, 1.0, 0.75, 0.5, 0.35, 0.25)
DEPTHS = (3, 2, 1)
SIZES = (1.5, 1.25, 1.0, 0.75, 0.5)
"""Times the size the pictures suggest."""
_OF_ANY_DEPTH = ("residual", "mobile")
_STEP, _SMALLEST, _SMALLEST_BACKBONE = 16, 16, 32
"""Pixels: sizes are multiples of the first, which halves four times."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network that might be trained."""

    prep: InputSettings
    network: NetworkSettings
    task: Task = "classify"

    @property
    def bulk(self) -> float:
        """Grows with its products."""
        width, height = self.prep.size_wh
        return width * height * self.network.width**2 * self.network.depth

    def __str__(self) -> str:
        width, height = self.prep.size_wh
        name = "detector" if self.task == "detect" else self.network.family
        depth = f", depth {self.network.depth}" if name in _OF_ANY_DEPTH else ""
        return f"{name} of width {self.network.width:g}{depth} at {width}x{height}"


@dataclass(frozen=True, slots=True)
class Choice:
    """The one that fits."""

    candidate: Candidate
    predicted: dict[str, Prediction]

    @property
    def network(self) -> NetworkSettings:
        """Its settings, marked as chosen."""
        return msgspec.structs.replace(self.candidate.network, chosen=True)

    def sentences(self) -> Iterator[str]:
        """What was chosen and what it would cost, a profile each."""
        for name, found in self.predicted.items():
            band = "" if found.high is None else f" ({found.low:g} to {found.high:g} ms)"
            yield (
                f"Chosen for {name}: {self.candidate}, foretold {found.latency_ms:g} ms{band}, "
                f"{found.size_bytes / 1e6:.2f} MB, {found.memory_mib:.0f} MiB"
            )


def candidates(prep: InputSettings, network: NetworkSettings, *, sized: bool) -> Iterator[Candidate]:
    """Of `network`'s family, the largest first; only at `prep`'s size where it is `sized` by hand."""
    least = _SMALLEST_BACKBONE if network.family in PRETRAINED else _SMALLEST
    sizes = [prep.size_wh] if sized else sizes_around(prep.size_wh, least)
    for size, width, depth in product(sizes, _widths(network), _depths(network)):
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


def sizes_around(size_wh: tuple[int, int], least: int) -> list[tuple[int, int]]:
    """Multiples of 16 around `size_wh`, the largest first, no side below `least`."""
    width, height = size_wh
    sizes = [tuple(max(least, round(side * times / _STEP) * _STEP) for side in (width, height)) for times in SIZES]
    return list(dict.fromkeys((wide, high) for wide, high in sizes))


def _widths(network: NetworkSettings) -> tuple[float, ...]:
    if network.weights:
        return (network.width,)
    return BACKBONE_WIDTHS if network.family in PRETRAINED else WIDTHS


def _depths(network: NetworkSettings) -> tuple[int, ...]:
    return (1,) if network.family in PRETRAINED else DEPTHS
