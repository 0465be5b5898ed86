"""Whether the calibration pictures are such as the model will see, told before the quantiser believes them.

What ruins an int8 model for certain is another range: pictures all black cost 88 points of accuracy on the digits,
pixels multiplied by 255 cost 47, while one class alone or too few pictures cost nothing that could be measured
(docs/gate.md). So the golden pictures are the measure: they came through the device's own preprocessing, and what
calibrates must look like them. What differs beyond doubt is an error, the rest a warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from contract.manifest import Preprocessing
from converters.finding import Finding
from converters.source import UNKNOWN, Pictures

LEAST = 2
ENOUGH = 16
"""Accuracy is flat from here on: measured with 1 to 1024 pictures."""
DARK = 1 / 8
"""Of the golden pictures' brightest pixels, or of their contrast: less is another range and no other scene."""
CLIPPED = 0.4
"""So many more of all pixels at 0 or 255 than in the golden pictures."""
NOISE, PICTURE = 0.1, 0.3
"""Correlation of neighbouring pixels: below the first there is nothing to see, above the second there is."""
SURE = 4.0
"""Standard errors by which red and blue must differ, in both sets, before they are said to be swapped."""
FAR = 6.0
"""Robust standard deviations from the median brightness that make an outlier."""
_LEAST_SWAPPED = 8
_LEAST_FAR_LEVELS = 40
_MAD_TO_SIGMA = 1.4826
_FITTED = "Give pictures as the camera takes them (--calibration); they are fitted here, and need no preparation."
_OTHERS = "Give other pictures to --calibration than those the model is compared on."

Frames = NDArray[np.uint8]


def lint(calibration: Pictures, golden: Pictures, labels: Sequence[str], preprocessing: Preprocessing) -> list[Finding]:
    """Everything found, errors first. `golden` are the pictures source and artifacts are compared on.

    Inputs that are no pictures (not uint8) are only counted and compared one by one.
    """
    found = [*_sizes(calibration, golden, preprocessing)]
    if not found:
        looks = _looks(calibration, golden)
        found = [*looks, *_leaks(calibration, golden), *_classes(calibration, golden, labels)]
        # Black pictures are all one picture, which need not be said as well.
        found += [] if any(finding.level == "error" for finding in looks) else _few(calibration)
    return sorted(found, key=lambda finding: finding.level != "error")


def _looks(calibration: Pictures, golden: Pictures) -> list[Finding]:
    """The first thing wrong with the pixels; the checks behind it would only say it again."""
    ours, theirs = calibration.frames, golden.frames
    if ours.dtype != np.uint8 or ours.ndim != 4 or not len(theirs):
        return []
    for check in (_range, _contrast, _clipped, _noise, _swapped):
        if found := list(check(ours, theirs)):
            return found
    return list(_outliers(ours))


def _error(check: str, what: str, fix: str = _FITTED) -> Finding:
    return Finding(level="error", check=check, what=what, fix=fix)


def _warning(check: str, what: str, fix: str = _FITTED) -> Finding:
    return Finding(level="warning", check=check, what=what, fix=fix)


def _sizes(calibration: Pictures, golden: Pictures, preprocessing: Preprocessing) -> Iterator[Finding]:
    frames = calibration.frames
    if not len(frames):
        yield _error("few", "there are no calibration pictures")
        return
    width, height = preprocessing.size_wh
    wanted = (height, width, 1 if preprocessing.colour == "grey" else 3)
    if frames.dtype == np.uint8 and frames.ndim == 4 and frames.shape[1:] != wanted:
        yield _error("size", f"calibration pictures are {frames.shape[1:]}, and the model takes {wanted}")
    elif len(golden.frames) and frames.shape[1:] != golden.frames.shape[1:]:
        yield _error("size", f"calibration pictures are {frames.shape[1:]}, golden ones {golden.frames.shape[1:]}")


def _few(calibration: Pictures) -> Iterator[Finding]:
    count = len(_contents(calibration.frames))
    if count < LEAST:
        yield _error("few", f"{count} calibration picture: one says nothing of the range the others have")
    elif count < ENOUGH:
        yield _warning("few", f"only {count} different calibration pictures; {ENOUGH} are enough for most models")


def _leaks(calibration: Pictures, golden: Pictures) -> Iterator[Finding]:
    shared = len(_contents(calibration.frames) & _contents(golden.frames))
    if shared:
        what = f"{shared} calibration pictures are golden ones too, so the comparison would praise itself"
        yield _error("leak", what, _OTHERS)


