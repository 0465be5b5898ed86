"""Finding the few scores that count among hundreds of thousands, as they are stored.

Quantisation and sigmoid keep the order, so the threshold is turned into a stored number once and compared with the
tensor as it is; only what passes becomes a real score (8400 x 80 scores: a hundred microseconds instead of ten
milliseconds).
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from contract.manifest import TensorSpec
from edge.decoders import not_finite
from edge.decoders.classify import lowest_of
from edge.decoders.nms import Indices
from edge.quantisation import Tensor, dequantise

Activation = Literal["none", "softmax", "sigmoid"]
_SLACK = 0.01
"""Of a quantisation step, or of a logit: what nearly passes as stored is judged again as a real score."""
_SURE = 16.0
"""A logit whose sigmoid is 1 but for float32's last bit."""


class Best(NamedTuple):
    """The places over the threshold with each one's best class."""

    places: Indices
    classes: Indices
    scores: NDArray[np.float32]
    """0..1."""


class Scores:
    """What one output's stored numbers are as scores 0..1, and which of them pass a threshold."""

    def __init__(self, spec: TensorSpec, activation: Activation, threshold: float, background: int | None = None):
        self._spec, self._activation, self._threshold = spec, activation, threshold
        self._background = background
        self._lowest = lowest_of(spec.dtype)
        self.least = threshold if activation == "softmax" else _stored_threshold(spec, activation, threshold)
        """What a stored number must reach to be worth a second look."""
        self._over = np.empty((0, 0), np.bool_)

    def real(self, stored: Tensor) -> NDArray[np.float32]:
        """Stored numbers as scores, each by itself: softmax is not asked here."""
        values = dequantise(stored, self._spec)
        return sigmoid(values) if self._activation == "sigmoid" else values

    def best(self, table: Tensor, class_axis: int) -> Best:
        """The best class of each place that reaches the threshold, from scores (N, C) or, with axis 0, (C, N).

        BackendError for numbers that are not finite.
        """
        first = 0
        if self._activation == "softmax":
            table = softmax(dequantise(table, self._spec), class_axis)
        if self._background == 0 and class_axis == 1:
            # Nearly every place is sure to be background: it must not even pass as a candidate.
            table, first = table[:, 1:], 1
        places = self.passing(table, class_axis)
        rows = table[places] if class_axis else table[:, places].T
        return self._best_of(places, rows, first)

    def passing(self, table: Tensor, class_axis: int) -> Indices:
        """The places with any class worth a second look, in order; BackendError where the numbers are not finite."""
        top = self.finite(table)
        if top < self.least:
            return np.empty(0, np.intp)
        if self._over.shape != table.shape:
            self._over = np.empty(table.shape, np.bool_)
        found = np.flatnonzero(np.greater_equal(table, self.least, out=self._over))
        return np.unique(found // table.shape[1] if class_axis else found % table.shape[1])

    def finite(self, stored: Tensor) -> float:
        """The largest of the stored numbers, or BackendError: neither nan nor infinity gets past a maximum."""
        top = stored.max(initial=self._lowest) if stored.size else self._lowest
        if not math.isfinite(top) and stored.size:
            raise not_finite(self._spec.name)
        return float(top)

    def _best_of(self, places: Indices, rows: Tensor, first: int) -> Best:
        if self._background is not None and first == 0:
            rows = rows.copy()
            rows[:, self._background] = -1 if self._activation == "softmax" else self._lowest
        classes = rows.argmax(axis=1) if rows.size else np.empty(0, np.intp)
        stored = rows[np.arange(len(rows)), classes] if rows.size else rows.reshape(-1)
        scores = stored if self._activation == "softmax" else self.real(stored)
        passed = scores >= np.float32(self._threshold)
        return Best(places[passed], classes[passed] + first, scores[passed])


def sigmoid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """By tanh, which does not overflow for large negative values."""
    scores: NDArray[np.float32] = np.float32(0.5) * (np.tanh(np.float32(0.5) * values) + np.float32(1.0))
    return scores


def softmax(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Shares that sum to 1 along an axis; nan where a number is not finite."""
    with np.errstate(invalid="ignore"):
        powers = np.exp(values - values.max(axis=axis, keepdims=True))
    shares: NDArray[np.float32] = powers / powers.sum(axis=axis, keepdims=True)
    return shares


def _stored_threshold(spec: TensorSpec, activation: Activation, threshold: float) -> float:
    """A stored number a little under the one whose score is `threshold`."""
    real = threshold if activation == "none" else _logit(threshold)
    if np.dtype(spec.dtype).kind == "f":
        return real - _SLACK if activation == "sigmoid" else float(np.nextafter(np.float32(real), np.float32(-1)))
    scale = spec.quantization.scale if spec.quantization else 1.0
    zero_point = spec.quantization.zero_point if spec.quantization else 0
    limits = np.iinfo(spec.dtype)
    stored = real / scale + zero_point - _SLACK
    return math.ceil(min(max(stored, limits.min), limits.max + 1))


def _logit(score: float) -> float:
    if score <= 0.0:
        return -math.inf
    return _SURE if score >= 1.0 else math.log(score / (1.0 - score))
