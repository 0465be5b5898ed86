from __future__ import annotations

import numpy as np
import pytest

from edge.scene.masks import Masks

LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


def white(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), 255, np.uint8)


@pytest.mark.parametrize(("width", "height"), [(640, 480), (641, 479), (4, 3), (1, 1)])
def test_what_is_inside_is_black_and_the_rest_untouched_at_any_size(width: int, height: int) -> None:
    hidden = Masks([LEFT_HALF]).hidden(white(width, height))
    assert not hidden[:, : width // 2].any()
    assert (hidden[:, width // 2 + 2 :] == 255).all()


def test_the_picture_itself_is_left_alone_and_without_masks_not_copied() -> None:
    picture = white(8, 8)
    assert Masks([]).hidden(picture) is picture
    assert Masks([LEFT_HALF]).hidden(picture) is not picture
    assert (picture == 255).all()


def test_polygons_add_up_and_sizes_may_alternate() -> None:
    masks = Masks([LEFT_HALF, ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))])
    for size in ((10, 10), (20, 6), (10, 10)):
        assert not masks.hidden(white(*size)).any()


def test_a_slice_of_a_larger_picture_can_be_hidden() -> None:
    assert not Masks([LEFT_HALF]).hidden(white(20, 20)[::2, ::2])[:, :5].any()
