"""The watch on a device: when it looks, what it says, and which references do not serve it."""

from __future__ import annotations

import json
import logging
import math

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from contract.codec import to_json
from contract.drift import Drift
from contract.errors import DamagedFrameError
from contract.manifest import Classify, Manifest, Preprocessing
from contract.reference import Histogram, Reference
from contract.result import ClassScore, Detection, FrameError, Result
from edge.drift.power import blur, brightness
from edge.drift.profile import Answers, reference_of
from edge.drift.watch import DriftWatch, drift_watch
from edge.frames import Frame
from edge.opencv import cv2

LABELS = ("cat", "dog", "owl")
MANIFEST = Manifest(
    name="pets",
    version=1,
    task="classify",
    profile="generic-x86_64",
    format="tflite",
    model="model.tflite",
    inputs=(),
    preprocessing=Preprocessing(size_wh=(24, 24)),
    outputs=(),
    decoding=Classify(scores="scores"),
    labels=LABELS,
)


def pictures(count: int, seed: int) -> np.ndarray:
    """(count, 24, 24, 3): blobs of light, no two alike."""
    draws = np.random.default_rng(seed)
    rough = draws.integers(0, 256, (count, 6, 6, 3), np.uint8)
    return np.stack([cv2.resize(one, (24, 24), interpolation=cv2.INTER_CUBIC) for one in rough])


def answered(picture: np.ndarray, number: int, label: str = "", score: float = 0.0) -> tuple[Frame, Result]:
    """A frame two seconds after the one before it; label and score in turn unless they are given."""
    found = ClassScore(index=0, label=label or LABELS[number % 3], score=score or 0.5 + number % 50 / 100)
    result = Result(source="cam", frame=number, captured_at="", model="", digest="", classes=(found,))
    return Frame("cam", number, 0.0, 2.0 * number, picture), result


@pytest.fixture(scope="module")
def reference() -> Reference:
    labels = [LABELS[number % 3] for number in range(300)]
    answers = Answers(labels, 0.5 + np.arange(300) % 50 / 100)
    return reference_of(pictures(300, 0), answers, LABELS, made_with="tflite")


def watched(watch: DriftWatch, frames: np.ndarray, label: str = "", score: float = 0.0) -> Drift:
    for number, picture in enumerate(frames):
        watch.answer(*answered(picture, number, label, score))
    closed = watch.take()
    assert closed is not None
    return closed


def test_an_unchanged_window_lights_nothing(reference: Reference) -> None:
    closed = watched(DriftWatch(reference, MANIFEST), pictures(50, 1))
    assert (closed.frames, closed.input_changed, closed.model_suffering) == (50, False, False)
    assert set(closed.features) == {
        "brightness", "contrast", "sharpness", "noise", "confidence", "classes", "layout"
    }  # fmt: skip
    assert all(sum(one.counts) == 50 for name, one in closed.features.items() if name != "layout")
    assert len(to_json(closed)) < 1024


@pytest.mark.parametrize(("change", "feature"), [(brightness(0.6), "brightness"), (blur(1.5), "sharpness")])
def test_a_changed_picture_lights_the_lamp_of_the_input(reference: Reference, change: object, feature: str) -> None:
    assert callable(change)
    changed = np.stack([change(one, np.random.default_rng(0)) for one in pictures(50, 1)])
    watch = DriftWatch(reference, MANIFEST)
    assert not watch.lit
    closed = watched(watch, changed)
    assert (closed.input_changed, closed.model_suffering) == (True, False)
    assert closed.features[feature].alarm
    assert watch.lit
    watched(watch, pictures(50, 1))
    assert not watch.lit


def test_a_camera_that_was_moved_changes_the_layout(reference: Reference) -> None:
    moved = pictures(50, 1)
    moved[:, :12] //= 2
    moved[:, 12:] = 255 - (255 - moved[:, 12:]) // 2
    assert watched(DriftWatch(reference, MANIFEST), moved).features["layout"].alarm


def test_unsure_or_one_sided_answers_light_the_lamp_of_the_model(reference: Reference) -> None:
    unsure = watched(DriftWatch(reference, MANIFEST), pictures(50, 1), score=0.51)
    assert (unsure.input_changed, unsure.model_suffering) == (False, True)
    assert unsure.features["confidence"].alarm
    one_sided = watched(DriftWatch(reference, MANIFEST), pictures(50, 1), label="cat")
    assert (one_sided.input_changed, one_sided.features["classes"].alarm) == (False, True)


def test_frames_are_sampled_by_time_and_a_recording_by_its_own(reference: Reference) -> None:
    watch = DriftWatch(reference, MANIFEST, window=2, every_s=1.0)
    frame, result = answered(pictures(1, 0)[0], 0)
    for at_s in (0.0, 0.4, 0.9):
        watch.answer(replace(frame, captured_mono=at_s), result)
    assert watch.take() is None
    watch.answer(replace(frame, captured_mono=1.0), result)
    assert watch.take() is not None
    assert watch.take() is None
    replayed = DriftWatch(reference, MANIFEST, window=2, every_s=1.0)
    for media_s in (0.0, 0.5, 1.0, 0.0, 0.5, 1.0):  # played twice, and quicker than time
        replayed.answer(replace(frame, media_s=media_s), result)
    assert replayed.take() is not None
    assert replayed.take() is None


