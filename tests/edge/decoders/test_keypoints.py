from __future__ import annotations

import numpy as np
import pytest

from contract.errors import BackendError
from contract.manifest import Keypoints
from contract.result import Keypoint
from edge.postprocess import decode
from tests.edge.decoders.manifests import floats, manifest_with


def points(
    rows: list[list[float]], frame_wh: tuple[int, int], resize: str = "stretch", **options: object
) -> list[Keypoint]:
    outputs = {"points": floats([rows])}
    decoding = Keypoints(points="points", **options)  # type: ignore[arg-type]
    found = decode(outputs, manifest_with(decoding, outputs, resize=resize), frame_wh).keypoints
    assert isinstance(found, tuple)
    return list(found)


def test_points_come_in_pixels_of_the_frame_with_x_before_y() -> None:
    (one, other) = points([[0.25, 0.5, 0.9], [1.2, -0.1, 0.1]], (200, 100))
    assert (one.label, one.score, one.at_xy_px) == ("red", pytest.approx(0.9), pytest.approx((100, 25)))
    assert (other.label, other.at_xy_px) == ("green", (0, 100))


def test_order_and_threshold_are_as_the_manifest_says() -> None:
    (one,) = points([[0.5, 0.25, 0.1], [0.5, 0.25, 0.9]], (200, 100), order="xy", score_threshold=0.3)
    assert (one.index, one.at_xy_px) == (1, pytest.approx((100, 25)))


def test_the_letterbox_is_undone() -> None:
    (one,) = points([[0.25, 0.5, 0.9]], (200, 100), "letterbox")
    assert one.at_xy_px == pytest.approx((100, 0))


def test_a_point_that_is_no_number_is_an_error() -> None:
    with pytest.raises(BackendError, match="not finite"):
        points([[0.25, float("nan"), 0.9]], (200, 100))
    assert np.isfinite(points([[0.25, 0.5, 0.9]], (1, 1))[0].at_xy_px).all()
