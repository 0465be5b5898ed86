"""What the linter says of calibration pictures, made from pictures with shapes, shades and a colour of their own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.errors import DataError
from contract.manifest import Preprocessing
from converters.calibration_lint import ENOUGH, lint
from converters.finding import Finding, raise_errors
from converters.source import UNKNOWN, Pictures

Frames = NDArray[np.uint8]
LABELS = ("cat", "dog", "owl")
PREPROCESSING = Preprocessing(size_wh=(24, 24))


def scenes(count: int, seed: int) -> Pictures:
    """Reddish pictures of soft spots, all different, of three classes in turn."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:24, :24]
    frames = np.empty((count, 24, 24, 3), np.uint8)
    for frame in frames:
        at, wide, bright = random.uniform(4, 20, 2), random.uniform(3, 8), random.uniform(120, 220)
        spot = bright * np.exp(-((rows - at[0]) ** 2 + (columns - at[1]) ** 2) / wide**2)
        frame[:] = np.clip(20 + spot[:, :, None] * [1.0, 0.7, 0.5] + random.normal(0, 3, frame.shape), 0, 255)
    return Pictures(frames, np.arange(count) % 3)


GOLDEN = scenes(40, 1)


def found(frames: Frames, labels: NDArray[np.int64] | None = None, golden: Pictures = GOLDEN) -> list[Finding]:
    classes = np.arange(len(frames)) % 3 if labels is None else labels
    return lint(Pictures(frames, classes), golden, LABELS, PREPROCESSING)


def test_pictures_like_the_golden_ones_are_good() -> None:
    for seed in range(10, 30):
        assert found(scenes(32, seed).frames) == []


SPOILT: dict[str, tuple[str, Callable[[Frames], Frames]]] = {
    "black": ("range", np.zeros_like),
    "divided by 255 before": ("range", lambda frames: frames // 255),
    "divided by ten": ("range", lambda frames: frames // 10),
    "multiplied by 255": ("range", lambda frames: np.where(frames > 30, 255, 0).astype(np.uint8)),
    "grey all over": ("constant", lambda frames: np.full_like(frames, 128)),
    "noise": ("noise", lambda frames: np.random.default_rng(0).integers(0, 256, frames.shape).astype(np.uint8)),
    "red and blue exchanged": ("channels", lambda frames: frames[..., ::-1]),
    "another size": ("size", lambda frames: frames[:, ::2, ::2]),
    "without colour": ("size", lambda frames: frames[..., :1]),
    "one picture": ("few", lambda frames: frames[:1]),
    "one picture many times": ("few", lambda frames: np.repeat(frames[:1], 32, axis=0)),
    "none": ("few", lambda frames: frames[:0]),
    "a golden one among them": ("leak", lambda frames: np.concatenate([frames, GOLDEN.frames[7:8]])),
}


@pytest.mark.parametrize("name", SPOILT)
def test_what_would_ruin_the_model_is_an_error(name: str) -> None:
    check, spoil = SPOILT[name]
    findings = found(np.ascontiguousarray(spoil(scenes(32, 2).frames)))
    assert [finding.check for finding in findings if finding.level == "error"] == [check]
    with pytest.raises(DataError, match=r"calibration pi(cture|xels)"):
        raise_errors(findings, where="toy")


def test_few_pictures_missing_classes_and_outliers_are_said_and_refuse_nothing() -> None:
    few = found(scenes(ENOUGH - 1, 3).frames)
    assert [(finding.level, finding.check) for finding in few] == [("warning", "few")]
    one_class = found(scenes(32, 3).frames, np.zeros(32, np.int64))
    assert [finding.what for finding in one_class] == ["no calibration picture shows dog, owl"]
    frames = scenes(32, 3).frames
    frames[5] = 255 - frames[5] // 4
    assert [finding.check for finding in found(frames)] == ["outlier"]
    raise_errors([*few, *one_class], where="toy")


def test_pictures_nobody_labelled_are_not_said_to_miss_a_class() -> None:
    assert found(scenes(32, 3).frames, np.full(32, UNKNOWN)) == []


def test_a_class_without_a_label_is_an_error() -> None:
    findings = found(scenes(32, 3).frames, np.full(32, 3))
    assert findings[0].what == "a calibration picture is of class 3, and there are 3 labels"


def test_plain_pictures_are_right_for_a_model_that_sees_nothing_else() -> None:
    shades = np.linspace(0, 255, 40).astype(np.uint8)[:, None, None, None]
    plain = np.broadcast_to(shades, (40, 24, 24, 3)).copy()
    golden = Pictures(plain[1::2], np.zeros(20, np.int64))
    assert found(plain[::2], golden=golden) == []


def test_numbers_that_are_no_pictures_are_counted_and_compared() -> None:
    numbers = np.linspace(0, 6, 40, dtype=np.float32).reshape(-1, 1)
    unknown = np.full(20, UNKNOWN)
    halves = [Pictures(numbers[at::2], unknown) for at in (0, 1)]  # type: ignore[arg-type]
    preprocessing = Preprocessing(size_wh=(1, 1))
    assert lint(*halves, (), preprocessing) == []
    assert [finding.check for finding in lint(halves[0], halves[0], (), preprocessing)] == ["leak"]


@pytest.mark.parametrize("light", [0.4, 0.7, 1.2])
def test_another_days_light_is_no_error(light: float) -> None:
    frames = np.clip(scenes(32, 4).frames * light, 0, 255).astype(np.uint8)
    assert [finding for finding in found(frames) if finding.level == "error"] == []
