"""A model tried beside another one, unheard."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from contract.health import Comparison
from devices.keys import development_verifier
from edge.bundles import read_bundle
from edge.frames import Frame
from edge.model import LoadedModel, load_model
from edge.pipeline import run_frame
from edge.shadow import ShadowRun
from tests.edge.tiny_bundle import write_bundle

PATIENCE_S = 10.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def opened(folder: Path, version: int, confidence: float) -> LoadedModel:
    bundle = read_bundle(write_bundle(folder, version, confidence=confidence), development_verifier())
    return load_model(bundle.manifest, bundle.digest, bundle.model)


def frame(number: int) -> Frame:
    return Frame.now("cam", number, np.full((24, 32, 3), number % 256, np.uint8))


def after(run: ShadowRun, serving: LoadedModel, frames: int) -> Comparison:
    """Show it frames until it has answered so many."""
    until = time.monotonic() + PATIENCE_S
    number = 0
    while run.comparison().numbers.frames < frames:
        assert time.monotonic() < until
        shown = frame(number)
        run.look(shown, run_frame(shown, serving))
        number += 1
    return run.comparison()


def test_what_two_models_say_about_the_same_frames_is_compared(folder: Path) -> None:
    serving, candidate = opened(folder, 1, 0.9), opened(folder, 2, 0.7)
    run = ShadowRun(candidate, 5)
    seen = after(run, serving, 5)
    run.close()
    assert (seen.agreement, seen.numbers.errors) == (1.0, 0)
    assert seen.numbers.mean_confidence == pytest.approx(0.7, abs=0.01)
    assert seen.serving_p95_ms is not None
    assert seen.memory_bytes is None


def test_it_ends_by_itself_after_its_frames_and_looks_at_no_more(folder: Path) -> None:
    serving = opened(folder, 1, 0.9)
    run = ShadowRun(opened(folder, 2, 0.9), 2)
    after(run, serving, 2)
    for number in range(20):
        run.look(frame(number), run_frame(frame(number), serving))
    run.close()
    assert run.comparison().numbers.frames == 2


def test_the_source_may_write_into_its_pixels_meanwhile(folder: Path) -> None:
    serving = opened(folder, 1, 0.9)
    run = ShadowRun(opened(folder, 2, 0.9), 1)
    shown = frame(1)
    result = run_frame(shown, serving)
    run.look(shown, result)
    assert shown.pixels is not None
    shown.pixels[:] = 0
    seen = after(run, serving, 1)
    run.close()
    assert seen.agreement == 1.0


def test_closing_before_the_first_frame_waits_for_none(folder: Path) -> None:
    run = ShadowRun(opened(folder, 2, 0.9), 100)
    run.close()
    assert run.comparison().agreement is None