def _contents(frames: NDArray[np.generic]) -> set[bytes]:
    return {np.ascontiguousarray(frame).tobytes() for frame in frames}


def _classes(calibration: Pictures, golden: Pictures, labels: Sequence[str]) -> Iterator[Finding]:
    for name, pictures in (("calibration", calibration), ("golden", golden)):
        outside = sorted({int(label) for label in pictures.labels if not UNKNOWN <= label < max(len(labels), 1)})
        if outside and labels:
            what = f"a {name} picture is of class {outside[0]}, and there are {len(labels)} labels"
            yield _error("label", what, "Give the labels the model was trained with (--labels).")
    if calibration.labelled and golden.labelled:
        missing = sorted(set(golden.labels.tolist()) - set(calibration.labels.tolist()))
        if missing:
            names = ", ".join(labels[label] if label < len(labels) else str(label) for label in missing[:5])
            yield _warning("classes", f"no calibration picture shows {names}")


def _range(ours: Frames, theirs: Frames) -> Iterator[Finding]:
    brightest, known = (float(np.percentile(frames, 99.9)) for frames in (ours, theirs))
    if brightest <= 1 < known:
        cause = "all pixels are 0" if ours.max() == 0 else "pixels were divided by 255 before"
        yield _error("range", f"calibration pictures are black: {cause}")
    elif brightest < DARK * known:
        yield _error("range", f"calibration pixels reach {brightest:.0f}, golden ones {known:.0f}")


def _contrast(ours: Frames, theirs: Frames) -> Iterator[Finding]:
    contrast, known = (float(np.median(frames.std(axis=(1, 2, 3)))) for frames in (ours, theirs))
    if contrast < DARK * known:
        yield _error("constant", f"calibration pictures are plain: contrast {contrast:.1f}, golden ones {known:.1f}")


def _clipped(ours: Frames, theirs: Frames) -> Iterator[Finding]:
    share, known = (float(((frames == 0) | (frames == 255)).mean()) for frames in (ours, theirs))
    if share > known + CLIPPED:
        what = f"{share:.0%} of the calibration pixels are 0 or 255, {known:.0%} of the golden ones: they were scaled"
        yield _error("range", what)


def _noise(ours: Frames, theirs: Frames) -> Iterator[Finding]:
    correlation, known = (_neighbours(frames) for frames in (ours, theirs))
    if correlation < NOISE and known > PICTURE:
        yield _error("noise", f"calibration pictures are noise: neighbouring pixels correlate by {correlation:.2f}")


def _neighbours(frames: Frames) -> float:
    """Median over the pictures of how neighbours in a row correlate."""
    values = frames.astype(np.float32) - frames.mean(axis=(1, 2), keepdims=True)
    products = (values[:, :, 1:] * values[:, :, :-1]).mean(axis=(1, 2, 3))
    power = np.square(values).mean(axis=(1, 2, 3))
    return float(np.median(products / np.maximum(power, 1e-6)))


def _swapped(ours: Frames, theirs: Frames) -> Iterator[Finding]:
    """Red and blue exchanged: both sets are sure of their own difference, and exchanged they are alike."""
    if ours.shape[3] != 3 or min(len(ours), len(theirs)) < _LEAST_SWAPPED:
        return
    means, known = (frames.mean(axis=(1, 2)) for frames in (ours, theirs))
    sure, known_sure = (_certainty(each[:, 0] - each[:, 2]) for each in (means, known))
    apart = np.abs(means.mean(axis=0) - known.mean(axis=0)).max()
    exchanged = np.abs(means.mean(axis=0)[::-1] - known.mean(axis=0)).max()
    if sure * known_sure < 0 and min(abs(sure), abs(known_sure)) > SURE and exchanged < apart / 3:
        yield _error(
            "channels", "red and blue of the calibration pictures are exchanged, compared with the golden ones"
        )


def _certainty(values: NDArray[np.floating]) -> float:
    """The mean in standard errors."""
    return float(values.mean() / max(values.std(ddof=1) / np.sqrt(len(values)), 1e-6))


def _outliers(ours: Frames) -> Iterator[Finding]:
    brightness = ours.mean(axis=(1, 2, 3))
    away = np.abs(brightness - np.median(brightness))
    limit = max(FAR * _MAD_TO_SIGMA * float(np.median(away)), _LEAST_FAR_LEVELS)
    far = np.flatnonzero(away > limit)
    if len(far):
        what = f"{len(far)} calibration pictures are far brighter or darker than the rest, number {far[0]} for one"
        yield _warning("outlier", what, "Look at them; a range they widen costs every other picture precision.")
