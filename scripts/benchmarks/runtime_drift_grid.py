"""Drift lamps against true harm: fifteen corruptions in five severities, on the digits' int8 file.

Of the digits held back from training half make the reference, the other half the windows, anew in every split. What a
corruption costs is the accuracy the very file loses on all held-back pictures. A cell that costs at least five points
is harm and must be seen within 100 frames, two windows; one that costs less is benign, and how often it lights each
lamp is reported. Thresholds come from the reference's own counts, so no window that is measured has tuned anything.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

import numpy as np
from msgspec import UNSET

from contract.drift import Drift
from edge.drift.profile import Answers, reference_of
from edge.drift.window import Judge
from edge.frames import Pixels
from scripts.benchmarks._drift_digits import held_back_digits
from scripts.benchmarks.figure import Figure, at_least, at_most
from scripts.benchmarks.runtime_drift import Seen, seen_by
from trainer.measurement.corruptions import KINDS, SEVERITIES, corrupt

WINDOW, WINDOWS = 50, 2
"""Frames of a window, and windows within which harm must be seen."""
SERIES, CLEAN_WINDOWS = 5, 50
"""Series of each cell and clean windows in every split."""
HARM = 0.05
FALSE_ALARMS, POWER = 0.01, 0.95
LAMPS: dict[str, Callable[[Drift], bool]] = {
    "either": lambda drift: drift.any,
    "input": lambda drift: drift.input_changed,
    "model": lambda drift: drift.model_suffering,
}
_COSTS = ((-1.0, 0.01), (0.01, 0.025), (0.025, HARM), (HARM, 0.2), (0.2, 1.01))
_T_95 = 1.66
"""One-sided 95 % of Student's t with 99 degrees of freedom; with 9, for `--short`, it would be 1.83."""


class Cell(NamedTuple):
    """One corruption in one severity."""

    kind: str
    severity: int
    cost: float
    """Accuracy lost, 0..1."""
    seen: list[Seen]


class Series(NamedTuple):
    """Consecutive windows of one cell, by lamp: which alarmed."""

    cell: Cell
    alarms: dict[str, list[bool]]


def figures(short: bool) -> dict[str, Figure]:
    """Power by lamp, severity and cost; false alarms; delay."""
    with tempfile.TemporaryDirectory() as folder, held_back_digits(Path(folder)) as digits:
        truth = [digits.model.manifest.labels[label] for label in digits.labels]
        clean = seen_by(digits.frames, digits.model)
        right = _accuracy(clean, truth)
        cells = []
        for kind, severity in product(KINDS, SEVERITIES):
            seen = seen_by(corrupt(digits.frames, kind, severity, 0), digits.model)
            cells.append(Cell(kind, severity, right - _accuracy(seen, truth), seen))
        labels, frames, stored = digits.model.manifest.labels, digits.frames, digits.reference.calibration
    found = _quiet(frames, labels, clean, splits=10 if short else 100)
    found |= _harmed(frames, labels, clean, cells, splits=10 if short else 30)
    if stored is not None and stored.alarmed is not UNSET:
        found["reference_s_own_false_alarms"] = Figure(stored.alarmed.either, "as reference.json says")
        found["reference_s_own_false_alarms_upper"] = Figure(stored.alarmed.upper, "as reference.json says")
    return found


def _quiet(frames: Pixels, labels: tuple[str, ...], clean: list[Seen], *, splits: int) -> dict[str, Figure]:
    """False alarms: mean over splits with its upper bound, never under what so many quiet windows can show."""
    draws = np.random.default_rng(1)
    shares: list[dict[str, float]] = []
    for _ in range(splits):
        known, held_back = np.split(draws.permutation(len(clean)), 2)
        judge = _judge(frames, labels, clean, known)
        windows = [_drift(judge, clean, held_back, draws) for _ in range(CLEAN_WINDOWS)]
        shares.append({lamp: mean(lit(one) for one in windows) for lamp, lit in LAMPS.items()})
    found = {}
    count = CLEAN_WINDOWS * splits
    for lamp in LAMPS:
        rates = [share[lamp] for share in shares]
        upper = max(mean(rates) + _T_95 * stdev(rates) / splits**0.5, 3 / count)
        found[f"clean_windows_{lamp}"] = at_most(mean(rates), FALSE_ALARMS, f"of {count} windows, {splits} splits")
        found[f"clean_windows_{lamp}_upper"] = Figure(upper, "upper 95 % bound")
        found[f"clean_windows_{lamp}_worst"] = Figure(max(rates), "in the worst split")
    return found


