"""Class scores: the best few of one row of numbers.

Quantisation, softmax and sigmoid all keep the order, so the stored numbers are ranked as they are, and only what
the answer needs is turned into real scores.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from contract.errors import BackendError, ModelError
from contract.manifest import Classify, Manifest
from contract.result import ClassScore
from edge.decoders import Decoded
from edge.quantisation import Tensor, dequantise

_FEW = 16
"""Up to so many, searching the row once a class beats sorting it (1000 classes: 4 us for five against 10 to 25)."""


class ClassDecoder:
    """Picks the `top_k` classes over the threshold, best first; equal scores in the order of the labels."""

    def __init__(self, manifest: Manifest, decoding: Classify) -> None:
        self._spec = next(output for output in manifest.outputs if output.name == decoding.scores)
        count = math.prod(self._spec.shape)
        if count != self._spec.shape[-1]:
            raise ModelError(
                f"scores of shape {self._spec.shape} are not one row",
                where=f"output {self._spec.name!r}",
                fix="Name the tensor with one score a class.",
            )
        self._activation, self._threshold = decoding.activation, decoding.threshold
        self._top_k = min(decoding.top_k, count)
        self._labels = [manifest.labels[i] if i < len(manifest.labels) else str(i) for i in range(count)]
        self._lowest = lowest_of(self._spec.dtype)
        quantization = self._spec.quantization
        self._scale = quantization.scale if quantization else 1.0
        self._zero_point = quantization.zero_point if quantization else 0

    def decode(self, outputs: Mapping[str, Tensor], frame_wh: tuple[int, int]) -> Decoded:
        """The classes in the score tensor; BackendError where the model answered with no numbers."""
        row = outputs[self._spec.name].ravel()
        best = highest(row, self._top_k, self._lowest)
        scores = self._scores(row, [value for _, value in best])
        if not math.isfinite(scores[0]):
            raise BackendError(
                "the model answered with numbers that are not finite",
                where=f"output {self._spec.name!r}",
                fix="Convert the model again; check it with its golden frames.",
            )
        threshold, labels = self._threshold, self._labels
        return Decoded(
            tuple(
                [
                    ClassScore(index=index, label=labels[index], score=score)
                    for (index, _), score in zip(best, scores, strict=True)
                    if score >= threshold
                ]
            )
        )

    def _scores(self, row: Tensor, stored: list[float]) -> list[float]:
        """The scores 0..1 of the picked classes, whose stored numbers these are, the largest first."""
        scale, zero_point = self._scale, self._zero_point
        real = [scale * (value - zero_point) for value in stored]
        if self._activation == "softmax":
            powers = np.exp(dequantise(row, self._spec) - np.float32(real[0]))
            total = float(powers.sum())
            return [math.exp(value - real[0]) / total for value in real]
        if self._activation == "sigmoid":
            # By tanh, which does not overflow for large negative values.
            return [0.5 * (math.tanh(0.5 * value) + 1.0) for value in real]
        return real


def lowest_of(dtype: str) -> float:
    """The least value of a number type."""
    kind = np.dtype(dtype)
    return -math.inf if kind.kind == "f" else float(np.iinfo(kind).min)


def highest(row: Tensor, count: int, lowest: float) -> list[tuple[int, float]]:
    """(index, value) of the `count` largest, largest first, equals in ascending index; a nan comes before all.

    `lowest` is the least value of the row's type.
    """
    if count > _FEW:
        # Sorted backwards and turned round, equals keep their order, and no int8 overflows by a minus sign.
        order = len(row) - 1 - np.argsort(row[::-1], kind="stable")[::-1][:count]
        return list(zip(order.tolist(), row[order].tolist(), strict=True))
    row = row.copy()
    found: list[tuple[int, float]] = []
    while len(found) < count:
        index = int(row.argmax())
        value = row.item(index)
        if value == lowest:
            taken = {index for index, _ in found}
            rest = (index for index in range(len(row)) if index not in taken)
            return found + [(index, lowest) for index, _ in zip(rest, range(count - len(found)), strict=False)]
        found.append((index, value))
        row[index] = lowest
    return found
