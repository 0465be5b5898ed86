"""Wrong inputs by the million for every reader of strangers' bytes, and wrong bundles rightly signed for the slots.

Each input follows from the seed, its target's name and its number, so a finding can be made again: `one_input`.
Findings are said on standard error, as they would be lost in a count.
"""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from random import Random

import click

from contract.errors import FerryError
from scripts.benchmarks._fuzz_targets import TARGETS, SecondMeaningError
from scripts.benchmarks._slot_fuzz import SlotTally, slot_tally
from scripts.benchmarks.figure import Figure, at_most

SEED = 2026
INPUTS, SLOT_INPUTS = 1_000_000, 20_000
SHORT_INPUTS, SHORT_SLOT_INPUTS = 20_000, 400
SLOWEST_MS = 50.0
"""CPU time for one input of a few kilobytes; a Raspberry Pi Zero 2 takes twenty times as long."""
MEMORY_MIB = 8.0
"""Allocated while one input is read: some times its size."""
_SHARES = {"bundle": 4, "manifest": 3, "delta": 2}
"""Of the inputs; every other target has one."""
_BATCH = 2_000
_MEASURED_EVERY = 20
"""Tracing every allocation costs more than the reading."""


@dataclass
class Tally:
    """What came of some inputs of one target."""

    inputs: int = 0
    taken: int = 0
    crashes: list[str] = field(default_factory=list)
    second_meanings: list[str] = field(default_factory=list)
    slowest_ms: float = 0.0
    peak_bytes: int = 0


def figures(short: bool) -> dict[str, Figure]:
    """Crashes, second meanings, time and memory by the readers' inputs; files and crashes by the slots'."""
    inputs, slot_inputs = (SHORT_INPUTS, SHORT_SLOT_INPUTS) if short else (INPUTS, SLOT_INPUTS)
    began_s = time.perf_counter()
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), get_context("spawn")) as pool:
        tallies = list(pool.map(_tally_of, _batches(inputs)))
        readers_s = time.perf_counter() - began_s
        numbers = range(0, slot_inputs, _BATCH)
        parts = [range(begin, min(begin + _BATCH, slot_inputs)) for begin in numbers]
        slots = list(pool.map(partial(slot_tally, SEED), parts))
    slots_s = time.perf_counter() - began_s - readers_s
    return {**_of_readers(tallies, readers_s), **_of_slots(slots, slots_s)}


def one_input(target: str, number: int) -> bytes:
    """Input `number` of `target`, as it was."""
    return TARGETS[target].input(Random(f"{SEED}:{target}:{number}"))


def _of_readers(tallies: list[Tally], took_s: float) -> dict[str, Figure]:
    inputs, taken = sum(tally.inputs for tally in tallies), sum(tally.taken for tally in tallies)
    crashes = _told("crash", (crash for tally in tallies for crash in tally.crashes))
    second = _told("second meaning", (one for tally in tallies for one in tally.second_meanings))
    peak_mib = max(tally.peak_bytes for tally in tallies) / 2**20
    return {
        "inputs": Figure(inputs, f"inputs for {len(TARGETS)} readers, seed {SEED}"),
        "inputs_taken": Figure(taken, "of them still right, or right again"),
        "crashes": at_most(crashes, 0, "inputs that raised something else than a FerryError"),
        "second_meanings": at_most(second, 0, "inputs taken for what was not signed"),
        "slowest_input": at_most(max(tally.slowest_ms for tally in tallies), SLOWEST_MS, "ms of CPU time"),
        "memory_peak": at_most(peak_mib, MEMORY_MIB, f"MiB, of every {_MEASURED_EVERY}th input"),
        "readers_took": Figure(took_s, "s"),
    }


def _of_slots(tallies: list[SlotTally], took_s: float) -> dict[str, Figure]:
    outside = _told("outside the slot", (path for tally in tallies for path in tally.outside))
    return {
        "slot_inputs": Figure(sum(tally.inputs for tally in tallies), f"wrong bundles, rightly signed, seed {SEED}"),
        "slot_installed": Figure(sum(tally.installed for tally in tallies), "of them"),
        "slot_crashes": at_most(_told("slot crash", (one for tally in tallies for one in tally.crashes)), 0, "bundles"),
        "files_outside_the_slot": at_most(outside, 0, "opened for writing, made, renamed or linked"),
        "slots_took": Figure(took_s, "s"),
    }


def _told(kind: str, findings: Iterable[str]) -> int:
    """Say each, and how many they are."""
    every = list(findings)
    for finding in every:
        click.echo(f"{kind}: {finding}", err=True)
    return len(every)


def _batches(inputs: int) -> Iterator[tuple[str, range]]:
    """Every target's numbers in parts, so that no process is left alone with a slow target."""
    shares = {name: _SHARES.get(name, 1) for name in TARGETS}
    for name, share in shares.items():
        count = -(-inputs * share // sum(shares.values()))
        yield from ((name, range(begin, min(begin + _BATCH, count))) for begin in range(0, count, _BATCH))


def _tally_of(batch: tuple[str, range]) -> Tally:
    name, numbers = batch
    tally = Tally()
    for number in numbers:
        data = one_input(name, number)
        traced = number % _MEASURED_EVERY == 0
        if traced:
            tracemalloc.start()
        took_ms = _read(name, number, data, tally)
        if traced:
            tally.peak_bytes = max(tally.peak_bytes, tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        elif took_ms > tally.slowest_ms:
            # The machine may have been elsewhere: twice slow is slow.
            tally.slowest_ms = max(tally.slowest_ms, min(took_ms, _read(name, number, data, Tally())))
    return tally


def _read(name: str, number: int, data: bytes, tally: Tally) -> float:
    """Milliseconds of CPU time, and in `tally` how it ended."""
    tally.inputs += 1
    began_s = time.thread_time()
    try:
        TARGETS[name].read(data)
        tally.taken += 1
    except FerryError:
        pass
    except SecondMeaningError as finding:
        tally.second_meanings.append(f"{name} {number}: {finding}")
    except Exception as crash:  # noqa: BLE001 a crash is what is looked for, whatever its kind
        tally.crashes.append(f"{name} {number}: {crash!r:.200}")
    return (time.thread_time() - began_s) * 1e3
