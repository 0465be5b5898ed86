"""How long a frame takes on a device nobody has at hand, how much memory, and how far such words may be trusted.

The work of the model was counted operator by operator, elsewhere; speeds come from published times (`tables/`,
`fit.py`). The error stated is measured: each published network foretold from the others. What lies outside of what was
published is said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from msgspec import Struct

from contract.manifest import Format
from devices.cost.memory import ACCELERATOR_MIB, Accelerator, process_mib
from devices.cost.tables import Precision, Table, Use, amounts, costs_for, fitted, load_table, networks, use_for
from devices.cost.work import Work, total
from devices.profiles import Profile

TOP = 5
RANGE = 2.0
"""Up to how many times more or less work than any published network still counts as within what was published."""


class Share(Struct, frozen=True, kw_only=True):
    """What one kind of operator takes of a frame's time."""

    operator: str
    count: int
    macs: int
    latency_ms: float


class Cost(Struct, frozen=True, kw_only=True):
    """A prediction."""

    profile: str
    latency_ms: float
    """Of one frame in the model alone."""
    error_share: float | None
    """What most published networks were foretold within, as a share of their time; None where that is not known."""
    networks: int
    """On how many published networks that was tried."""
    networks_within: int
    """How many of them it holds for."""
    memory_mib: float
    """Of the whole process at its peak."""
    model_mib: float
    """Of that, the model's own: its file, its weights as the kernels want them, its tensors."""
    macs: int
    parameters_bytes: int
    arena_bytes: int
    """Of all tensors that are alive at once, at the worst moment."""
    top: tuple[Share, ...]
    """The kinds of operators that take longest, five at most."""
    processor: str
    """Whose times were published."""
    runtime: str
    threads: int
    source: str
    notes: tuple[str, ...]
    """What makes this prediction weaker than its error says."""


class Counted(Struct, frozen=True, kw_only=True):
    """What is counted in a model, whatever it is written in."""

    model_bytes: int
    """Of the file."""
    mapped: tuple[Work, ...]
    """What an Edge TPU takes; nothing on other devices."""
    left: tuple[Work, ...]
    """What the processor does itself."""
    streamed: int
    precision: Precision
    parameters_bytes: int
    arena_bytes: int
    accelerator: Accelerator
    """The one whose library is loaded for it."""

    @property
    def works(self) -> tuple[Work, ...]:
        """All of it."""
        return self.mapped + self.left


def cost_of(counted: Counted, format: Format, profile: Profile) -> Cost:
    """What a model with such work costs on `profile`; ConfigError for a profile without published speeds."""
    use = use_for(profile.name, format, counted.precision)
    if use.host and not counted.mapped:
        use = Use(profile=use.profile, table=use.host, why="the Edge TPU takes none of it: the host's CPU runs it")
    table = load_table(use.table)
    shares = [*_shares(counted, use, profile.threads)]
    frame_ms = use.times * _frame_ms(use.table, profile.threads)
    fit = fitted(use.table, _measured_threads(table, profile.threads))
    memory = (counted.model_bytes, counted.parameters_bytes, counted.arena_bytes)
    return Cost(
        profile=profile.name,
        latency_ms=_rounded(frame_ms + sum(share.latency_ms for share in shares)),
        error_share=None if fit.error_share is None else round(fit.error_share, 3),
        networks=0 if fit.errors is None else len(fit.errors),
        networks_within=fit.within,
        memory_mib=round(process_mib(*memory, format=format, accelerator=counted.accelerator), 1),
        model_mib=round(sum(memory) / 1024**2, 2),
        macs=total(counted.works).macs,
        parameters_bytes=counted.parameters_bytes,
        arena_bytes=counted.arena_bytes,
        top=tuple(sorted(shares, key=lambda share: -share.latency_ms)[:TOP]),
        processor=table.processor,
        runtime=table.runtime,
        threads=profile.threads if len(table.run) > 1 else table.run[0].threads,
        source=table.source,
        notes=(*_weaknesses(counted, use, table), *table.notes),
    )


def _shares(counted: Counted, use: Use, threads: int) -> Iterator[Share]:
    """Time by kind of operator, without what a frame costs before any work."""
    if not use.host:
        yield from _by_operator(counted.works, use.table, use.times, threads, 0)
        return
    # An operator of its own behind an Edge TPU is in the published times of detectors: there, and not with the host's.
    post = tuple(work for work in counted.left if work.kind == "host")
    others = tuple(work for work in counted.left if work.kind != "host")
    yield from _by_operator(counted.mapped + post, use.table, use.times, threads, counted.streamed)
    yield from _by_operator(others, use.host, 1.0, threads, 0)


def _by_operator(works: Sequence[Work], name: str, times: float, threads: int, streamed: int) -> Iterator[Share]:
    table, costs = load_table(name), costs_for(name, threads)
    grouped: dict[str, list[Work]] = defaultdict(list)
    for work in works:
        grouped[work.operator].append(work)
    for operator, group in grouped.items():
        sums = total(group)
        units = amounts(sums, table.features, frames=0)
        latency = float(times * (costs @ units))
        yield Share(operator=operator, count=len(group), macs=sums.macs, latency_ms=_rounded(latency))
    if streamed and "streamed" in table.features:
        latency = float(times * costs[table.features.index("streamed")] * streamed)
        yield Share(operator="streaming of weights", count=1, macs=0, latency_ms=_rounded(latency))


def _frame_ms(name: str, threads: int) -> float:
    features = load_table(name).features
    return float(costs_for(name, threads)[features.index("frame")]) if "frame" in features else 0.0


def _measured_threads(table: Table, threads: int) -> int:
    """The measured number of threads that is nearest, the larger where two are."""
    return min((run.threads for run in table.run), key=lambda run: (abs(run - threads), -run))


def _weaknesses(counted: Counted, use: Use, table: Table) -> Iterator[str]:
    if use.why:
        yield use.why
    # A GPU works on floats in 16 bits by choice.
    halved = (table.precision, counted.precision) == ("float16", "float32")
    if table.precision != counted.precision and not halved:
        yield f"no figure is published for {counted.precision} here; those for {table.precision} stand in"
    if counted.accelerator != "none":
        yield f"{ACCELERATOR_MIB[counted.accelerator]:.0f} MiB of the memory are assumed for the accelerator's library"
    if use.host and any(work.kind != "host" for work in counted.left):
        yield f"what the Edge TPU leaves to the host is told for {load_table(use.host).processor}"
    macs, known = total(counted.works).macs, networks()
    published = [known[name].totals.macs for name in table.run[0].ms]
    low, high = min(published) / 1e6, max(published) / 1e6
    if not low / RANGE <= macs / 1e6 <= high * RANGE:
        yield f"outside of what was published ({low:,.0f} to {high:,.0f} million products): it may be further off"


def _rounded(milliseconds: float) -> float:
    """Three digits that mean something."""
    return float(f"{milliseconds:.3g}")
