"""How many threads a model is worth on this machine: a short measurement instead of a guess.

More threads are often slower: on a busy four-core machine four made the slowest hundredth up to 2.7 times slower, and
one model slower at the median too. So a few inferences are timed with each count, in turn, and the smallest count that
is nearly as good as the best is taken. `choose` is the rule; the rest measures, and keeps the answer in a file.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

from msgspec import Struct

from contract.codec import from_json, to_pretty_json
from contract.errors import ConfigError
from edge.cgroup import usable_cores
from edge.durable import Disk, disk_error
from edge.model import LoadedModel
from edge.telemetry import percentiles

log = logging.getLogger(__name__)

FILE = "threads.json"
_SCHEMA = 1
_MOST = 8
"""Each count has its own interpreter in memory while it is measured, and picture models gain little beyond."""
_NEARLY_BEST = 1.10
_WORTH_ALL_CORES = 0.75
"""All cores are taken only when the median falls at least by a quarter: somebody has to fetch the frames."""
_FEWEST_ROUNDS = 5
_MOST_ROUNDS = 200
_KEPT = 16
"""Models the file remembers, the last ones."""


class ThreadTiming(Struct, frozen=True, kw_only=True):
    """One candidate."""

    threads: int
    median_ms: float
    p95_ms: float
    rounds: int


class ThreadProbe(Struct, frozen=True, kw_only=True):
    """What was measured and what follows from it."""

    chosen: int
    cores: int
    """This process could use."""
    library: str
    """And its version: another one may share the work out differently."""
    timings: tuple[ThreadTiming, ...]


class _Kept(Struct, frozen=True, kw_only=True):
    digest: str
    probe: ThreadProbe


class _Record(Struct, frozen=True, kw_only=True):
    """What `threads.json` holds, the latest last."""

    schema: int = _SCHEMA
    models: tuple[_Kept, ...] = ()


def choose(timings: Sequence[ThreadTiming], cores: int) -> int:
    """The smallest count whose median is within 10 % of the best and whose p95 is no worse than one thread's.

    All cores are no candidate unless their median beats every smaller count's by a quarter. `timings` begin with one
    thread.
    """
    alone = timings[0]
    steady = [one for one in timings if one.p95_ms <= alone.p95_ms]
    fewer = [one for one in steady if one.threads < cores or one is alone]
    best_ms = min(one.median_ms for one in fewer)
    for one in steady:
        if one not in fewer and one.median_ms <= _WORTH_ALL_CORES * best_ms:
            return one.threads
    return next(one.threads for one in fewer if one.median_ms <= _NEARLY_BEST * best_ms)


def best_threads(load: Callable[[int], LoadedModel], *, limit: int, budget_s: float = 1.5) -> ThreadProbe:
    """Measure 1, 2, 3, … threads, at most `limit` and the cores there are; `load` opens the model with so many.

    Takes `budget_s` beside the loading, or five rounds where those take longer. Every model is closed again.
    """
    cores = usable_cores()
    models: list[LoadedModel] = []
    try:
        models.extend(load(count) for count in range(1, _most(limit, cores) + 1))
        library = models[0].backend.name
        rounds_ms = _rounds_ms(models, budget_s) if len(models) > 1 else []
    finally:
        for model in models:
            model.close()
    timings = tuple(_timing(count, column) for count, column in enumerate(zip(*rounds_ms, strict=True), 1))
    return ThreadProbe(chosen=choose(timings, cores) if timings else 1, cores=cores, library=library, timings=timings)


def load_with_best_threads(
    load: Callable[[int], LoadedModel], digest: str, folder: Path, *, limit: int, budget_s: float = 1.5
) -> tuple[LoadedModel, ThreadProbe]:
    """The model loaded with its best count, measured now or remembered in `folder` from a time like this one.

    Remembered means: the same bundle `digest`, library and number of cores. A file that cannot be read, or written, is
    one more reason to measure and no error.
    """
    record = _read(folder / FILE)
    known = next((kept.probe for kept in record.models if kept.digest == digest), None)
    if known is not None and _still_holds(known, limit):
        model = load(known.chosen)
        if model.backend.name == known.library:
            return model, known
        model.close()
    probe = best_threads(load, limit=limit, budget_s=budget_s)
    _keep(folder / FILE, record, _Kept(digest=digest, probe=probe))
    return load(probe.chosen), probe


def _most(limit: int, cores: int) -> int:
    """The largest count that is tried."""
    return max(1, min(limit, cores, _MOST))


def _still_holds(known: ThreadProbe, limit: int) -> bool:
    """Whether as many cores are there, and every count allowed now was tried then."""
    tried = max(1, len(known.timings))
    return known.cores == usable_cores() and known.chosen <= limit and tried >= _most(limit, known.cores)


def _rounds_ms(models: Sequence[LoadedModel], budget_s: float) -> list[list[float]]:
    """One inference of each model a round, so that a busy moment of the machine falls on all of them."""
    rounds: list[list[float]] = []
    ends_at = perf_counter() + budget_s
    _round_ms(models)
    while len(rounds) < _FEWEST_ROUNDS or (perf_counter() < ends_at and len(rounds) < _MOST_ROUNDS):
        rounds.append(_round_ms(models))
    return rounds


def _round_ms(models: Sequence[LoadedModel]) -> list[float]:
    return [model.answer_blank().times.invoke for model in models]


def _timing(threads: int, times_ms: Sequence[float]) -> ThreadTiming:
    found = percentiles(times_ms)
    return ThreadTiming(threads=threads, median_ms=found.p50, p95_ms=found.p95, rounds=len(times_ms))


def _read(path: Path) -> _Record:
    try:
        return from_json(path.read_bytes(), _Record, where=str(path), error=ConfigError, newest_schema=_SCHEMA)
    except FileNotFoundError:
        return _Record()
    except (OSError, ConfigError) as problem:
        log.info("no thread counts remembered: %s", problem)
        return _Record()


def _keep(path: Path, record: _Record, kept: _Kept) -> None:
    others = [one for one in record.models if one.digest != kept.digest]
    models = (*others[1 - _KEPT :], kept)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Disk().replace_file(path, to_pretty_json(_Record(models=models)))
    except OSError as problem:
        log.warning("%s", disk_error("remembering the thread count", path, problem))
