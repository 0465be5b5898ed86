"""The server for Prometheus: totals from the store, so that they survive a restart and add up over several collectors.

No metric carries a device's name: a label with thousands of values would burden the monitoring more than it tells.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from fleet.answers import Health, Stats
from fleet.durations import Durations
from fleet.ecosystem.aggregate_metrics import families
from fleet.ecosystem.aggregates import Aggregates


def exposition(stats: Stats, health: Health, aggregates: Aggregates, commits: Durations) -> tuple[bytes, str]:
    """The text format 0.0.4 and its media type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(stats, health, aggregates, commits))
    return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


class _Snapshot(Collector):
    """One moment as metrics."""

    def __init__(self, stats: Stats, health: Health, aggregates: Aggregates, commits: Durations) -> None:
        self._stats, self._health, self._aggregates, self._commits = stats, health, aggregates, commits

    def collect(self) -> Iterator[Metric]:
        stats, health = self._stats, self._health
        yield from families(self._aggregates, self._commits)
        stored = CounterMetricFamily("edgeferry_messages_stored", "Messages in the store by kind.", labels=["kind"])
        for kind, count in stats.messages.model_dump().items():
            stored.add_metric([kind], count)
        yield stored
        yield CounterMetricFamily(
            "edgeferry_messages_lost", "Messages devices gave up before storage.", value=stats.lost
        )
        yield CounterMetricFamily(
            "edgeferry_messages_quarantined", "Messages that could not be read.", value=stats.quarantined
        )
        yield CounterMetricFamily(
            "edgeferry_messages_let_go", "Messages not taken; devices resend.", value=health.let_go
        )
        yield GaugeMetricFamily("edgeferry_messages_waiting", "Messages not yet committed.", value=health.waiting)
        expiries = GaugeMetricFamily(
            "edgeferry_metadata_expiry_timestamp_seconds", "When update metadata expires, by role.", labels=["role"]
        )
        for role, expires_s in health.metadata_expires_s.items():
            expiries.add_metric([role], expires_s)
        yield expiries
        yield GaugeMetricFamily(
            "edgeferry_broker_connected", "1 while the broker is there.", value=health.broker_connected
        )
