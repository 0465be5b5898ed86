"""Found against marked boxes: COCO's average precision, by pycocotools, silenced.

One implementation for trainer and converters; a device never measures itself, and pycocotools is no part of it.

mAP50-95 is the mean over classes and over the overlaps 0.50, 0.55 … 0.95 (Lin et al., arXiv 1405.0312), with at most
100 boxes a picture. Its interval is a bootstrap over pictures (Efron, 1979): the pictures are what was drawn.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from edge.marked import Found, Marked

MAX_DETECTIONS = 100
DRAWS = 200
"""Of pictures with replacement, for the interval."""


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """Precision, recall and their harmonic mean, each 0..1."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Answers:
    """What was found of one class in all pictures, each box with its score and whether it was right."""

    scores: NDArray[np.float64]
    right: NDArray[np.bool_]
    marked: int
    """Boxes there are to find."""

    def at(self, threshold: float) -> AtThreshold:
        """Of those from `threshold` on."""
        said = self.scores >= threshold
        hits, claims = int((said & self.right).sum()), int(said.sum())
        return AtThreshold(
            precision=hits / claims if claims else 0.0,
            recall=hits / self.marked if self.marked else 0.0,
            f1=2.0 * hits / (claims + self.marked) if claims + self.marked else 0.0,
        )


@dataclass(frozen=True, slots=True)
class Matches:
    """What was found of one class in N pictures, the surest first, against what is marked, at each of 10 overlaps."""

    scores: NDArray[np.float64]
    """(K,)"""
    picture: NDArray[np.int64]
    """(K,) each box is in."""
    right: NDArray[np.bool_]
    """(10, K)"""
    counted: NDArray[np.bool_]
    """(10, K) False for boxes in a crowd, which are neither right nor wrong."""
    marked: NDArray[np.int64]
    """(N,) boxes there are to find in each picture."""


class Average:
    """COCO's evaluation of found boxes, computed once."""

    def __init__(self, truth: Sequence[Marked], found: Sequence[Found], classes: int) -> None:
        self.classes = classes
        self._pictures = len(truth)
        with redirect_stdout(io.StringIO()):
            self._eval = COCOeval(_truth(truth, classes), _found(truth, found, classes), "bbox")
            self._eval.params.areaRng, self._eval.params.areaRngLbl = [[0.0, 1e10]], ["all"]
            self._eval.params.maxDets = [MAX_DETECTIONS]
            self._eval.evaluate()
            self._eval.accumulate()
        self.precision: NDArray[np.float64] = self._eval.eval["precision"][..., 0, 0]
        """(10 overlaps, 101 recalls, classes), -1 where nothing of a class is marked."""
        self.recall: NDArray[np.float64] = self._eval.eval["recall"][..., 0, 0]
        """(10 overlaps, classes): the highest reached, -1 where nothing is marked."""

    @property
    def map50_95(self) -> float:
        """The mean of everything."""
        return mean_of(self.precision)

    @property
    def map50(self) -> float:
        """At an overlap of 0.5."""
        return mean_of(self.precision[:1])

    def class_map(self, number: int, overlap: int | None = None) -> float:
        """A class's average precision: over all overlaps, or at the one of that place in 0.50, 0.55 … 0.95."""
        precision = self.precision[:, :, number]
        return mean_of(precision if overlap is None else precision[overlap : overlap + 1])

    def class_recall(self, number: int) -> float:
        """A class's average recall over all overlaps."""
        return mean_of(self.recall[:, number])

    def answers(self, number: int) -> Answers:
        """What was found of a class, against what is marked, at an overlap of 0.5."""
        found = self.matches(number)
        mine = found.counted[0]
        return Answers(found.scores[mine], found.right[0, mine], int(found.marked.sum()))

    def matches(self, number: int) -> Matches:
        """What average precision makes of a class, before pictures are put together."""
        entries = self._eval.evalImgs[number * self._pictures : (number + 1) * self._pictures]
        looked_at = [(place, one) for place, one in enumerate(entries) if one is not None]
        marked = np.zeros(self._pictures, np.int64)
        for place, one in looked_at:
            marked[place] = np.logical_not(one["gtIgnore"]).sum()
        scores = np.concatenate([np.empty(0), *(np.asarray(one["dtScores"], float) for _, one in looked_at)])
        picture = np.repeat(np.arange(self._pictures), [len(one["dtScores"]) if one else 0 for one in entries])
        nothing = np.empty((len(self._eval.params.iouThrs), 0), np.bool_)
        right = np.concatenate([nothing, *(one["dtMatches"] > 0 for _, one in looked_at)], axis=1)
        counted = np.concatenate([nothing, *(one["dtIgnore"] == 0 for _, one in looked_at)], axis=1)
        order = np.argsort(-scores, kind="stable")
        return Matches(
            scores=scores[order],
            picture=picture[order],
            right=(right & counted)[:, order],
            counted=counted[:, order],
            marked=marked,
        )

    def interval(self, seed: int = 0, draws: int = DRAWS) -> tuple[float, float]:
        """95 % of mAP50-95, from so many draws of the pictures with replacement."""
        drawn = np.random.default_rng(seed)
        values = [self._of(drawn.integers(0, self._pictures, self._pictures)) for _ in range(draws)]
        low, high = np.percentile(values, (2.5, 97.5))
        return float(low), float(high)

    def _of(self, pictures: NDArray[np.int64]) -> float:
        again = copy.copy(self._eval)
        again.params = copy.copy(self._eval.params)
        # evalImgs is a list class by class, one entry a picture (one area range): see COCOeval.evaluate.
        again.evalImgs = [
            self._eval.evalImgs[number * self._pictures + picture]
            for number in range(self.classes)
            for picture in pictures
        ]
        again.params.imgIds = list(range(self._pictures))
        again._paramsEval = again.params
        with redirect_stdout(io.StringIO()):
            again.accumulate(again.params)
        return mean_of(again.eval["precision"])


def mean_of(precision: NDArray[np.float64]) -> float:
    """Over all that is marked; 0 where nothing is."""
    counted = precision[precision > -1]
    return float(counted.mean()) if counted.size else 0.0


def _truth(truth: Sequence[Marked], classes: int) -> COCO:
    rows = [
        {
            "id": 0,
            "image_id": picture,
            "category_id": int(label),
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": (x2 - x1) * (y2 - y1),
            "iscrowd": int(crowd),
        }
        for picture, one in enumerate(truth)
        for (x1, y1, x2, y2), label, crowd in zip(one.boxes.tolist(), one.labels, one.crowd, strict=True)
    ]
    return _coco([row | {"id": number} for number, row in enumerate(rows, 1)], len(truth), classes)


def _found(truth: Sequence[Marked], found: Sequence[Found], classes: int) -> COCO:
    rows = [
        {
            "id": 0,
            "image_id": picture,
            "category_id": int(label),
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": (x2 - x1) * (y2 - y1),
            "iscrowd": 0,
            "score": float(score),
        }
        for picture, one in enumerate(found)
        for (x1, y1, x2, y2), label, score in zip(one.boxes.tolist(), one.labels, one.scores, strict=True)
    ]
    return _coco([row | {"id": number} for number, row in enumerate(rows, 1)], len(truth), classes)


def _coco(rows: list[dict[str, object]], pictures: int, classes: int) -> COCO:
    made = COCO()
    made.dataset = {
        "images": [{"id": number} for number in range(pictures)],
        "categories": [{"id": number, "name": str(number)} for number in range(classes)],
        "annotations": rows,
    }
    made.createIndex()
    return made
