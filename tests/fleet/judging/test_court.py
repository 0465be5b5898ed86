"""What follows from what has been heard: seldom wrong, soon sure, honest about few devices."""

from __future__ import annotations

import math

import numpy as np
import pytest
from msgspec import msgpack
from pydantic import ValidationError

from fleet.judging.court import MOST_CANARIES, Changes, Hearing, allowance, bounds
from fleet.judging.limits import Judging
from fleet.judging.metrics import METRICS
from fleet.judging.ranks import Floats
from fleet.judging.verdicts import Verdict
from fleet.judging.words import pronounce

DEFAULT = Judging()


def say(hearing: Hearing, allowed: Judging = DEFAULT) -> Verdict:
    return pronounce(hearing, allowed, new="digits@2", old="digits@1")


def drawn(values: Floats) -> Changes:
    """With lots of their own."""
    return Changes(values, np.random.default_rng(values.size).random(values.size))


def latency(hearing: Hearing, canaries: int, controls: int, growth: float, chance: np.random.Generator) -> None:
    control = drawn(chance.normal(0.02, 0.05, controls))
    hearing.hear_changes(
        0, "latency", DEFAULT, control, drawn(chance.normal(0.02 + math.log1p(growth), 0.05, canaries))
    )


def test_the_chances_of_all_tests_add_up_to_alpha() -> None:
    bound, looks = bounds(DEFAULT), len(DEFAULT.looks_s)
    tests = {"failures": 1, "silence": looks, "readings": looks * len(METRICS)}
    assert sum(number / bound[name] for name, number in tests.items()) == pytest.approx(DEFAULT.alpha)


def test_a_model_half_as_slow_again_is_found_on_eight_devices_and_told_in_a_sentence() -> None:
    hearing = Hearing()
    latency(hearing, 8, 200, 0.5, np.random.default_rng(1))
    found = say(hearing)
    assert found.halt
    assert found.cause == "latency"
    assert found.detail.startswith("latency p95 +")
    assert "on 8 devices on digits@2 against +" in found.detail
    assert found.detail.endswith("on 200 on digits@1, 5 min after the switch; surely beyond the +15 % allowed")
    (finding,) = found.findings
    assert (finding.devices_canary, finding.devices_control) == (8, 200)
    assert finding.canary == pytest.approx(0.5, abs=0.1)
    assert finding.control == pytest.approx(0.02, abs=0.02)
    assert finding.statistic > finding.bound


@pytest.mark.parametrize(("canaries", "controls"), [(1, 10_000), (2, 200), (7, 10), (40, 3), (5, 0)])
def test_few_devices_never_halt_by_what_they_say(canaries: int, controls: int) -> None:
    hearing = Hearing()
    latency(hearing, canaries, controls, 9.0, np.random.default_rng(2))
    assert not say(hearing).halt


def test_a_real_difference_within_what_is_allowed_never_halts() -> None:
    chance, hearing = np.random.default_rng(3), Hearing()
    for _ in range(10):
        latency(hearing, 60, 200, 0.12, chance)
    found = say(hearing)
    assert not found.halt
    assert found.findings[0].statistic < 10
    assert found.findings[0].words.endswith("not surely beyond the +15 % allowed")


def test_worse_for_everybody_is_more_evidence_and_worse_for_control_less() -> None:
    chance = np.random.default_rng(5)
    control, canaries = chance.normal(size=200), chance.normal(size=30)

    def peak(canary_shift: float, control_shift: float = 0.0) -> float:
        hearing = Hearing()
        hearing.hear_changes(0, "drift", DEFAULT, drawn(control + control_shift), drawn(canaries + canary_shift))
        return hearing.tallies["0:drift"].peak

    shifts = [peak(shift) for shift in (0.0, 1.0, 2.0, 4.0)]
    assert shifts == sorted(shifts)
    assert shifts[-1] > math.log(bounds(DEFAULT)["readings"])
    assert peak(4.0, 4.0) == pytest.approx(peak(0.0))


def test_what_is_no_number_or_nobody_told_is_left_out() -> None:
    hearing, nan = Hearing(), drawn(np.full(5, math.nan))
    hearing.hear_changes(0, "accuracy", DEFAULT, nan, nan)
    odd = drawn(np.array([math.inf, -math.inf, math.nan, 0.2, 0.3]))
    hearing.hear_changes(0, "errors", DEFAULT, odd, odd)
    assert hearing.tallies["0:errors"].ranks.heard == 2
    assert hearing.tallies["0:errors"].controls == 2
    assert hearing.tallies["0:accuracy"].ranks.heard == 0
    assert [finding.metric for finding in say(hearing).findings] == ["errors"]


