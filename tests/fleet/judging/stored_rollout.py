"""A running rollout as the store holds it: devices on both models and what they said, written into the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import msgspec
from sqlalchemy.engine import Connection

from contract.codec import to_json
from contract.messages import Percentiles
from fleet import tables
from fleet.answers import HealthLimits
from fleet.judging.limits import Judging
from tests.fleet.simulated import DIGEST, reading

NEW = "sha256:" + "2" * 64
TOLD_S = 1_000_000.0
COMMITTED_S = TOLD_S + 120.0


class StoredRollout:
    """One rollout; every device told at `TOLD_S` commits at `COMMITTED_S` unless said otherwise."""

    def __init__(self, connection: Connection, judging: Judging | None = None) -> None:
        self.connection, self.chance = connection, Random(5)
        limits = HealthLimits(judging=judging or Judging())
        said = {"name": "digits", "version": 2, "phases": "[]", "limits": limits.model_dump_json(), "detail": ""}
        insert = tables.ROLLOUTS.insert().returning(tables.ROLLOUTS.c.id)
        found = connection.scalar(insert.values(deadline_s=1800.0, state="running", created_s=TOLD_S - 60, **said))
        assert isinstance(found, int)
        self.id = found

    def control(self, names: Sequence[str], **device: Any) -> None:
        """Devices on the old model that wait."""
        self._devices(names, {"online": True, "digest": DIGEST, "last_seen_s": TOLD_S + 10_000, **device})
        self._targets(names, {"wave": 1, "state": "waiting", "updated_s": TOLD_S - 60})

    def canaries(self, names: Sequence[str], state: str = "committed", **device: Any) -> None:
        """Devices that were told."""
        self._devices(names, {"online": True, "digest": NEW, "last_seen_s": TOLD_S + 10_000, **device})
        self._targets(names, {"wave": 0, "state": state, "updated_s": COMMITTED_S, "told_s": TOLD_S})

    def said(
        self,
        names: Sequence[str],
        first_s: float,
        last_s: float,
        digest: str,
        *,
        ms: float = 10.0,
        period_s: float = 10.0,
        **fields: Any,
    ) -> None:
        """A reading each `period_s`; each device has its own speed, and noise."""
        rows = []
        for name in names:
            own = ms * (1 + Random(name).random())
            for n in range(int((last_s - first_s) / period_s)):
                at_s = first_s + n * period_s
                p95 = own * self.chance.gauss(1.0, 0.05)
                latency = {"total": Percentiles(p50=p95 / 2, p95=p95, p99=p95 * 2)}
                told = reading(int(at_s), at_s=at_s)
                body = to_json(msgspec.structs.replace(told, digest=digest, latency_ms=latency, **fields)).decode()
                rows.append(_message(name, int(at_s), at_s, body))
        self.connection.execute(tables.TELEMETRY.insert(), rows)

    def stored(self, name: str, at_s: float, body: str) -> None:
        """One row of telemetry, whatever it holds."""
        self.connection.execute(tables.TELEMETRY.insert().values(_message(name, int(at_s) + 5, at_s, body)))

    def _devices(self, names: Sequence[str], values: Mapping[str, Any]) -> None:
        rows = [{"device": name, "model": "digits@1", "first_seen_s": 0.0, **values} for name in names]
        self.connection.execute(tables.DEVICES.insert(), rows)

    def _targets(self, names: Sequence[str], values: Mapping[str, Any]) -> None:
        each = {"rollout": self.id, "digest": NEW, "detail": "", "told_s": None, **values}
        self.connection.execute(tables.ASSIGNMENTS.insert(), [{"device": name, **each} for name in names])


def names(prefix: str, count: int) -> list[str]:
    """`count` devices."""
    return [f"{prefix}-{n:05d}" for n in range(count)]


def _message(name: str, sequence: int, at_s: float, body: str) -> dict[str, Any]:
    return {"device": name, "boot": "b", "sequence": sequence, "at_s": at_s, "received_s": at_s, "body": body}
