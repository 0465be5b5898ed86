"""How often windows of unchanged pictures do alarm: measured with the reference's own pictures, not only promised.

Thresholds are simulated from counts; real pictures hang together in ways counts do not show. One half of the pictures
makes a reference, windows are drawn from the other half, and that is done anew several times. All of it comes from
pictures the model has not seen, and no window is judged by a reference its pictures are in.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import mean, stdev

import numpy as np
from numpy.typing import NDArray

from contract.drift import Drift
from contract.reference import Alarmed, Reference
from edge.drift.calibration import FEWEST_PICTURES, WINDOW, thresholds
from edge.drift.distances import Numbers
from edge.drift.window import Judge, Window

HALVINGS, WINDOWS = 4, 80
"""Of the pictures, and windows in each."""
FEWEST = 2 * max(WINDOW, FEWEST_PICTURES)
"""Pictures: of fewer a window would be nearly the whole half it is drawn from."""
_T_95 = 2.353
"""One-sided 95 % of Student's t with `HALVINGS` - 1 degrees of freedom."""
_RULE_OF_THREE = 3.0
"""Upper 95 % bound of a share that was never seen, times the number of trials."""
_SEED = 0
_DIGITS = 4
Indices = NDArray[np.int64]


def measured_false_alarms(
    weights: Numbers, reference_of: Callable[[Indices], Reference], fill: Callable[[Window, Indices], None]
) -> Alarmed:
    """Of windows of `WINDOW` frames; `reference_of` makes one of some of the pictures, `fill` puts some in a window.

    `weights` (N,), N at least `FEWEST`, say how many each picture stands for: windows are drawn by them. Some 1.5 s on
    a PC.
    """
    draws = np.random.default_rng(_SEED)
    rates = [_rates(weights, reference_of, fill, draws) for _ in range(HALVINGS)]
    inputs, models, either = (mean(values) for values in zip(*rates, strict=True))
    spread = stdev(one[2] for one in rates) / HALVINGS**0.5
    upper = max(either + _T_95 * spread, _RULE_OF_THREE / (HALVINGS * WINDOWS))
    return Alarmed(
        windows=HALVINGS * WINDOWS,
        input_changed=round(inputs, _DIGITS),
        model_suffering=round(models, _DIGITS),
        either=round(either, _DIGITS),
        upper=round(min(upper, 1.0), _DIGITS),
    )


def _rates(
    weights: Numbers,
    reference_of: Callable[[Indices], Reference],
    fill: Callable[[Window, Indices], None],
    draws: np.random.Generator,
) -> tuple[float, float, float]:
    """Shares of windows that light the input's lamp, the model's, and either."""
    known, held_back = np.array_split(draws.permutation(len(weights)), 2)
    made = reference_of(known)
    odds = weights[held_back] / weights[held_back].sum()
    judge = Judge(made, thresholds(made))
    found: list[Drift] = []
    for _ in range(WINDOWS):
        window = judge.new_window()
        fill(window, draws.choice(held_back, WINDOW, replace=False, p=odds))
        found.append(judge.judge(window))
    return (
        mean(one.input_changed for one in found),
        mean(one.model_suffering for one in found),
        mean(one.any for one in found),
    )
