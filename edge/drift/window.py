"""One window of sampled frames: counted as they come, judged when it is full."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from contract.drift import Drift, FeatureDrift
from contract.reference import CLASSES, LAYOUT, Reference
from edge.drift.calibration import FALSE_ALARMS, pictures_of
from edge.drift.cells import Bins, Labels, cells_of
from edge.drift.distances import hotelling, psi
from edge.drift.features import RANGES, PictureFeatures

OF_THE_INPUT = (*RANGES, LAYOUT)
OF_THE_MODEL = ("confidence", CLASSES, "objects")
_DIGITS = 4


class Window:
    """Counts by feature, in the reference's cells. Not for two threads."""

    def __init__(self, cells: Mapping[str, Bins | Labels], terms: int) -> None:
        self._bins = {name: one for name, one in cells.items() if isinstance(one, Bins)}
        self._labels = next((one for one in cells.values() if isinstance(one, Labels)), None)
        self.counts = {name: [0] * len(one.known) for name, one in cells.items()}
        self.sums = np.zeros(terms)
        self.frames = 0

    def add_picture(self, seen: PictureFeatures) -> None:
        """One more frame, by its looks."""
        self.frames += 1
        for name in RANGES:
            self._count(name, getattr(seen, name))
        if len(self.sums):
            self.sums += seen.layout

    def add_answer(self, label: str | None, confidence: float, objects: int | None) -> None:
        """What the model said about it: no label and 0 for nothing; `objects` for models that detect."""
        self._count("confidence", confidence)
        if objects is not None:
            self._count("objects", objects)
        if self._labels is not None:
            self.counts[CLASSES][self._labels.place(label)] += 1

    def _count(self, name: str, value: float) -> None:
        bins = self._bins.get(name)
        if bins is not None:
            self.counts[name][bins.place(value)] += 1


class Judge:
    """Compares windows with one reference. A feature without a threshold is not watched."""

    def __init__(self, reference: Reference, thresholds: Mapping[str, float]) -> None:
        self._cells = {name: one for name, one in cells_of(reference).items() if name in thresholds}
        self._thresholds = thresholds
        self._pictures = pictures_of(reference)
        self._mean = self._precision = np.zeros(0)
        if reference.layout is not None and LAYOUT in thresholds:
            self._mean = np.array(reference.layout.mean)
            self._precision = np.linalg.inv(np.array(reference.layout.covariance))

    def new_window(self) -> Window:
        """An empty one."""
        return Window(self._cells, len(self._mean))

    def judge(self, window: Window) -> Drift:
        """What `window`, which holds at least one frame, comes to."""
        # A feature nobody gave values for, e.g. the answers of a task without scores, is left out.
        found = {name: self._counted(name, counts) for name, counts in window.counts.items() if any(counts)}
        if len(self._mean):
            found[LAYOUT] = self._layout(window)
        alarmed = {name for name, feature in found.items() if feature.alarm}
        return Drift(
            frames=window.frames,
            false_alarms=FALSE_ALARMS,
            input_changed=not alarmed.isdisjoint(OF_THE_INPUT),
            model_suffering=not alarmed.isdisjoint(OF_THE_MODEL),
            features=found,
        )

    def _counted(self, name: str, counts: list[int]) -> FeatureDrift:
        cells, window = self._cells[name], np.array(counts)
        distance = float(cells.distance(window, cells.known))
        return FeatureDrift(
            distance=round(distance, _DIGITS),
            threshold=self._thresholds[name],
            alarm=distance > self._thresholds[name],
            psi=round(float(psi(window, cells.known)), _DIGITS),
            counts=tuple(counts),
        )

    def _layout(self, window: Window) -> FeatureDrift:
        distance = hotelling(window.sums, window.frames, self._mean, self._precision, self._pictures)
        return FeatureDrift(
            distance=round(distance, _DIGITS),
            threshold=self._thresholds[LAYOUT],
            alarm=distance > self._thresholds[LAYOUT],
            sums=tuple(window.sums.round(1).tolist()),
        )
