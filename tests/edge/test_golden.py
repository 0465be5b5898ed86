from __future__ import annotations

import io

import msgspec
import numpy as np
import pytest

from contract.errors import BundleError, GoldenError, UpdateError
from contract.manifest import Golden
from edge.golden import check_golden, pack_golden
from edge.model import LoadedModel
from tests.edge.colours import LABELS, golden_of, loaded, plain

RULES = Golden(frames=3, tolerance=0.02)


def model(**rules: object) -> LoadedModel:
    return loaded("colours_uint8.tflite", golden=msgspec.structs.replace(RULES, **rules))


def with_answers(change: dict[tuple[int, int], int]) -> bytes:
    """Golden frames whose known answers are changed at (frame, class) by so many steps of 1/256."""
    one = model()
    frames = np.stack([plain(colour)[:, :, ::-1] for colour in LABELS])
    name = one.manifest.outputs[0].name
    answers = np.concatenate([one.outputs_for(frame)[name] for frame in frames]).astype(int)
    for place, steps in change.items():
        answers[place] += steps
    return pack_golden(frames, {name: answers.astype(np.uint8)})


def test_a_model_that_answers_as_it_should_passes() -> None:
    check_golden(model(), golden_of(model()))


def test_a_model_without_golden_frames_has_nothing_to_check() -> None:
    check_golden(loaded(), b"")


def test_a_few_quantisation_steps_are_within_the_tolerance() -> None:
    check_golden(model(), with_answers({(1, 1): -4}))


def test_a_wrong_answer_names_the_frame_and_how_far_it_is_off() -> None:
    with pytest.raises(GoldenError, match=r"frame 1: output .* differs by 0\.039") as caught:
        check_golden(model(), with_answers({(1, 1): -10}))
    assert isinstance(caught.value, UpdateError)
    assert caught.value.cause == "golden"


def test_another_first_class_is_wrong_whatever_the_tolerance() -> None:
    swapped = with_answers({(2, 2): -200, (2, 0): 200})
    with pytest.raises(GoldenError, match="frame 2: class 2 comes first, and 0 must"):
        check_golden(model(tolerance=1.0), swapped)
    check_golden(model(tolerance=1.0, top1=False), swapped)


def test_an_output_may_have_a_tolerance_of_its_own() -> None:
    name = model().manifest.outputs[0].name
    off = with_answers({(1, 1): -10})
    check_golden(model(tolerances={name: 0.05}), off)
    with pytest.raises(GoldenError, match=r"over 0\.01"):
        check_golden(model(tolerance=1.0, tolerances={name: 0.01}), off)


def test_equal_frames_give_equal_bytes_and_only_numbers_are_read_back() -> None:
    packed = golden_of(model())
    assert packed == golden_of(model())
    with np.load(io.BytesIO(packed), allow_pickle=False) as archive:
        assert archive["frames"].shape == (3, 16, 24, 3)


@pytest.mark.parametrize("data", [b"", b"not an archive", golden_of(model())[:-30]])
def test_a_damaged_archive_is_the_bundles_fault(data: bytes) -> None:
    with pytest.raises(BundleError, match="golden frames cannot be read"):
        check_golden(model(), data)


def test_fewer_frames_than_the_manifest_says_are_refused() -> None:
    with pytest.raises(BundleError, match="does not hold 4 frames"):
        check_golden(model(frames=4), golden_of(model()))
