from __future__ import annotations

import numpy as np
import pytest

from contract.errors import BackendError
from contract.manifest import Segment
from edge.decoders import Decoded
from edge.postprocess import decode
from tests.edge.decoders.manifests import manifest_with


def answer(
    output: np.ndarray, frame_wh: tuple[int, int] = (100, 100), resize: str = "stretch", **options: object
) -> Decoded:
    outputs = {"map": output}
    decoding = Segment(map="map", **options)  # type: ignore[arg-type]
    return decode(outputs, manifest_with(decoding, outputs, resize=resize), frame_wh)


def shares(decoded: Decoded) -> list[tuple[str, float]]:
    assert isinstance(decoded.segments, tuple)
    return [(one.label, pytest.approx(one.share)) for one in decoded.segments]


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.float32])
def test_classes_come_by_share_and_an_unknown_one_shows_its_number(dtype: type) -> None:
    class_map = np.zeros((1, 10, 10), dtype)
    class_map[0, :6], class_map[0, 9] = 2, 21
    decoded = answer(class_map)
    assert shares(decoded) == [("blue", 0.6), ("red", 0.3), ("21", 0.1)]
    assert decoded.class_map is not None
    assert (decoded.class_map == class_map[0]).all()


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_the_highest_score_wins(layout: str) -> None:
    scores = np.zeros((1, 10, 10, 3), np.int8)
    scores[..., 1], scores[:, :5, :, 2] = 10, 20
    scores = scores if layout == "nhwc" else scores.transpose(0, 3, 1, 2).copy()
    assert shares(answer(scores, form="scores", layout=layout)) == [("green", 0.5), ("blue", 0.5)]


def test_padding_does_not_count() -> None:
    # 200x100 lies in rows 25 to 75 of the picture's 100, which are 5 to 15 of the map's 20.
    class_map = np.zeros((1, 20, 20), np.uint8)
    class_map[0, 5:15] = 1
    assert shares(answer(class_map, (200, 100), "letterbox")) == [("green", 1.0)]


def test_a_sliver_of_a_frame_still_shows_something() -> None:
    assert shares(answer(np.ones((1, 4, 4), np.uint8), (10_000, 1), "letterbox")) == [("green", 1.0)]


def test_small_shares_are_left_out_when_the_manifest_says_so() -> None:
    class_map = np.zeros((1, 10, 10), np.uint8)
    class_map[0, 0, 0] = 1
    assert shares(answer(class_map, min_share=0.05)) == [("red", 0.99)]


@pytest.mark.parametrize("poison", [-1, 10**9])
def test_numbers_that_are_no_classes_are_an_error(poison: int) -> None:
    with pytest.raises(BackendError, match="are no classes"):
        answer(np.full((1, 10, 10), poison, np.int64))
    with pytest.raises(BackendError, match="are no classes"):
        answer(np.full((1, 10, 10), np.nan, np.float32))
    with pytest.raises(BackendError, match="not finite"):
        answer(np.full((1, 10, 10, 2), np.nan, np.float32), form="scores")
