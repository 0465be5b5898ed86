"""Drift on the device: samples answered frames, and says of each full window whether it still looks as it should.

Consecutive frames of a camera are much alike, and fifty of one second say little more than one; that is why frames are
taken at intervals. The promised rate of false alarms holds for independent frames; a camera that looks at one scene for
hours sees less variety than the reference's pictures, which is a change, and is called one.
"""

from __future__ import annotations

import logging

import numpy as np

from contract.drift import Drift
from contract.errors import BundleError
from contract.manifest import REFERENCE, Manifest
from contract.reference import Reference, parse
from contract.result import ClassScore, Detection, Result
from edge.drift.calibration import FEWEST_PICTURES, WINDOW, pictures_of, thresholds
from edge.drift.features import Measurer
from edge.drift.window import Judge
from edge.fitter import Fitter, channels
from edge.frames import Frame

log = logging.getLogger(__name__)
EVERY_S = 1.0


class DriftWatch:
    """Of one model. All calls on one thread, the runtime's."""

    def __init__(
        self, reference: Reference, manifest: Manifest, *, window: int = WINDOW, every_s: float = EVERY_S
    ) -> None:
        """Windows of `window` frames, sampled at least `every_s` seconds apart, by the clip's own time if it has one.

        Another window than the reference was calibrated for costs a simulation here, of a good 0.1 s on a PC.
        """
        self._judge = Judge(reference, _limits(reference, manifest, window))
        self._size, self._every_s = window, every_s
        self._fitter = Fitter(manifest.preprocessing)
        width, height = manifest.preprocessing.size_wh
        shape = (height, width, channels(manifest.preprocessing))
        self._fitted = np.empty(shape, np.uint8)
        self._measurer = Measurer(shape)
        self._window = self._judge.new_window()
        self._sampled_s = -np.inf
        self._closed: Drift | None = None
        self.lit = False
        """Whether the last closed window lit a lamp."""

    def answer(self, frame: Frame, result: Result) -> None:
        """One answered frame; looked at when it is due and was answered."""
        now_s = frame.captured_mono if frame.media_s is None else frame.media_s
        # A clip that begins again is earlier than what was sampled last.
        if 0.0 <= now_s - self._sampled_s < self._every_s or frame.pixels is None or result.error:
            return
        self._sampled_s = now_s
        self._fitter.fit(frame.pixels, self._fitted)
        self._window.add_picture(self._measurer.measure(self._fitted))
        self._add_answer(result)
        if self._window.frames == self._size:
            self._closed = self._judge.judge(self._window)
            self.lit = self._closed.any
            self._window = self._judge.new_window()

    def take(self) -> Drift | None:
        """The last closed window, once."""
        closed, self._closed = self._closed, None
        return closed

    def _add_answer(self, result: Result) -> None:
        answers: tuple[ClassScore, ...] | tuple[Detection, ...]
        if isinstance(result.classes, tuple):
            answers, objects = result.classes, None
        elif isinstance(result.detections, tuple):
            answers, objects = result.detections, len(result.detections)
        else:
            return
        first = max(answers, key=_score) if answers else None
        self._window.add_answer(first.label if first else None, first.score if first else 0.0, objects)


def drift_watch(manifest: Manifest, reference_json: bytes | None) -> DriftWatch | None:
    """The watch of a bundle's model; None, with the reason in the log, where its reference does not serve."""
    if reference_json is None:
        log.info("%s: drift is not watched: the bundle has no %s", manifest.release, REFERENCE)
        return None
    try:
        reference = parse(reference_json, where=f"{manifest.release}, {REFERENCE}")
    except BundleError as problem:
        log.warning("%s: drift is not watched: %s", manifest.release, problem)
        return None
    if pictures_of(reference) < FEWEST_PICTURES:
        log.warning(
            "%s: drift is not watched: its reference was made of %d pictures, and %d are needed",
            manifest.release, pictures_of(reference), FEWEST_PICTURES,
        )  # fmt: skip
        return None
    return DriftWatch(reference, manifest)


def _score(answer: ClassScore | Detection) -> float:
    return answer.score


def _limits(reference: Reference, manifest: Manifest, window: int) -> dict[str, float]:
    """Thresholds of what can be watched; the confidence only against answers of this very kind of model."""
    known = reference.calibration
    limits = dict(known.thresholds) if known and known.window == window else thresholds(reference, window)
    if reference.made_with != manifest.format:
        log.warning(
            "%s: confidence is not watched: the reference's is that of a %s model, and this is %s",
            manifest.release, reference.made_with, manifest.format,
        )  # fmt: skip
        limits.pop("confidence", None)
    return limits
