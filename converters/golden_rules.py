"""What golden frames promise, for a model of any task: which frames, and how near a device's answers must come.

Kernels of one library differ by a few quantisation steps, so outputs are compared with a tolerance of their own each.
Where a step may change an output everywhere, what it decodes to is compared instead (`edge/golden_decoded.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from contract.errors import GateError
from contract.manifest import Classify, DetectBoxes, Golden, GoldenDecoded, Manifest, Segment, TensorSpec
from converters.known_answers import LIMIT, STEPS, choose, tolerance
from converters.spread import spread
from edge.quantisation import dequantise

FLOAT_STEPS = 1
"""Of 256 over the range seen: kernels for float32 differ by roundings alone, 2e-7 of it where it was measured."""
Raw = Mapping[str, NDArray[np.generic]]
"""(N, ...) by output, as the model gives them."""


def golden_rules(
    draft: Manifest, raw: Raw, classes: NDArray[np.int64], *, reduced: bool, where: str
) -> tuple[Golden, NDArray[np.int64]]:
    """The rule for the manifest, and the indices of the frames it is for, at most `LIMIT`.

    `classes` (N,) are the pictures' true classes, where they are known, for a fair share of each. `reduced` says that
    numbers are stored, or computed on the device, in fewer bits than float32. Raises GateError for a classifier that
    is sure of no picture.
    """
    allowed = {spec.name: _allowed(spec, raw[spec.name], reduced) for spec in draft.outputs}
    if isinstance(draft.decoding, Classify):
        output = next(spec for spec in draft.outputs if spec.name == draft.decoding.scores)
        chosen = _firm(dequantise(raw[output.name], output), classes, allowed[output.name], where)
    else:
        chosen = np.array(spread(len(classes), LIMIT), np.int64)
    golden = _with_tolerances(len(chosen), allowed)
    if _order_decides(draft):
        golden = replace(golden, decoded=GoldenDecoded(score=STEPS / 256))
    return golden, chosen


def _allowed(spec: TensorSpec, values: NDArray[np.generic], reduced: bool) -> float:
    scores = dequantise(values, spec)
    return tolerance(spec, scores) if reduced else tolerance(spec, scores) * FLOAT_STEPS / STEPS


def _firm(scores: NDArray[np.float32], classes: NDArray[np.int64], allowed: float, where: str) -> NDArray[np.int64]:
    flat = scores.reshape(len(scores), -1)
    # Without true classes, those the model names are spread as fairly.
    known = np.where(classes < 0, flat.argmax(axis=1), classes)
    chosen = choose(known, flat, allowed)
    if len(chosen) == 0:
        raise GateError(
            "no picture gets an answer sure enough to be known again on a device",
            where=where,
            fix="Train longer, or give pictures of what the model knows (--calibration).",
        )
    return chosen


def _with_tolerances(frames: int, allowed: dict[str, float]) -> Golden:
    """One tolerance where one output is all there is, and one an output otherwise."""
    if len(allowed) == 1:
        return Golden(frames=frames, tolerance=next(iter(allowed.values())))
    return Golden(frames=frames, tolerance=max(allowed.values()), tolerances=allowed)


def _order_decides(draft: Manifest) -> bool:
    decoding = draft.decoding
    return isinstance(decoding, DetectBoxes) or (isinstance(decoding, Segment) and decoding.form == "classes")
