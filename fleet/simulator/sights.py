"""What a simulated device sees: readings, events, and the numbers a new model comes to, all from its own chance."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from contract.health import Comparison, Numbers
from contract.manifest import Digest
from contract.messages import Event, FrameLedger, Limits, Percentiles, Telemetry
from contract.result import ClassScore, Result
from fleet.simulator.behaviours import Traits

FRAMES_PER_S = 10.0
_INVOKE_MS = 8.0
_MIB = 1 << 20
LABELS = ("person", "forklift", "pallet")


class Here(NamedTuple):
    """What every message says of the moment and the model."""

    at: str
    model: str
    digest: Digest
    traits: Traits


class Sights:
    """One device's camera and models, as numbers."""

    def __init__(self, chance: Random, latency_factor: float) -> None:
        self._chance, self._factor = chance, latency_factor
        self._inferred = self._dropped = 0
        self._warmth_c = chance.uniform(45.0, 60.0)

    def new_model(self) -> None:
        """Its ledger begins at nothing."""
        self._inferred = self._dropped = 0

    def reading(self, sequence: int, here: Here, *, window_s: float, waiting: int, lost: int) -> Telemetry:
        """One window."""
        chance = self._chance
        frames = max(1, round(FRAMES_PER_S * window_s))
        stale = int(frames * chance.random() * 0.02)
        self._inferred += frames - stale
        self._dropped += stale
        p50 = chance.gauss(_INVOKE_MS, 0.4) * self._factor * here.traits.latency
        first = round((frames - stale) * 0.7)
        return Telemetry(
            sequence=sequence,
            at=here.at,
            window_s=window_s,
            model=here.model,
            digest=here.digest,
            ledger=FrameLedger(
                captured=self._inferred + self._dropped, inferred=self._inferred, dropped={"stale": self._dropped}
            ),
            frames_per_s=round((frames - stale) / window_s, 3),
            latency_ms={
                "invoke": _percentiles(p50),
                "total": _percentiles(p50 + 1.5),
            },
            classes={LABELS[0]: first, LABELS[1]: frames - stale - first},
            mean_confidence=round(_share(chance.gauss(here.traits.confidence, 0.01)), 4),
            rss_bytes=44 * _MIB,
            temperature_c=round(chance.gauss(self._warmth_c, 0.5), 1),
            outbox_waiting=waiting,
            outbox_lost=lost,
        )

    def event(self, sequence: int, here: Here) -> Event:
        """One frame's answer, kept because it was another than before."""
        index = self._chance.randrange(len(LABELS))
        score = round(_share(self._chance.gauss(here.traits.confidence, 0.03)), 4)
        found = ClassScore(index=index, label=LABELS[index], score=score)
        said = Result(
            source="camera",
            frame=self._inferred,
            captured_at=here.at,
            model=here.model,
            digest=here.digest,
            classes=(found,),
        )
        return Event(sequence=sequence, result=said)

    def beside(self, limits: Limits, traits: Traits) -> Comparison:
        """What a shadow run of the new model comes to."""
        serving_ms = _INVOKE_MS * 1.2 * self._factor
        return Comparison(
            numbers=self._numbers(limits.shadow_frames, traits),
            agreement=_share(self._chance.gauss(traits.agreement, 0.005)),
            serving_p95_ms=serving_ms,
            memory_bytes=60 * _MIB,
        )

    def serving(self, limits: Limits, traits: Traits) -> Numbers:
        """What a health window of the new model comes to."""
        return self._numbers(limits.health_frames, traits)

    def _numbers(self, frames: int, traits: Traits) -> Numbers:
        errors = sum(self._chance.random() < traits.errors for _ in range(frames)) if traits.errors else 0
        return Numbers(
            frames=frames,
            errors=errors,
            mean_confidence=_share(self._chance.gauss(traits.confidence, 0.01)),
            latency_p95_ms=_INVOKE_MS * 1.2 * self._factor * traits.latency * self._chance.uniform(0.97, 1.03),
        )


def _percentiles(p50: float) -> Percentiles:
    return Percentiles(p50=round(p50, 3), p95=round(p50 * 1.2, 3), p99=round(p50 * 1.5, 3))


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))
