"""How fast devices are told: `50/min`, `600/h`, and growing, `50/min*2..400` (doubled each minute, at most 400). Pure.

Growth by a factor up to a most is what AWS IoT Jobs calls an exponential rollout rate; here it grows with each minute
in which telling was allowed and nothing halted it.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from contract.errors import ConfigError

_FORM = re.compile(
    r"(?P<count>[1-9][0-9]{0,6})/(?P<unit>min|h)(?:\*(?P<factor>[0-9]{1,2}(?:\.[0-9]{1,3})?)(?:\.\.(?P<most>[1-9][0-9]{0,6}))?)?"
)
_UNIT_MIN = {"min": 1, "h": 60}


class Rate(NamedTuple):
    """Devices a minute."""

    per_minute: float
    factor: float
    """What it is multiplied by after each minute; 1 for an even rate."""
    most_per_minute: float

    def allowed(self, active_s: float) -> int:
        """How many devices may have been told `active_s` seconds after the first; one at once."""
        whole, rest = divmod(max(0.0, active_s) / 60, 1)
        return 1 + math.floor(self._told_by(int(whole)) + self._speed(int(whole)) * rest + 1e-9)

    def minutes_for(self, devices: int) -> float:
        """How long it takes to tell that many."""
        left, minute = float(devices - 1), 0
        while left > self._speed(minute) and self._speed(minute) < self.most_per_minute:
            left -= self._speed(minute)
            minute += 1
        return minute + max(0.0, left) / self._speed(minute)

    def _speed(self, minute: int) -> float:
        if self.factor == 1 or minute >= self._even_from:
            return self.most_per_minute
        return self.per_minute * self.factor**minute

    @property
    def _even_from(self) -> int:
        return math.ceil(math.log(self.most_per_minute / self.per_minute) / math.log(self.factor))

    def _told_by(self, minutes: int) -> float:
        if self.factor == 1:
            return self.per_minute * minutes
        growing = min(minutes, self._even_from)
        grown = self.per_minute * (self.factor**growing - 1) / (self.factor - 1)
        return grown + self.most_per_minute * (minutes - growing)


def parse(text: str) -> Rate | None:
    """A phase as a rate; None where it is not written like one."""
    if "/" not in text:
        return None
    match = _FORM.fullmatch(text)
    factor = 1.0 if match is None or match["factor"] is None else float(match["factor"])
    if match is None or not 1 <= factor <= 10:
        raise ConfigError(
            f"{text!r} is not a rate",
            where="phases",
            fix="Write 50/min or 600/h, or 50/min*2..400 to double each minute up to 400.",
        )
    unit = _UNIT_MIN[match["unit"]]
    start = int(match["count"]) / unit
    if factor == 1:
        return Rate(start, 1.0, start)
    most = int(match["most"]) / unit if match["most"] else start * 1000
    return Rate(start, factor, max(start, most))
