"""The drift reference of one artifact: held-back pictures, and this very file's answers to them.

The trainer's reference describes the float model. An int8 file is a little less sure of everything, and a device would
take that for drift.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from contract.codec import to_pretty_json
from contract.manifest import Manifest
from contract.result import ClassScore, Detection
from converters.source import Pictures
from edge.decoders import Decoded
from edge.drift.profile import Answers, reference_of
from edge.postprocess import decoder_for


def artifact_reference(
    golden: Pictures, classes: Mapping[str, int], manifest: Manifest, raw: Mapping[str, NDArray[np.generic]]
) -> bytes | None:
    """`reference.json` from the raw outputs (N, ...) by name for the golden pictures, decoded as on a device.

    `classes` are the pictures of the whole test split by label, where known: golden ones may be as many of each class,
    and stand for more or fewer. None for tasks without classes and for what is no picture: a device has nothing of
    theirs to compare.
    """
    if manifest.task not in ("classify", "detect") or manifest.preprocessing.of_numbers:
        return None
    decoder = decoder_for(manifest)
    decoded = [
        decoder.decode({name: rows[index : index + 1] for name, rows in raw.items()}, manifest.preprocessing.size_wh)
        for index in range(len(golden.frames))
    ]
    weights = _weights(golden, classes, manifest.labels)
    made = reference_of(golden.frames, _answers(decoded), manifest.labels, made_with=manifest.format, weights=weights)
    return to_pretty_json(made)


def _answers(decoded: list[Decoded]) -> Answers:
    first = [_first(one) for one in decoded]
    return Answers(
        [one.label if one else None for one in first],
        np.array([one.score if one else 0.0 for one in first]),
        np.array([len(one.detections) if isinstance(one.detections, tuple) else 0 for one in decoded])
        if any(isinstance(one.detections, tuple) for one in decoded)
        else None,
    )


def _first(decoded: Decoded) -> ClassScore | Detection | None:
    found = decoded.classes if isinstance(decoded.classes, tuple) else decoded.detections
    return found[0] if isinstance(found, tuple) and found else None


def _weights(golden: Pictures, classes: Mapping[str, int], labels: tuple[str, ...]) -> NDArray[np.float64]:
    """How many pictures of the test split each golden one stands for; one where that is not known."""
    if not golden.labelled or not classes:
        return np.ones(len(golden.frames))
    kept = np.bincount(golden.labels, minlength=len(labels))
    there = np.array([classes.get(label, 0) for label in labels])
    return np.asarray((there / np.maximum(kept, 1))[golden.labels], np.float64)
