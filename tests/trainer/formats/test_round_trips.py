"""The same boxes, written in each format, are read as the same boxes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.formats.written_sets import FORMATS, NAMES, Drawn
from trainer.data.origin import open_origin


@st.composite
def drawn_pictures(draw: st.DrawFn) -> Drawn:
    width, height = draw(st.integers(2, 70)), draw(st.integers(2, 70))
    boxes = st.builds(
        lambda label, x, y, across, down: (
            label,
            x,
            y,
            x + 1 + across % (width - x),
            y + 1 + down % (height - y),
        ),
        st.integers(0, len(NAMES) - 1),
        st.integers(0, width - 2),
        st.integers(0, height - 2),
        st.integers(1, 200),
        st.integers(1, 200),
    )
    return Drawn((width, height), draw(st.lists(boxes, max_size=5, unique=True)))


def sensible(one: Drawn) -> Drawn:
    """Without boxes of one pixel each way: as VOC corners these are stray clicks."""
    return Drawn(one.size_wh, [box for box in one.boxes if box[3] - box[1] > 1 and box[4] - box[2] > 1])


@settings(max_examples=25, deadline=None)
@given(st.lists(drawn_pictures().map(sensible), min_size=1, max_size=3).filter(lambda all: any(o.boxes for o in all)))
def test_all_formats_give_the_same_boxes(drawn: list[Drawn]) -> None:
    used = sorted({box[0] for one in drawn for box in one.boxes})
    for kind, write in FORMATS.items():
        with tempfile.TemporaryDirectory() as folder:
            origin = open_origin(str(write(Path(folder) / "set", drawn)))
            sizes = [(picture.read().shape[1], picture.read().shape[0]) for picture in origin.pictures]
        assert origin.labels == (tuple(NAMES[label] for label in used) if kind == "csv" else NAMES)
        assert origin.task == "detect"
        assert (origin.odd_boxes, origin.cut_boxes) == ((), ()), kind
        for picture, one, size_wh in zip(origin.pictures, drawn, sizes, strict=True):
            for left, top, right, bottom in (box.xyxy_px for box in picture.boxes):
                assert 0 <= left < right <= size_wh[0], kind
                assert 0 <= top < bottom <= size_wh[1], kind
            assert [box.label for box in picture.boxes] == [origin.labels.index(NAMES[box[0]]) for box in one.boxes]
            for read, written in zip(picture.boxes, one.boxes, strict=True):
                assert read.xyxy_px == pytest.approx(written[1:], abs=0.001), kind
