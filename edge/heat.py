"""Keeps the machine cool by doing less, before the firmware does it in its own rough way.

A firmware that throttles halves the clock at once and nobody knows why frames take twice as long. The governor asks for
fewer frames a second instead, a little at a time, beginning 5 °C under the limit, and says why. It is a table of shares
and a few rules, and it has no clock: the caller says how late it is. Sensors are `edge/thermal.py`; obeying is the
runtime's.
"""

from __future__ import annotations

import math
from pathlib import Path

from msgspec import Struct

from edge.thermal import Heat, HeatSensors

DEFAULT_LIMIT_C = 80.0
"""Where a Raspberry Pi begins to slow down, and nobody says otherwise."""
LEAST_SHARE = 0.1
_STEP = 0.9
_SHARES = (*(_STEP**step for step in range(math.floor(math.log(LEAST_SHARE, _STEP)) + 1)), LEAST_SHARE)
"""Of the full rate, from all to least."""
_MARGIN_C = 5.0
"""Work is reduced from this far under the limit on."""
_BAND_C = 3.0
"""Between this much cooler and the margin nothing changes, so that a reading that trembles moves nothing."""
_SETTLE_S = 20.0
"""Between two small steps down: a heat sink needs a while to show what the last one did."""
_COOL_S = 30.0
"""Cool for so long, and a step up is tried."""
_TRIAL_S = 300.0
"""A step up that is taken back within this time was one too many."""
_LONGEST_COOL_S = 1800.0
"""Each such failure doubles the wait for the next trial, up to this."""
_LEARNT_C = 15.0
"""A firmware that throttles earlier than its limit says is believed down to so far under it."""
_ONE_THREAD, _ALL_THREADS = 0.5, 0.75
"""Shares at which the inference goes to one thread, and back. Far apart: a change may cost a load of the model."""


class Advice(Struct, frozen=True, kw_only=True):
    """What the runtime should do until the next advice."""

    frame_share: float
    """0.1..1 of the frames a second it would answer on a cool day."""
    threads: int | None
    """At most so many for the inference; None for as many as configured."""
    why: str
    """A few words for a person; empty while nothing is held back."""


class Governor:
    """Advises by temperature and time. Not for two threads.

    `limit_c` is the temperature to stay under; None takes the kernel's passive trip point, or 80 °C without one.
    """

    def __init__(self, limit_c: float | None = None, *, root: Path = Path("/")) -> None:
        if limit_c is None:
            limit_c = HeatSensors(root).limit_c or DEFAULT_LIMIT_C
        self._limit_c = limit_c
        self._least_limit_c = self._limit_c - _LEARNT_C
        self._step = 0
        self._celsius = -math.inf
        self._one_thread = False
        self._lowered_s = -math.inf
        self._trial_s: float | None = None
        self._cool_since_s: float | None = None
        self._cool_s = _COOL_S

    @property
    def limit_c(self) -> float:
        """What it stays under now: as told, or lower where the firmware was seen to throttle earlier."""
        return self._limit_c

    def advise(self, heat: Heat, now_s: float) -> Advice:
        """What to do from now on; call it about once a second. `now_s` is any clock that does not go back.

        A reading without a temperature changes nothing.
        """
        if heat.celsius is not None and math.isfinite(heat.celsius):
            self._learn(heat, heat.celsius)
            self._move(heat.celsius, now_s)
            self._celsius = heat.celsius
        share = _SHARES[self._step]
        self._one_thread = share < (_ALL_THREADS if self._one_thread else _ONE_THREAD)
        return Advice(frame_share=share, threads=1 if self._one_thread else None, why=self._why(heat))

    def _learn(self, heat: Heat, celsius: float) -> None:
        """A clock held down for want of voltage says nothing about heat."""
        if heat.throttled and not heat.under_voltage:
            self._limit_c = max(self._least_limit_c, min(self._limit_c, celsius))

    def _move(self, celsius: float, now_s: float) -> None:
        over_c = celsius - (self._limit_c - _MARGIN_C)
        if over_c >= 0:
            self._cool_since_s = None
            self._lower(celsius, over_c, now_s)
        elif over_c >= -_BAND_C:
            self._cool_since_s = None
        elif self._cool_since_s is None:
            self._cool_since_s = now_s
        elif self._step > 0 and now_s - self._cool_since_s >= self._cool_s:
            self._raise(now_s)

    def _lower(self, celsius: float, over_c: float, now_s: float) -> None:
        """At once to what this temperature allows at most; and on in small steps while that does not make it cooler."""
        step = max(self._step, _step_for(over_c))
        if now_s - self._lowered_s >= _SETTLE_S and celsius >= self._celsius:
            step = max(step, min(self._step + 1, len(_SHARES) - 1))
        if step == self._step:
            return
        if self._trial_s is not None and now_s - self._trial_s < _TRIAL_S:
            self._cool_s = min(2 * self._cool_s, _LONGEST_COOL_S)
            self._trial_s = None
        self._step, self._lowered_s = step, now_s

    def _raise(self, now_s: float) -> None:
        if self._trial_s is not None and now_s - self._trial_s >= _TRIAL_S:
            self._cool_s = _COOL_S
        self._step -= 1
        self._trial_s = self._cool_since_s = now_s

    def _why(self, heat: Heat) -> str:
        words = []
        if self._step > 0:
            share = f"{_SHARES[self._step]:.0%} of the frames"
            words.append(f"{self._celsius:.0f} °C, to stay under {self._limit_c:.0f} °C: {share}")
        if self._step == len(_SHARES) - 1 and self._celsius >= self._limit_c:
            words.append("this is the least, and it is still too hot")
        if heat.under_voltage:
            words.append("the power supply is too weak")
        return "; ".join(words)


def _step_for(over_c: float) -> int:
    """The first step no larger than a straight line from all at the margin's edge to the least at the limit."""
    allowed = max(LEAST_SHARE, 1.0 - (1.0 - LEAST_SHARE) * over_c / _MARGIN_C)
    return next(step for step, share in enumerate(_SHARES) if share <= allowed)