def _harmed(
    frames: Pixels, labels: tuple[str, ...], clean: list[Seen], cells: Sequence[Cell], *, splits: int
) -> dict[str, Figure]:
    draws = np.random.default_rng(2)
    series: list[Series] = []
    for _ in range(splits):
        known, held_back = np.split(draws.permutation(len(clean)), 2)
        judge = _judge(frames, labels, clean, known)
        for cell in cells:
            for _ in range(SERIES):
                told = [_drift(judge, cell.seen, held_back, draws) for _ in range(WINDOWS)]
                series.append(Series(cell, {lamp: [lit(one) for one in told] for lamp, lit in LAMPS.items()}))
    return {**_powers(series), **_by_severity(series), **_by_cost(series)}


def _powers(series: Sequence[Series]) -> dict[str, Figure]:
    found = {}
    for name, chosen in (
        ("harmful", [one for one in series if one.cell.cost >= HARM]),
        ("benign", [one for one in series if one.cell.cost < HARM]),
    ):
        cells = len({(one.cell.kind, one.cell.severity) for one in chosen})
        for lamp in LAMPS:
            share = mean(any(one.alarms[lamp]) for one in chosen)
            unit = f"of {len(chosen)} series of {WINDOW * WINDOWS} frames, {cells} cells"
            goal = name == "harmful" and lamp in ("either", "model")
            found[f"{name}_seen_{lamp}"] = at_least(share, POWER, unit) if goal else Figure(share, unit)
            if name == "benign":
                first = mean(one.alarms[lamp][0] for one in chosen)
                found[f"benign_windows_{lamp}"] = Figure(first, "of single windows")
    return found | _delay([one for one in series if one.cell.cost >= HARM])


def _delay(harmful: Sequence[Series]) -> dict[str, Figure]:
    found = {}
    for lamp in LAMPS:
        until = [WINDOW * (one.alarms[lamp].index(True) + 1) for one in harmful if any(one.alarms[lamp])]
        found[f"delay_{lamp}"] = Figure(mean(until) if until else float("nan"), "frames, mean of harm that was seen")
    return found


def _by_severity(series: Sequence[Series]) -> dict[str, Figure]:
    return {
        f"severity_{severity}_{lamp}": Figure(
            mean(any(one.alarms[lamp]) for one in series if one.cell.severity == severity), "of series, all kinds"
        )
        for severity, lamp in product(SEVERITIES, ("input", "model"))
    }


def _by_cost(series: Sequence[Series]) -> dict[str, Figure]:
    found = {}
    for low, high in _COSTS:
        chosen = [one for one in series if low <= one.cell.cost < high]
        cells = len({(one.cell.kind, one.cell.severity) for one in chosen})
        name = f"cost_{max(low, 0):g}_to_{min(high, 1):g}"
        for lamp in ("input", "model") if chosen else ():
            share = mean(any(one.alarms[lamp]) for one in chosen)
            found[f"{name}_{lamp}"] = Figure(share, f"of series, {cells} cells")
    return found


def _judge(frames: Pixels, labels: tuple[str, ...], clean: list[Seen], known: np.ndarray) -> Judge:
    chosen = [clean[index] for index in known]
    answers = Answers([one.label for one in chosen], np.array([one.confidence for one in chosen]))
    made = reference_of(frames[known], answers, labels, made_with="tflite", measured=False)
    assert made.calibration is not None
    return Judge(made, made.calibration.thresholds)


def _drift(judge: Judge, seen: Sequence[Seen], held_back: np.ndarray, draws: np.random.Generator) -> Drift:
    window = judge.new_window()
    for index in draws.choice(held_back, WINDOW, replace=False):
        window.add_picture(seen[index].features)
        window.add_answer(seen[index].label, seen[index].confidence, None)
    return judge.judge(window)


def _accuracy(seen: Sequence[Seen], truth: Sequence[str]) -> float:
    return mean(one.label == label for one, label in zip(seen, truth, strict=True))
