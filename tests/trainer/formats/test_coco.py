"""COCO: where its files and pictures are looked for, and what is said about broken ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contract.errors import DataError
from tests.trainer.formats.written_sets import Drawn, coco, picture
from trainer.data.origin import Origin, open_origin

ONE = Drawn((40, 30), [(0, 0, 0, 40, 30), (1, 5, 6, 20, 21)])


def changed(tmp_path: Path, **parts: Any) -> Origin:
    """The one picture with parts of its file replaced."""
    root = coco(tmp_path, [ONE])
    file = root / "annotations" / "instances_default.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | parts))
    return open_origin(str(root))


def annotation(**parts: Any) -> dict[str, Any]:
    return {"image_id": 1000, "category_id": 3, "bbox": [1, 2, 10, 10], **parts}


def split(folder: Path, name: str, categories: list[dict[str, Any]], annotations: list[dict[str, Any]]) -> None:
    """As Roboflow exports one."""
    picture(folder / f"{name}.jpg", (40, 30))
    images = [{"id": 0, "file_name": f"{name}.jpg", "width": 40, "height": 30}]
    sheet = {"images": images, "categories": categories, "annotations": annotations}
    (folder / "_annotations.coco.json").write_text(json.dumps(sheet))


def test_class_numbers_follow_ids_with_gaps(tmp_path: Path) -> None:
    origin = open_origin(str(coco(tmp_path, [ONE])))
    assert origin.labels == ("ball", "cup", "tin of tea")
    assert [(box.label, box.xyxy_px) for box in origin.pictures[0].boxes] == [(0, (0, 0, 40, 30)), (1, (5, 6, 20, 21))]
    assert origin.pictures[0].name == "images/0.png"


def test_split_folders_are_read_and_the_projects_name_is_no_class(tmp_path: Path) -> None:
    categories = [
        {"id": 0, "name": "cells", "supercategory": "none"},
        {"id": 1, "name": "red", "supercategory": "cells"},
        {"id": 2, "name": "white", "supercategory": "cells"},
    ]
    mark = {"id": 0, "image_id": 0, "category_id": 2, "bbox": [1, 2, 3.5, 4], "area": 14, "iscrowd": 0}
    split(tmp_path / "train", "a", categories, [mark])
    split(tmp_path / "valid", "b", categories, [])
    split(tmp_path / "test", "c", categories, [mark | {"iscrowd": 1}])
    origin = open_origin(str(tmp_path))
    assert origin.labels == ("red", "white")
    assert {picture.name: (picture.split, picture.label) for picture in origin.pictures} == {
        "train/a.jpg": ("train", 1),
        "valid/b.jpg": ("validation", -1),
        "test/c.jpg": ("test", 1),
    }
    assert [box.crowd for picture in origin.pictures for box in picture.boxes] == [True, False]


def test_files_named_for_a_year_give_splits_and_share_their_classes_by_name(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    for name, ids in (("train2017", (1, 2)), ("val2017", (2, 1))):
        picture(tmp_path / name / f"{name}.jpg", (40, 30))
        sheet = {
            "images": [{"id": 5, "file_name": f"{name}.jpg"}],
            "categories": [{"id": ids[0], "name": "cat"}, {"id": ids[1], "name": "dog"}],
            "annotations": [{"image_id": 5, "category_id": ids[1], "bbox": [1, 1, 5, 5]}],
        }
        (tmp_path / "annotations" / f"instances_{name}.json").write_text(json.dumps(sheet))
    origin = open_origin(str(tmp_path))
    assert origin.labels == ("cat", "dog")
    assert [(picture.name, picture.split, picture.label) for picture in origin.pictures] == [
        ("train2017/train2017.jpg", "train", 1),
        ("val2017/val2017.jpg", "validation", 1),
    ]


def test_one_file_may_be_named(tmp_path: Path) -> None:
    coco(tmp_path, [ONE])
    (tmp_path / "annotations" / "instances_default.json").rename(tmp_path / "boxes.json")
    origin = open_origin(str(tmp_path / "boxes.json"))
    assert [picture.name for picture in origin.pictures] == ["images/0.png"]


def test_odd_boxes_are_named_by_their_place(tmp_path: Path) -> None:
    origin = changed(
        tmp_path,
        annotations=[
            annotation(bbox=[1, 2, 0, 14]),
            annotation(bbox=[9, 2, -3, 4]),
            annotation(bbox=[1, 2, 3]),
            {"image_id": 1000, "category_id": 3, "segmentation": [[1, 2, 3, 4, 5, 6]]},
            annotation(),
            annotation(),
            annotation(bbox=[30, 2, 14, 10]),
        ],
    )
    assert [(box.where.rpartition(", ")[2], box.what.partition(", also")[0]) for box in origin.odd_boxes] == [
        ("annotations[0]", "its area is zero: 0 x 14 pixels"),
        ("annotations[1]", "it is inverted: -3 x 4 pixels"),
        ("annotations[2]", "it has no bbox of four numbers"),
        ("annotations[3]", "it has no bbox of four numbers"),
        ("annotations[5]", "it is written twice"),
        ("annotations[6]", "it stands 4.0 pixels out of the 40x30 picture"),
    ]
    assert len(origin.pictures[0].boxes) == 1


@pytest.mark.parametrize(
    ("parts", "said", "fix"),
    [
        ({"annotations": [annotation(category_id=4)]}, "class id 4 is unknown", "3 ball, 11 tin of tea"),
        ({"annotations": [annotation(image_id=77)]}, "picture id 77 is unknown", "images"),
        ({"images": [{"id": 1000, "file_name": "gone.png"}]}, "1 of 1 pictures are missing: annotations/gone.png", ""),
        ({"categories": [{"id": 3, "name": "a"}, {"id": 3, "name": "b"}]}, "class id 3 is there twice", ""),
        ({"categories": [{"id": 3, "name": "a"}, {"id": 7, "name": "a"}]}, "class 'a' is there twice", ""),
        ({"images": [{"id": 1000, "file_name": "0.png"}, {"id": 1, "file_name": "0.png"}]}, "listed twice", ""),
        ({"images": []}, "unknown", ""),
        ({"images": [], "annotations": []}, "no picture is listed", ""),
        ({"categories": [], "annotations": []}, "there are no categories", ""),
        ({"images": [{"id": 1}]}, "no COCO file.*file_name", ""),
    ],
)
def test_what_does_not_fit_together_is_named(parts: dict[str, Any], said: str, fix: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said) as refused:
        changed(tmp_path, **parts)
    assert all(word in refused.value.fix for word in fix.split(", "))


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b'{"images": [],\n"categories": [}', 2),
        (b'{"images":\n\n[', 3),
        (b'{"images": [{"id": 1,\n"file_name": "\xff"}]}', 2),
        (b"", 1),
    ],
)
def test_broken_json_is_named_with_its_line(data: bytes, line: int, tmp_path: Path) -> None:
    file = tmp_path / "boxes.json"
    file.write_bytes(data)
    with pytest.raises(DataError, match="no whole JSON") as refused:
        open_origin(str(file))
    assert refused.value.where.endswith(f"boxes.json:{line}")


def test_files_whose_names_do_not_tell_splits_are_refused(tmp_path: Path) -> None:
    root = coco(tmp_path, [ONE])
    (root / "annotations" / "instances_more.json").write_text('{"images": [], "categories": []}')
    with pytest.raises(DataError, match="2 COCO files, and their names do not say one split each"):
        open_origin(str(root))
