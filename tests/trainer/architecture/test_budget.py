"""What a person writes as a budget, and what is held against it."""

from __future__ import annotations

import msgspec
import pytest

from contract.errors import ConfigError
from trainer.architecture.budget import (
    Budget,
    Prediction,
    default_budget,
    excesses,
    overrun,
    parse_budgets,
    worst_excess,
)


def test_limits_are_read_in_every_unit() -> None:
    assert parse_budgets(["rpi4:30ms,2MB; coral-usb:20fps,512KiB", "rpi5:1.5MiB,ram=120MiB"]) == (
        Budget(profile="rpi4", latency_ms=30.0, size_bytes=2_000_000),
        Budget(profile="coral-usb", latency_ms=50.0, size_bytes=524_288),
        Budget(profile="rpi5", size_bytes=1_572_864, memory_mib=120.0),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("30ms", "needs a profile"),
        ("rpi4:", "needs a profile and a limit"),
        ("rpi9:30ms", "no profile 'rpi9'"),
        ("rpi4:fast", "'fast' is no limit"),
        ("rpi4:30s", "no unit 's'"),
        ("rpi4:ram=30ms", "no unit 'ms'"),
        ("rpi4:0ms", "leaves nothing"),
        ("rpi4:30ms,20fps", "two limits of latency_ms"),
        ("rpi4:30ms;rpi4:2MB", "two budgets for rpi4"),
    ],
)
def test_bad_text_is_one_sentence(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as problem:
        parse_budgets([text])
    assert said in problem.value.what
    assert problem.value.fix


def test_a_budget_in_words_is_one_that_can_be_read() -> None:
    budgets = parse_budgets(["rpi4:30ms,2MB,ram=100MiB"])
    assert parse_budgets([str(budgets[0])]) == budgets


def test_a_profiles_own_budget_is_ten_frames_a_second_in_the_memory_it_gives() -> None:
    assert default_budget("rpi4") == Budget(profile="rpi4", latency_ms=100.0, memory_mib=512.0)


PREDICTION = Prediction(
    profile="rpi4", latency_ms=20.0, low=12.7, high=46.5, size_bytes=1_000_000, memory_mib=60.0, macs=1,
    precision="int8", error_share=0.57, source="somebody",
)  # fmt: skip


def test_the_upper_end_of_the_band_is_held_against_the_limit() -> None:
    (budget,) = parse_budgets(["rpi4:30ms,2MB"])
    assert excesses(PREDICTION, budget) == {"latency_ms": 46.5 / 30, "size_bytes": 0.5}
    assert worst_excess({"rpi4": PREDICTION}, [budget]) == 46.5 / 30
    assert overrun({"rpi4": PREDICTION}, [budget]) == "rpi4 20 ms (up to 46.5 ms) where 30 ms are allowed"


def test_without_a_band_the_prediction_itself_is_held_against_it() -> None:
    (budget,) = parse_budgets(["rpi4:30ms"])
    assert overrun({"rpi4": msgspec.structs.replace(PREDICTION, low=None, high=None)}, [budget]) == ""
