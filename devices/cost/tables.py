"""Published speeds, as data: `tables/NAME.toml`, the networks they were measured on, and which profile uses which.

A table holds times of whole networks as somebody published them, never speeds: those are fitted each time from the
times, so that a figure and its source are all there is to keep true. The work in each network stands in
`networks.toml`, counted by `tests/data/make_networks.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from contract.codec import from_toml
from contract.errors import ConfigError
from contract.manifest import Format
from devices.cost.fit import Fit, fit
from devices.cost.work import Totals

Feature = Literal[
    "frame",
    "macs",
    "conv_macs",
    "square_macs",
    "depthwise_macs",
    "moved",
    "operators",
    "parameters",
    "streamed",
    "host",
]
"""`frame` is 1 for every network: what a frame costs before any work. The others are fields of `Totals`."""
Precision = Literal["int8", "float16", "float32"]
NEAREST: Mapping[Precision, tuple[Precision, ...]] = {
    "int8": ("int8", "float32", "float16"),
    "float16": ("float16", "float32", "int8"),
    "float32": ("float32", "float16", "int8"),
}
"""Which figures stand in where none are published for a model's own kind of numbers."""
_Positive = Annotated[float, Meta(gt=0)]


class Run(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Times measured with one number of threads."""

    threads: Annotated[int, Meta(ge=1)]
    ms: dict[str, _Positive]
    """Milliseconds a frame, by network."""


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is published of one processor with one kind of numbers."""

    processor: str
    runtime: str
    precision: Precision
    features: tuple[Feature, ...]
    """What a time is made of here: as many as the networks can tell apart."""
    source: str
    notes: tuple[str, ...] = ()
    run: Annotated[tuple[Run, ...], Meta(min_length=1)]


class Use(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table that speaks for a profile."""

    profile: str
    table: str
    host: str = ""
    """The table for operators an accelerator leaves to the CPU."""
    format: Format | None = None
    """Where libraries differ: the format it holds for; None for both."""
    times: _Positive = 1.0
    """What its times are multiplied by."""
    why: str = ""
    """Where another board's figures stand in: which, and why."""


class _Uses(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    use: tuple[Use, ...]


class Network(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The work in one published network; 0 where only the sums are published."""

    conv_macs: int
    parameters: int
    square_macs: int = 0
    depthwise_macs: int = 0
    moved: int = 0
    operators: int = 0
    host: int = 0
    streamed: int = 0

    @property
    def totals(self) -> Totals:
        """The same, as a counted model has it."""
        return Totals(**{name: getattr(self, name) for name in self.__struct_fields__})


def amounts(totals: Totals, features: tuple[Feature, ...], *, frames: int = 1) -> NDArray[np.float64]:
    """How much of each feature there is; 0 frames for a part of a network."""
    return np.array([float(frames if feature == "frame" else getattr(totals, feature)) for feature in features])


@cache
def load_table(name: str) -> Table:
    """The table called `name`; ConfigError where it is not one, or names a network nobody counted."""
    where = f"devices/cost/tables/{name}.toml"
    table = from_toml(_read("tables", f"{name}.toml"), Table, where=where, error=ConfigError)
    known = networks()
    for run in table.run:
        if unknown := [network for network in run.ms if network not in known]:
            raise ConfigError(
                f"no network {unknown[0]!r}", where=where, fix="Describe it in tests/data/make_networks.py"
            )
    return table


@cache
def networks() -> dict[str, Network]:
    """Every network that was counted, by name."""
    where = "devices/cost/networks.toml"
    return from_toml(_read("networks.toml"), dict[str, Network], where=where, error=ConfigError)


@cache
def uses() -> tuple[Use, ...]:
    """Which table speaks for which profile."""
    where = "devices/cost/tables/profiles.toml"
    return from_toml(_read("tables", "profiles.toml"), _Uses, where=where, error=ConfigError).use


def use_for(profile: str, format: Format, precision: Precision) -> Use:
    """The table that is nearest to a model with such numbers; ConfigError for a profile without any."""
    fitting = [use for use in uses() if use.profile == profile and use.format in (None, format)]
    for candidate in NEAREST[precision]:
        for use in fitting:
            if load_table(use.table).precision == candidate:
                return use
    raise ConfigError(
        f"no published speed for {format} on {profile}", where="devices/cost/tables/profiles.toml", fix="Add one."
    )


def costs_for(name: str, threads: int) -> NDArray[np.float64]:
    """Milliseconds a unit of each feature with so many threads.

    Between measured numbers of threads a cost is a part that stays and a part that is shared (Amdahl's law); beyond
    them, that of the nearest.
    """
    runs = sorted(run.threads for run in load_table(name).run)
    if threads in runs or len(runs) == 1 or not runs[0] < threads < runs[-1]:
        return fitted(name, min(runs, key=lambda run: abs(run - threads))).costs
    few, many = runs[0], runs[-1]
    least, most = fitted(name, few).costs, fitted(name, many).costs
    shared = np.maximum(least - most, 0.0) / (1 / few - 1 / many)
    costs: NDArray[np.float64] = least - shared * (1 / few - 1 / threads)
    return costs


@cache
def fitted(name: str, threads: int) -> Fit:
    """The speeds of a table's run with so many threads."""
    table = load_table(name)
    run = next(run for run in table.run if run.threads == threads)
    known = networks()
    work = [amounts(known[network].totals, table.features) for network in run.ms]
    return fit(work, list(run.ms.values()))


def _read(*path: str) -> bytes:
    folder = resources.files("devices") / "cost"
    for part in path:
        folder = folder / part
    return folder.read_bytes()
