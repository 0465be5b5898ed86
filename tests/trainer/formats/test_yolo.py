"""YOLO text: the ways a data.yaml names pictures, and what is said about wrong lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import DataError
from tests.trainer.formats.written_sets import Drawn, picture, yolo
from trainer.data.origin import open_origin

ONE = Drawn((40, 30), [(0, 0, 0, 40, 30), (1, 5, 6, 20, 21)])
EMPTY = Drawn((40, 30), [])


def with_yaml(tmp_path: Path, text: str, *drawn: Drawn) -> Path:
    root = yolo(tmp_path, drawn or [ONE])
    (root / "data.yaml").write_text(text)
    return root


def with_lines(tmp_path: Path, *lines: str) -> Path:
    root = yolo(tmp_path, [ONE])
    (root / "labels" / "train" / "0.txt").write_text("\n".join(lines))
    return root


def test_a_picture_without_a_file_or_with_an_empty_one_shows_nothing(tmp_path: Path) -> None:
    root = yolo(tmp_path, [ONE, EMPTY, EMPTY])
    (root / "labels" / "train" / "2.txt").unlink()
    origin = open_origin(str(root))
    assert [(listed.name, listed.label, len(listed.boxes)) for listed in origin.pictures] == [
        ("images/train/0.png", 0, 2),
        ("images/train/1.png", -1, 0),
        ("images/train/2.png", -1, 0),
    ]


def test_outlines_give_their_box(tmp_path: Path) -> None:
    root = with_lines(tmp_path, "2 0.5 0.1 0.75 0.5 0.25 0.9")
    assert [(box.label, box.xyxy_px) for box in open_origin(str(root)).pictures[0].boxes] == [(2, (10, 3, 30, 27))]


def test_folders_lists_and_several_of_them_are_followed(tmp_path: Path) -> None:
    yaml = "names: [ball, cup, 'tin of tea']\nnc: 3\ntrain: [train.txt, images/more]\nval: ./images/val\n"
    root = with_yaml(tmp_path, yaml, ONE)
    picture(root / "images" / "more" / "m.png", (9, 9))
    picture(root / "images" / "val" / "v.png", (9, 9))
    (root / "train.txt").write_text("./images/train/0.png\n\n")
    origin = open_origin(str(root))
    assert [(listed.name, listed.split, len(listed.boxes)) for listed in origin.pictures] == [
        ("images/train/0.png", "train", 2),
        ("images/more/m.png", "train", 0),
        ("images/val/v.png", "validation", 0),
    ]


def test_paths_one_folder_too_high_are_understood(tmp_path: Path) -> None:
    yaml = "train: ../train/images\nval: ../valid/images\n\nnc: 1\nnames: ['cell']\n\nroboflow:\n  workspace: w\n"
    for split in ("train", "valid"):
        picture(tmp_path / split / "images" / "a.jpg", (40, 30))
        (tmp_path / split / "labels").mkdir()
        (tmp_path / split / "labels" / "a.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (tmp_path / "data.yaml").write_text(yaml)
    origin = open_origin(str(tmp_path))
    assert [(listed.name, listed.split) for listed in origin.pictures] == [
        ("train/images/a.jpg", "train"),
        ("valid/images/a.jpg", "validation"),
    ]
    assert origin.labels == ("cell",)


def test_the_yaml_may_have_another_name_and_lie_elsewhere(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", [ONE])
    (root / "data.yaml").unlink()
    file = tmp_path / "cups.yaml"
    file.write_text("path: set  # beside this file\ntrain: images/train\nnames: {0: ball, 1: cup}\n")
    assert [listed.name for listed in open_origin(str(file)).pictures] == ["set/images/train/0.png"]


def test_a_set_without_splits_is_divided_later(tmp_path: Path) -> None:
    origin = open_origin(str(with_yaml(tmp_path, "names: [ball, cup]\n")))
    assert not origin.has_splits
    assert len(origin.pictures) == 1


def test_odd_lines_are_left_out_and_named(tmp_path: Path) -> None:
    root = with_lines(
        tmp_path,
        "0 0.5 0.5 0 0.5",
        "0 0.5 0.5 -0.1 0.5",
        "0 nan 0.5 0.1 0.5",
        "",
        "0 3 3 0.1 0.1",
        "0 0.5 0.5 1.05 0.5",
        "0 0.5 0.5 1.2 0.5",
        "0 0.1 0.1 inf 0.5 0.5 0.5",
    )
    origin = open_origin(str(root))
    assert [(box.where.rpartition(":")[2], box.what) for box in origin.odd_boxes] == [
        ("1", "its area is zero: 0 x 15 pixels"),
        ("2", "it is inverted: -4 x 15 pixels"),
        ("3", "its corners are not finite numbers"),
        ("5", "it lies outside the 40x30 picture"),
        ("7", "it stands 4.0 pixels out of the 40x30 picture"),
        ("8", "its corners are not finite numbers"),
    ]
    assert [box.where.rpartition(":")[2] for box in origin.cut_boxes] == ["6"]
    assert [box.xyxy_px for box in origin.pictures[0].boxes] == [(0, 7.5, 40, 22.5)]


@pytest.mark.parametrize(
    ("line", "said", "fix"),
    [
        ("3 0.5 0.5 0.1 0.1", "class 3 is unknown", "0 ball, 1 cup, 2 tin of tea"),
        ("-1 0.5 0.5 0.1 0.1", "class -1 is unknown", "0 ball"),
        ("0.5 0.5 0.5 0.1 0.1", "class 0.5 is unknown", "0 ball"),
        ("ball 0.5 0.5 0.1 0.1", "not a number", "class cx cy"),
        ("0 0.5 0.5 0.1", "4 values are neither", "class cx cy"),
        ("0 0.5 0.5 0.1 0.1 0.93", "6 values are neither", "class cx cy"),
    ],
)
def test_a_wrong_line_is_refused_by_number(line: str, said: str, fix: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said) as refused:
        open_origin(str(with_lines(tmp_path, "0 0.5 0.5 0.1 0.1", line)))
    assert refused.value.where.endswith("0.txt:2")
    assert fix in refused.value.fix


@pytest.mark.parametrize(
    ("yaml", "said"),
    [
        ("train: images/train\n", "no class names"),
        ("names: [a, b]\nnc: 3\ntrain: images/train\n", "nc is 3, and there are 2 names"),
        ("names: {0: a, 2: b}\ntrain: images/train\n", "not counted from 0"),
        ("names: [a, a]\ntrain: images/train\n", "one name"),
        ("names: [a, b]\ntrain: images/trian\n", "'images/trian' is not there"),
        ("names: [a, b]\nval: images/train\nvalid: images/train\n", "two keys for the validation split"),
        ("names: [a, b]\ntrain: images/train\nval: images/train\n", "1 pictures are listed twice"),
        ("names: [a, b]\ntrain: list.txt\n", r"1 of 2 pictures are missing: images/train/gone.png"),
        ("names: &x [a, b]\n", "is not read here"),
    ],
)
def test_a_wrong_yaml_is_refused(yaml: str, said: str, tmp_path: Path) -> None:
    root = with_yaml(tmp_path, yaml)
    (root / "list.txt").write_text("images/train/0.png\nimages/train/gone.png\n")
    with pytest.raises(DataError, match=said):
        open_origin(str(root))


def test_pictures_none_of_which_has_a_label_file_are_refused_with_the_place_looked_at(tmp_path: Path) -> None:
    root = yolo(tmp_path, [ONE])
    (root / "labels" / "train" / "0.txt").unlink()
    with pytest.raises(DataError, match="none of 1 pictures has a label file") as refused:
        open_origin(str(root))
    assert refused.value.fix.endswith("labels/train/0.txt.")


def test_a_label_file_that_is_not_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    root = yolo(tmp_path, [ONE])
    (root / "labels" / "train" / "0.txt").write_bytes(b"0 0.5 0.5 0.1 0.1\n\xff\xfe")
    with pytest.raises(DataError, match="not UTF-8") as refused:
        open_origin(str(root))
    assert refused.value.where.endswith("0.txt:2")


def test_boxes_of_a_turned_photograph_are_those_of_the_upright_one(shared_data: Path, tmp_path: Path) -> None:
    """Written for a 128x128 picture, so only reading tells that nothing is wrong."""
    root = yolo(tmp_path, [ONE])
    turned = (shared_data / "images" / "odd_but_valid" / "hopper_orientation_6.jpg").read_bytes()
    (root / "images" / "train" / "0.png").unlink()
    (root / "images" / "train" / "0.jpg").write_bytes(turned)
    listed = open_origin(str(root)).pictures[0]
    assert listed.read().shape == (128, 128, 3)
    assert [round(value) for value in listed.boxes[1].xyxy_px] == [16, 26, 64, 90]
