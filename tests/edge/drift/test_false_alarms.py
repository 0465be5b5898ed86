"""What a reference says about its own false alarms is measured, on pictures that are not in it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
from msgspec import UNSET

from contract.codec import to_pretty_json
from contract.reference import Calibration, parse
from edge.bundles import UNVERIFIED, read_bundle
from edge.drift.false_alarms import FEWEST, HALVINGS, WINDOWS, measured_false_alarms
from edge.drift.features import Measurer, PictureFeatures
from edge.drift.profile import Answers, reference_of
from edge.drift.window import Window
from edge.frames import Pixels


def pictures(count: int, lighter: int = 0) -> Pixels:
    draws = np.random.default_rng(0)
    base = draws.integers(20, 120, (count, 1, 1, 1))
    return np.asarray(base + draws.integers(0, 60, (count, 12, 12, 1)) + lighter, np.uint8)


def answers(count: int) -> Answers:
    draws = np.random.default_rng(1)
    return Answers(draws.choice(["cat", "dog"], count).tolist(), draws.random(count))


def test_unchanged_pictures_alarm_seldom_and_the_bound_is_over_the_rate() -> None:
    found = reference_of(pictures(160), answers(160), ("cat", "dog"), made_with="tflite").calibration
    assert found is not None
    assert found.alarmed is not UNSET
    assert found.alarmed.windows == HALVINGS * WINDOWS
    assert found.alarmed.either <= 0.03  # the thresholds aim at 0.0025
    assert found.alarmed.upper >= max(found.alarmed.either, 3 / found.alarmed.windows - 1e-4)


def test_windows_of_other_pictures_than_the_reference_s_are_counted_as_alarms() -> None:
    """The very measurement, with windows that are lighter: it would notice if pictures did not hang together."""
    measure = Measurer((12, 12, 1)).measure
    seen = [measure(picture) for picture in pictures(FEWEST, lighter=70)]

    def fill(window: Window, chosen: np.ndarray) -> None:
        for index in chosen:
            one: PictureFeatures = seen[index]
            window.add_picture(one)
            window.add_answer("cat", 0.5, None)

    found = measured_false_alarms(
        np.ones(FEWEST),
        lambda chosen: reference_of(
            pictures(FEWEST)[chosen], Answers(["cat"] * len(chosen), np.full(len(chosen), 0.5)), ("cat",),
            made_with="tflite", measured=False,
        ),
        fill,
    )  # fmt: skip
    assert (found.input_changed, found.model_suffering, found.either, found.upper) == (1.0, 0.0, 1.0, 1.0)


def test_too_few_pictures_measure_nothing() -> None:
    made = reference_of(pictures(FEWEST - 1), answers(FEWEST - 1), ("cat", "dog"), made_with="tflite")
    assert made.calibration is not None
    assert made.calibration.alarmed is UNSET
    assert b"alarmed" not in to_pretty_json(made)


def test_an_older_reference_is_read_and_written_as_it_was() -> None:
    older = msgspec.json.encode({"window": 50, "false_alarms": 0.01, "thresholds": {"noise": 5.0}, "power": {}})
    assert msgspec.json.encode(msgspec.json.decode(older, type=Calibration)) == older


def test_a_bundle_s_reference_is_of_its_int8_file_and_says_how_sure_it_is(digits_bundles: dict[str, Path]) -> None:
    bundle = read_bundle(digits_bundles["rpi4"], UNVERIFIED)
    reference = parse(bundle.members["reference.json"], where="bundle")
    assert reference.made_with == "tflite"
    assert reference.calibration is not None
    assert min(reference.calibration.power.values()) > 0.95
    assert reference.calibration.alarmed is not UNSET
    assert reference.calibration.alarmed.either <= 0.05
