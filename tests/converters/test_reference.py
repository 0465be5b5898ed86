"""The reference in a bundle is the artifact's own: a device that sees the same pictures sees no drift."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from contract import run as files
from contract.drift import Drift
from contract.reference import parse
from edge.bundles import UNVERIFIED, CheckedBundle, read_bundle
from edge.drift.power import Change, brightness, noise
from edge.drift.watch import drift_watch
from edge.frames import Frame
from edge.model import load_model
from edge.pipeline import run_frame


@pytest.fixture(scope="module", params=["rpi4", "jetson-orin-jp6"])
def bundle(digits_bundles: dict[str, Path], request: pytest.FixtureRequest) -> CheckedBundle:
    return read_bundle(digits_bundles[request.param], UNVERIFIED)


def window(bundle: CheckedBundle, frames: np.ndarray, change: Change | None = None) -> Drift:
    """What the bundle's own watch says of `frames`, answered by its own model."""
    watch = drift_watch(bundle.manifest, bundle.members["reference.json"])
    assert watch is not None
    draws = np.random.default_rng(0)
    with closing(load_model(bundle.manifest, bundle.digest, bundle.model)) as model:
        for number, grey in enumerate(frames):
            seen = np.repeat(grey if change is None else change(grey, draws), 3, axis=2)
            frame = Frame("digits", number, 0.0, 2.0 * number, seen)
            watch.answer(frame, run_frame(frame, model))
    closed = watch.take()
    assert closed is not None
    return closed


def test_it_counts_the_answers_of_this_very_file(bundle: CheckedBundle, digits_run: Path) -> None:
    reference = parse(bundle.members["reference.json"], where="bundle")
    with np.load(digits_run / files.GOLDEN) as stored:
        frames = stored["frames"]
    assert (reference.made_with, reference.pictures) == (bundle.manifest.format, len(frames))
    with closing(load_model(bundle.manifest, bundle.digest, bundle.model)) as model:
        answers = Counter(str(next(iter(model.outputs_for(frame).values())).argmax()) for frame in frames)
    assert reference.classes == pytest.approx({label: answers[label] / len(frames) for label in "0123456789"})


def test_held_back_pictures_are_no_drift_and_changed_ones_are(bundle: CheckedBundle, digits_run: Path) -> None:
    with np.load(digits_run / files.GOLDEN) as stored:
        frames = stored["frames"][np.random.default_rng(0).permutation(len(stored["frames"]))[:50]]
    unchanged = window(bundle, frames)
    assert (unchanged.input_changed, unchanged.model_suffering) == (False, False)
    assert set(unchanged.features) > {"confidence", "classes", "noise", "layout"}
    assert window(bundle, frames, noise(12.0)).input_changed
    assert window(bundle, frames, brightness(0.5)).model_suffering