def test_frames_without_pixels_or_answer_are_not_counted(reference: Reference) -> None:
    watch = DriftWatch(reference, MANIFEST, window=1)
    frame, result = answered(pictures(1, 0)[0], 0)
    damaged = DamagedFrameError("cut short", where="cam", fix="Check it.")
    watch.answer(replace(frame, pixels=None, error=damaged), result)
    watch.answer(frame, replace(result, error=FrameError(cause="backend", where="", fix="")))
    assert watch.take() is None
    watch.answer(frame, result)
    assert watch.take() is not None


def test_a_detector_is_watched_by_how_much_it_finds() -> None:
    answers = Answers(["cat"] * 300, np.linspace(0.5, 0.9, 300), np.arange(300) % 4)
    known = reference_of(pictures(300, 0), answers, LABELS, made_with="tflite", measured=False)
    watch = DriftWatch(known, MANIFEST)
    frames = [answered(picture, number) for number, picture in enumerate(pictures(50, 1))]
    box = (0.0, 0.0, 1.0, 1.0)
    for (frame, _), score in zip(frames, np.linspace(0.5, 0.9, 50), strict=True):
        cats = (Detection(index=0, label="cat", score=float(score), box_xyxy_px=box),) * (frame.index % 4)
        watch.answer(frame, Result(source="", frame=0, captured_at="", model="", digest="", detections=cats))
    closed = watch.take()
    assert closed is not None
    assert not closed.features["objects"].alarm
    for frame, _ in frames:
        later = replace(frame, captured_mono=1000.0 + frame.captured_mono)
        watch.answer(later, Result(source="", frame=0, captured_at="", model="", digest="", detections=()))
    blind = watch.take()
    assert blind is not None
    assert blind.features["objects"].alarm
    assert blind.model_suffering


def test_answers_without_scores_leave_the_model_unwatched(reference: Reference) -> None:
    watch = DriftWatch(reference, MANIFEST, window=5)
    for number, picture in enumerate(pictures(5, 1)):
        frame, result = answered(picture, number)
        watch.answer(frame, replace(result, classes=msgspec.UNSET))
    closed = watch.take()
    assert closed is not None
    assert not {"confidence", "classes"} & set(closed.features)
    assert not closed.model_suffering


def test_the_confidence_of_another_kind_of_model_is_not_compared(
    reference: Reference, caplog: pytest.LogCaptureFixture
) -> None:
    watch = DriftWatch(replace(reference, made_with="float"), MANIFEST)
    assert "confidence is not watched" in caplog.text
    closed = watched(watch, pictures(50, 1), score=0.51)
    assert "confidence" not in closed.features
    assert not closed.model_suffering


def test_an_old_reference_gives_what_it_can(reference: Reference) -> None:
    new = {"sharpness", "noise", "objects", "layout", "calibration"}
    old = {name: value for name, value in json.loads(to_json(reference)).items() if name not in new}
    watch = drift_watch(MANIFEST, json.dumps(old).encode())
    assert watch is not None
    dark = np.stack([brightness(0.6)(one, np.random.default_rng(0)) for one in pictures(50, 1)])
    closed = watched(watch, dark)
    assert set(closed.features) == {"brightness", "contrast", "confidence", "classes"}
    assert closed.input_changed


def spoilt(reference: Reference, name: str) -> bytes | None:
    text = to_json(reference)
    one = Histogram(edges=(0.0, 255.0), counts=(1,))
    return {
        "absent": None,
        "no json": b"{",
        "newer": text.replace(b'"schema":1', b'"schema":2'),
        "edges": to_json(replace(reference, noise=replace(one, edges=(0.0, 0.0)))),
        "empty": to_json(replace(reference, contrast=replace(one, counts=(0,)))),
        "few": to_json(replace(reference, brightness=one, calibration=None)),
    }[name]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("absent", "has no reference.json"),
        ("no json", "not a valid Reference"),
        ("newer", "schema 2 is newer"),
        ("edges", "noise has 2 edges"),
        ("empty", "contrast counts nothing"),
        ("few", "made of 1 pictures, and 30 are needed"),
    ],
)
def test_a_reference_that_does_not_serve_is_said_and_the_device_goes_on(
    reference: Reference, name: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert drift_watch(MANIFEST, spoilt(reference, name)) is None
    assert reason in caplog.text


def test_the_reference_says_what_it_can_see(reference: Reference) -> None:
    calibration = reference.calibration
    assert calibration is not None
    assert calibration.power == {"brightness x 0.8": 1.0, "blur 1 px": 1.0, "noise 8": 1.0}
    assert all(1.0 < threshold < math.inf for threshold in calibration.thresholds.values())


def test_unchanged_windows_alarm_as_seldom_as_promised(reference: Reference) -> None:
    watch = DriftWatch(reference, MANIFEST)
    alarms = sum(watched(watch, pictures(50, seed)).any for seed in range(1, 101))
    assert alarms <= 5  # expected 1 of 100 at most; over 5 has a chance of 5 in 10,000
