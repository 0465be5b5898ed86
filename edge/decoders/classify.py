"""Class scores: the best few of one row of numbers.

Quantisation, softmax and sigmoid all keep the order, so the stored numbers are ranked as they are, and only what
the answer needs is turned into real scores.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

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
        self._name = self._spec.name
        self._activation, self._threshold = decoding.activation, decoding.threshold
        self._top_k = min(decoding.top_k, count)
        self._labels = [manifest.labels[i] if i < len(manifest.labels) else str(i) for i in range(count)]
        self._lowest = lowest_of(self._spec.dtype)
        quantization = self._spec.quantization
        self._scale = quantization.scale if quantization else 1.0
        self._zero_point = quantization.zero_point if quantization else 0
        self._table = self._every_score()

    def decode(self, outputs: Mapping[str, Tensor], frame_wh: tuple[int, int]) -> Decoded:
        """The classes in the score tensor; BackendError where the model answered with no numbers."""
        row = outputs[self._name].reshape(-1)
        table, labels = self._table, self._labels
        score_of: Callable[[Any], float] = self._score_of(row) if table is None else table.__getitem__
        kept: list[ClassScore] = []
        for index, stored in highest(row, self._top_k, self._lowest):
            score = score_of(stored)
            if not kept and not math.isfinite(score):
                raise BackendError(
                    "the model answered with numbers that are not finite",
                    where=f"output {self._name!r}",
                    fix="Convert the model again; check it with its golden frames.",
                )
            if score < self._threshold:
                break
            kept.append(ClassScore(index=index, label=labels[index], score=score))
        return Decoded(tuple(kept))

    def _every_score(self) -> list[float] | None:
        """The score of each stored byte, where there are 256 and they mean the same in every row.

        By the stored number as an index: a negative one counts from the end, as lists do.
        """
        if self._spec.dtype not in ("int8", "uint8") or self._activation == "softmax":
            return None
        score_of = self._score_of(np.empty(0))
        lowest = int(self._lowest)
        return [score_of(stored) for stored in (*range(256 + lowest), *range(lowest, 0))]

    def _score_of(self, row: Tensor) -> Callable[[Any], float]:
        """What turns a stored number of `row` into a score 0..1."""
        if self._activation == "none":
            return self._real
        if self._activation == "sigmoid":
            # By tanh, which does not overflow for large negative values.
            return lambda stored: 0.5 * (math.tanh(0.5 * self._real(stored)) + 1.0)
        largest = self._real(row.max().item())
        total = float(np.exp(dequantise(row, self._spec) - np.float32(largest)).sum())
        return lambda stored: math.exp(self._real(stored) - largest) / total

    def _real(self, stored: float) -> float:
        return self._scale * (stored - self._zero_point)


def lowest_of(dtype: str) -> float:
    """The least value of a number type, an int where the type is of ints."""
    kind = np.dtype(dtype)
    return -math.inf if kind.kind == "f" else int(np.iinfo(kind).min)


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
            # So are all that are left, and there are enough of them among the first `count`.
            taken = {index for index, _ in found}
            others = [index for index in range(count) if index not in taken]
            return found + [(index, lowest) for index in others[: count - len(found)]]
        found.append((index, value))
        row[index] = lowest
    return found
