"""What becomes of readings over time: summed up as they come, cut down as they age, copied out and brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from fleet.keeping.answers import Series


def series(connection: Connection, device: str | None, *, minutes: float, now_s: float, **narrower: str) -> Series:
    """One device's last minutes, or the whole fleet's where `device` is None, in at most 600 points.

    `narrower` may name a `stage` whose latency is wanted, and for the fleet a `profile` or `model`.
    """
    from fleet.keeping.ranges import series as answer

    return answer(connection, device, minutes=minutes, now_s=now_s, **narrower)