def test_after_so_many_devices_a_look_hears_no_more() -> None:
    hearing = Hearing()
    for _ in range(3):
        hearing.hear_changes(0, "errors", DEFAULT, drawn(np.zeros(9)), drawn(np.zeros(250)))
    assert hearing.tallies["0:errors"].ranks.heard == MOST_CANARIES


def test_a_comparison_that_was_left_out_is_not_made() -> None:
    allowed, hearing = Judging(latency=None, failures=None, silence=None), Hearing()
    hearing.hear_changes(0, "latency", allowed, drawn(np.zeros(99)), drawn(np.full(50, 9.0)))
    hearing.hear_failures(allowed, told=50, failed=50)
    hearing.hear_silence(0, allowed, canaries=50, gone=50, controls=99, controls_gone=0)
    assert say(hearing, allowed) == Verdict(halt=False, detail="nothing to compare yet")
    assert allowance(allowed, "latency") is None
    assert bounds(allowed)["readings"] < bounds(DEFAULT)["readings"]


def test_a_third_of_failures_halts_within_a_wave_of_fifty_and_one_in_fifty_does_not() -> None:
    hearing = Hearing()
    hearing.hear_failures(DEFAULT, told=50, failed=1)
    assert not say(hearing).halt
    hearing.hear_failures(DEFAULT, told=50, failed=15)
    found = say(hearing)
    assert (found.halt, found.cause) == (True, "failures")
    assert found.detail == "15 of 50 devices told to take digits@2 failed; surely beyond the 5 % allowed"


def test_three_of_three_that_fail_are_enough_and_two_are_not() -> None:
    for told, halts in ((1, False), (2, False), (3, True)):
        hearing = Hearing()
        hearing.hear_failures(DEFAULT, told=told, failed=told)
        assert say(hearing).halt == halts


def test_silence_of_canaries_alone_halts_and_silence_of_all_does_not() -> None:
    alone, together = Hearing(), Hearing()
    alone.hear_silence(0, DEFAULT, canaries=10, gone=8, controls=500, controls_gone=5)
    together.hear_silence(0, DEFAULT, canaries=10, gone=8, controls=500, controls_gone=400)
    assert say(alone).detail == (
        "8 of 10 devices that began to take digits@2 were gone 5 min later, against 5 of 500 devices not told; "
        "surely beyond the 5 % allowed above these"
    )
    assert not say(together).halt


def test_evidence_once_there_stays_and_survives_being_kept() -> None:
    hearing = Hearing()
    latency(hearing, 20, 200, 0.6, np.random.default_rng(6))
    kept = msgpack.decode(msgpack.encode(hearing), type=Hearing)
    assert say(kept) == say(hearing)
    for _ in range(5):
        latency(kept, 60, 200, -0.5, np.random.default_rng(7))
    assert say(kept).halt


def test_looked_at_all_the_time_a_harmless_model_halts_as_seldom_as_promised() -> None:
    """At the very edge of what is allowed, with heavy tails, as many canaries as control, and a large alpha."""
    allowed = Judging(alpha=0.4, looks_s=(300.0,), failures=None, silence=None)
    halted, seeds = 0, 200
    for seed in range(seeds):
        chance, hearing = np.random.default_rng(seed), Hearing()
        bodies = {metric: drawn(chance.standard_t(3, 40)) for metric in METRICS}
        for _ in range(10):
            for metric, control in bodies.items():
                limit = allowance(allowed, metric)
                assert limit is not None
                hearing.hear_changes(0, metric, allowed, control, drawn(limit + chance.standard_t(3, 4)))
        halted += say(hearing, allowed).halt
    # Half of alpha belongs to readings; the standard error of 200 seeds is 0.03.
    assert 0 < halted / seeds < 0.2 + 0.06


def test_settings_that_make_no_sense_are_refused() -> None:
    for said in (
        {"alpha": 0},
        {"looks_s": ()},
        {"looks_s": (60, 60)},
        {"latency": -1},
        {"confidence": 2},
        {"latecny": 0.1},
    ):
        with pytest.raises(ValidationError):
            Judging.model_validate(said)
