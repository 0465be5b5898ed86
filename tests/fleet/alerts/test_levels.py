"""One reading against the limits."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.codec import to_json
from contract.drift import Drift
from contract.messages import FrameLedger, Percentiles
from fleet.alerts.levels import (
    NOTHING,
    Burst,
    Lamps,
    Ledger,
    Memory,
    Seen,
    Stages,
    Tail,
    Usual,
    added,
    begins_anew,
    is_plainly_good,
    judgements,
    remember,
)
from fleet.alerts.rules import Level
from fleet.alerts.settings import AlertSettings, Drops, Latency
from fleet.alerts.settings import Drift as DriftRule
from tests.fleet.simulated import reading


def seen(**said: object) -> Seen:
    """A reading as the store has it, with other values."""
    return msgspec.json.decode(to_json(msgspec.structs.replace(reading(1), **said)), type=Seen)


def judged(kind: str, *readings: Seen, rules: AlertSettings | None = None) -> list[str]:
    """Levels and words of one kind, over readings ten seconds apart."""
    memory, said = Memory(), []
    for n, one in enumerate(readings):
        if begins_anew(memory, "b", one):
            memory.ledger, memory.dropped = NOTHING, 0
        found = dict(judgements(memory, one, 10.0 * n, rules or AlertSettings()))
        remember(memory, "b", n, one)
        level, words = found.get(kind, (Level.UNKNOWN, ""))
        said.append(f"{level.value} {words}".strip())
    return said


def test_heat_says_what_the_firmware_says() -> None:
    assert judged(
        "heat",
        seen(temperature_c=51.5),
        seen(temperature_c=78.0),
        seen(temperature_c=84.4),
        seen(temperature_c=60.0, throttled=True, under_voltage=True),
        seen(temperature_c=None),
        seen(temperature_c=None, throttled=False),
    ) == [
        "good",
        "between",
        "bad 84 °C",
        "bad the processor is held back, the power supply is too weak",
        "unknown",
        "good",
    ]


def lamps(input_changed: bool, model_suffering: bool) -> Drift:
    return Drift(
        frames=50, false_alarms=0.01, input_changed=input_changed, model_suffering=model_suffering, features={}
    )


def test_drift_lamps_count_by_camera_and_only_where_a_window_closed() -> None:
    readings = (
        seen(drift={}),
        seen(drift={"gate": lamps(True, False)}),
        seen(drift={"gate": lamps(True, False), "door": lamps(False, True)}),
    )
    assert judged("drift", *readings) == ["unknown", "good", "bad model suffering (door)"]
    both = AlertSettings(drift=DriftRule(input_changed=True))
    assert judged("drift", *readings, rules=both)[1:] == [
        "bad input changed (gate)",
        "bad model suffering (door); input changed (gate)",
    ]


def ledger(captured: int, **dropped: int) -> FrameLedger:
    return FrameLedger(captured=captured, inferred=captured - sum(dropped.values()), dropped=dropped)


def test_drops_are_those_of_the_window_not_of_the_whole_time() -> None:
    assert judged(
        "drops",
        seen(ledger=ledger(100_000)),
        seen(ledger=ledger(100_100, stale=60)),
        seen(ledger=ledger(100_200, stale=100)),
        seen(ledger=ledger(100_210, stale=110)),
        seen(ledger=ledger(50, stale=40)),
        rules=AlertSettings(drops=Drops(above=0.5, clear_below=0.3)),
    ) == [
        "good",
        "bad 60% of 100 frames dropped (60 stale)",
        "between",
        "unknown",
        "bad 80% of 50 frames dropped (40 stale)",
    ]


def test_restarts_count_from_the_first_look_and_through_a_counter_that_begins_anew() -> None:
    counts = [{"crash": 7}, {"crash": 9}, {"hang": 1}]
    assert judged("restarts", *(seen(restarts=count) for count in counts)) == [
        "good",
        "between",
        "bad 3 restarts of inference (in all: hang 1)",
    ]
    burst = Burst()
    assert [burst.take(total, now_s, 100) for total, now_s in ((0, 0), (2, 10), (2, 109), (2, 110))] == [0, 2, 2, 0]


def test_latency_has_a_fixed_limit_or_the_devices_own() -> None:
    def slow(p95: float) -> Seen:
        return seen(latency_ms={"total": Percentiles(p50=1, p95=p95, p99=p95)}, window_s=60.0)

    assert judged("latency", slow(30.0), seen(latency_ms={})) == ["unknown", "unknown"]
    fixed = AlertSettings(latency=Latency(above_ms=50))
    assert judged("latency", slow(39.0), slow(41.0), slow(50.0), rules=fixed) == [
        "good",
        "between",
        "bad latency p95 50.0 ms, the limit is 50.0 ms",
    ]
    usual = [slow(30.0)] * 60
    assert judged("latency", *usual, slow(59.0), slow(61.0))[-2:] == [
        "between",
        "bad latency p95 61.0 ms, 2 times its usual 30.3 ms is 60.7 ms",
    ]


def test_usual_is_the_median_of_a_noisy_day_and_follows_a_change_within_a_day() -> None:
    chance, usual = Random(5), Usual()
    day = int(86_400 / 60)
    for _ in range(day):
        usual.learn(40.0 if chance.random() < 0.1 else chance.gauss(10.0, 1.0), 60.0)
    assert usual.p95_ms == pytest.approx(10.2, abs=0.4)
    for _ in range(day):
        usual.learn(20.0, 60.0)
    assert usual.p95_ms == pytest.approx(20.0, rel=0.03)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=40))
def test_no_number_makes_the_usual_senseless(values: list[float]) -> None:
    usual = Usual()
    for value in values:
        usual.learn(value, 5.0)
        assert usual.p95_ms is None or 0 < usual.p95_ms < float("inf")


LEDGERS = st.builds(
    Ledger,
    captured=st.integers(0, 10**6),
    inferred=st.integers(0, 10**6),
    dropped=st.dictionaries(st.sampled_from(["stale", "stopping"]), st.integers(0, 1000)),
)


READINGS = st.builds(
    Seen,
    digest=st.sampled_from(["d", "e"]),
    ledger=LEDGERS,
    latency_ms=st.builds(Stages, total=st.none() | st.builds(Tail, p95=st.floats(0.1, 200))),
    temperature_c=st.none() | st.floats(20, 100),
    throttled=st.none() | st.booleans(),
    under_voltage=st.none() | st.booleans(),
    drift=st.dictionaries(st.just("gate"), st.builds(Lamps, st.booleans(), st.booleans()), max_size=1),
    restarts=st.dictionaries(st.just("crash"), st.integers(0, 9), max_size=1),
    outages=st.dictionaries(st.just("gate"), st.integers(0, 9), max_size=1),
)
RULES = st.builds(
    AlertSettings,
    latency=st.builds(Latency, above_ms=st.none() | st.floats(1, 200), factor=st.none() | st.floats(1.1, 3)),
    drops=st.builds(Drops, above=st.just(0.5), clear_below=st.floats(0, 0.5)),
    drift=st.builds(DriftRule, input_changed=st.booleans()),
)


@settings(max_examples=150)
@given(st.lists(READINGS, min_size=1, max_size=8), RULES)
def test_what_is_good_at_a_glance_is_good_by_every_rule(readings: list[Seen], rules: AlertSettings) -> None:
    memory = Memory()
    for n, one in enumerate(readings):
        if begins_anew(memory, "b", one):
            memory.ledger, memory.dropped = NOTHING, 0
        plain = is_plainly_good(memory, one, rules)
        found = [level for _, (level, _) in judgements(memory, one, 10.0 * n, rules)]
        assert not plain or set(found) <= {Level.GOOD, Level.UNKNOWN}
        remember(memory, "b", n, one)


@given(LEDGERS, LEDGERS)
def test_what_a_reading_adds_is_never_negative(old: Ledger, new: Ledger) -> None:
    fresh = added(old, new)
    assert min(fresh.inferred, fresh.damaged, *fresh.dropped.values(), 0) == 0
    assert fresh.captured == new.captured - old.captured
