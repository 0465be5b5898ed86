"""A detector's guesses as COCO JSON: what annotation programs open to let a person move boxes instead of drawing them.

Format: https://cocodataset.org/#format-data. `score` is what COCO's result files call it; programs that do not know it
pass it over. The same boxes stand in `guesses.json`, which nobody edits, so that it can be told later whether a person
changed any.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from contract.codec import to_pretty_json
from trainer.data.odd_boxes import Written, sort_out

if TYPE_CHECKING:
    from trainer.retraining.labelling import Guessed

ANNOTATIONS = "annotations.json"
GUESSES = "guesses.json"
GuessedBox = tuple[str, tuple[float, float, float, float]]
"""Class, and left, top, right, bottom in pixels of the picture."""


def pre_annotations(pictures: Sequence[Guessed], labels: Sequence[str]) -> bytes:
    """The whole file; categories are numbered from 1 in the order of `labels`, as COCO does."""
    boxes = [(picture, one) for picture in pictures for one in picture.guess.detections or ()]
    names = [*labels, *sorted({one.label for _, one in boxes} - set(labels))]
    numbers = {picture.path: number for number, picture in enumerate(pictures, 1)}
    return to_pretty_json(
        {
            "info": {"description": "Boxes guessed by a model: nobody has looked at them"},
            "images": list(_images(pictures)),
            "annotations": [
                {
                    "id": number,
                    "image_id": numbers[picture.path],
                    "category_id": names.index(one.label) + 1,
                    **_box(one.box_xyxy_px),
                    "iscrowd": 0,
                    "score": round(one.score, 4),
                }
                for number, (picture, one) in enumerate(boxes, 1)
            ],
            "categories": [{"id": number, "name": name} for number, name in enumerate(names, 1)],
        }
    )


def _images(pictures: Sequence[Guessed]) -> Iterator[dict[str, Any]]:
    for number, one in enumerate(pictures, 1):
        width, height = one.size_wh
        yield {
            "id": number,
            "file_name": one.path,
            "width": width,
            "height": height,
            "date_captured": one.frame.moment,
            "why": one.frame.why,
            "group": one.frame.group,
        }


def _box(xyxy_px: tuple[float, float, float, float]) -> dict[str, Any]:
    left, top, right, bottom = xyxy_px
    width, height = right - left, bottom - top
    return {"bbox": [round(side, 2) for side in (left, top, width, height)], "area": round(width * height, 2)}


def guessed_boxes(pictures: Sequence[Guessed]) -> bytes:
    """`guesses.json`: boxes by the path of their picture, cut at its border as `trainer.formats` will read them."""
    return to_pretty_json({one.path: list(_guesses(one)) for one in pictures})


def _guesses(picture: Guessed) -> Iterator[GuessedBox]:
    for one in picture.guess.detections or ():
        boxes, _, _ = sort_out(picture.path, [Written(0, one.box_xyxy_px, GUESSES)], picture.size_wh)
        yield from ((one.label, box.xyxy_px) for box in boxes)
