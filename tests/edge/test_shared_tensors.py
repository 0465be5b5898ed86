from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest

from contract.manifest import TensorSpec
from edge.shared_tensors import SharedTensors

PICTURE = TensorSpec(name="picture", shape=(1, 5, 7, 3), dtype="uint8")
SCORES = TensorSpec(name="scores", shape=(1, 3), dtype="float32")
BOXES = TensorSpec(name="boxes", shape=(1, 2, 4), dtype="float16")


@pytest.fixture
def handle() -> Iterator[int]:
    opened = os.memfd_create("test")
    yield opened
    os.close(opened)


def test_what_one_side_writes_the_other_reads(handle: int) -> None:
    ours, theirs = (SharedTensors(handle, [PICTURE], [SCORES, BOXES]) for _ in range(2))
    ours.inputs["picture"][...] = 7
    theirs.outputs["scores"][...] = [[0.1, 0.2, 0.3]]
    theirs.outputs["boxes"][...] = -1
    assert (theirs.inputs["picture"] == 7).all()
    assert ours.outputs["scores"].tolist() == np.array([[0.1, 0.2, 0.3]], np.float32).tolist()
    assert (ours.outputs["boxes"] == -1).all()
    assert (ours.inputs["picture"] == 7).all()


def test_outputs_that_come_out_larger_find_room_beside_the_untouched_input(handle: int) -> None:
    ours, theirs = (SharedTensors(handle, [PICTURE], [SCORES, BOXES]) for _ in range(2))
    ours.inputs["picture"][...] = 9
    for side in (theirs, ours):
        side.reshape_outputs({"scores": (1, 100_000)})
    theirs.outputs["scores"][...] = 2.5
    theirs.outputs["boxes"][...] = 1
    assert ours.outputs["scores"].shape == (1, 100_000)
    assert (ours.outputs["scores"] == 2.5).all()
    assert (ours.outputs["boxes"] == 1).all()
    assert (theirs.inputs["picture"] == 9).all()


@pytest.mark.parametrize("shape", [(1, 0), (0,), (1, 1)])
def test_outputs_may_shrink_even_to_nothing_and_come_back(handle: int, shape: tuple[int, ...]) -> None:
    shared = SharedTensors(handle, [PICTURE], [SCORES, BOXES])
    shared.reshape_outputs({"scores": shape})
    assert shared.outputs["scores"].shape == shape
    assert shared.outputs["boxes"].shape == BOXES.shape
    shared.reshape_outputs({})
    assert shared.outputs["scores"].shape == SCORES.shape
