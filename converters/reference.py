"""The drift reference of one artifact: the run's held-back pictures, and this very file's answers to them.

The trainer's reference describes the float model. An int8 file is a little less sure of everything, and a device would
take that for drift.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from contract.codec import to_pretty_json
from contract.manifest import Manifest
from converters.runs import Run
from edge.drift.profile import Answers, reference_of
from edge.postprocess import decoder_for


def artifact_reference(run: Run, manifest: Manifest, raw: Mapping[str, NDArray[np.generic]]) -> bytes:
    """`reference.json` from the raw outputs (N, ...) by name for the run's golden pictures, decoded as on a device."""
    decode = decoder_for(manifest).decode
    frames = run.golden.frames
    found = [
        decode({name: rows[index : index + 1] for name, rows in raw.items()}, manifest.preprocessing.size_wh).classes
        for index in range(len(frames))
    ]
    first = [classes[0] if classes else None for classes in found]
    answers = Answers(
        [one.label if one else None for one in first],
        np.array([one.score if one else 0.0 for one in first]),
    )
    made = reference_of(frames, answers, manifest.labels, made_with=manifest.format, weights=_weights(run))
    return to_pretty_json(made)


def _weights(run: Run) -> NDArray[np.float64]:
    """How many pictures of the test split each golden one stands for: a run keeps equally many of each class."""
    test = run.dataset.splits.get("test")
    kept = np.bincount(run.golden.labels, minlength=len(run.dataset.labels))
    there = kept if test is None else np.array([test.classes.get(label, 0) for label in run.dataset.labels])
    return np.asarray((there / np.maximum(kept, 1))[run.golden.labels], np.float64)
