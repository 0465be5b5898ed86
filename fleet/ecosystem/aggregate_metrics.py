"""Aggregates as metrics, named by Prometheus' conventions: base units, `_total` for what only grows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeHistogramMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from fleet.alerts.settings import KINDS, AlertSettings
from fleet.durations import Durations
from fleet.ecosystem.aggregates import Aggregates

_DEFAULTS = AlertSettings()
Values = Mapping[Any, int]
"""Of a gauge, by its labels."""


def families(found: Aggregates, commits: Durations) -> Iterator[Metric]:
    """Everything `found` says, and how long commits took."""
    yield InfoMetricFamily("edgeferry_build", "This software.", value={"version": metadata.version("edgeferry")})
    yield _gauge(
        "edgeferry_devices",
        "Known devices by presence, profile and model.",
        ("presence", "profile", "model"),
        found.devices or {("online", "unknown", "unknown"): 0},
    )
    yield from _frames(found)
    yield from _distributions(found)
    yield _gauge(
        "edgeferry_devices_held_back",
        "Online devices that the firmware throttles, or whose power is too weak, by reason.",
        ("reason",),
        {(reason,): count for reason, count in found.held_back.items()},
    )
    yield _gauge(
        "edgeferry_drift_lamps_lit",
        "Devices whose last windows had this drift lamp lit.",
        ("lamp",),
        {(lamp,): count for lamp, count in found.lamps.items()},
    )
    yield _gauge(
        "edgeferry_rollouts", "Rollouts by state.", ("state",), {(state,): n for state, n in found.rollouts.items()}
    )
    yield _gauge(
        "edgeferry_rollout_devices",
        "Devices of unfinished rollouts by state.",
        ("rollout", "release", "state"),
        {(str(one.rollout), one.release, state): n for one in found.progress for state, n in one.devices.items()},
    )
    is_open = {kind for kind, _ in found.alerts}
    none = {(kind, str(_DEFAULTS.severity_of(kind))): 0 for kind in KINDS if kind not in is_open}
    yield _gauge("edgeferry_alerts_open", "Open alerts by kind.", ("kind", "severity"), none | found.alerts)
    yield GaugeMetricFamily("edgeferry_notifications_waiting", "Notifications not sent yet.", value=found.notifications)
    durations = HistogramMetricFamily("edgeferry_store_commit_duration_seconds", "Commits of received messages.")
    durations.add_metric([], list(commits.buckets()), commits.sum_s)
    yield durations


def _frames(found: Aggregates) -> Iterator[Metric]:
    outcomes = dict.fromkeys(("inferred", "gated", "damaged", "dropped"), 0)
    for (outcome, _), frames in found.frames.items():
        outcomes[outcome] += frames
    captured = CounterMetricFamily("edgeferry_frames", "Captured frames by what became of them.", labels=["outcome"])
    for outcome, frames in outcomes.items():
        captured.add_metric([outcome], frames)
    dropped = CounterMetricFamily("edgeferry_frames_dropped", "Frames nobody looked at, by cause.", labels=["cause"])
    causes = {cause: frames for (outcome, cause), frames in found.frames.items() if outcome == "dropped"}
    for cause, frames in sorted((causes or {"stale": 0}).items()):
        dropped.add_metric([cause], frames)
    yield from (captured, dropped)


def _distributions(found: Aggregates) -> Iterator[Metric]:
    latency = GaugeHistogramMetricFamily(
        "edgeferry_device_latency_p95_seconds",
        "Online devices by the p95 of a whole frame in their newest reading.",
        labels=["profile", "model"],
    )
    for labels, distribution in sorted(found.latency_s.items()):
        latency.add_metric(labels, list(distribution.buckets()), distribution.total)
    temperature = GaugeHistogramMetricFamily(
        "edgeferry_device_temperature_celsius",
        "Online devices by the temperature in their newest reading.",
        labels=["profile"],
    )
    for profile, distribution in sorted(found.temperature_c.items()):
        temperature.add_metric([profile], list(distribution.buckets()), distribution.total)
    yield from (latency, temperature)


def _gauge(name: str, words: str, labels: tuple[str, ...], values: Values) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(key, value)
    return family
