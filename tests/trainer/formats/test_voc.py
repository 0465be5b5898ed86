"""Pascal VOC: the blood cells as their makers counted them, and what is said about broken files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from contract.errors import DataError, SourceError
from tests.trainer.formats.written_sets import Drawn, picture, voc, write_sheet
from trainer.data.origin import Origin, open_origin

ONE = Drawn((40, 30), [(0, 0, 0, 40, 30), (1, 5, 6, 20, 21)])


def broken(tmp_path: Path, sheet: str, *, encoding: str = "utf-8") -> Path:
    root = voc(tmp_path, [ONE])
    (root / "Annotations" / "0.xml").write_bytes(sheet.encode(encoding))
    return root


def one_object(name: str, corners: tuple[object, ...], extra: str = "") -> str:
    box = "".join(
        f"<{tag}>{value}</{tag}>" for tag, value in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
    )
    return f"<object><name>{name}</name>{extra}<bndbox>{box}</bndbox></object>"


def with_objects(tmp_path: Path, *objects: str) -> Origin:
    return open_origin(str(broken(tmp_path, "<annotation>\n" + "\n".join(objects) + "</annotation>")))


def test_the_blood_cells_are_what_their_makers_counted(shared_data: Path) -> None:
    origin = open_origin(str(shared_data / "bccd"))
    boxes = Counter(origin.labels[box.label] for picture in origin.pictures for box in picture.boxes)
    assert boxes == {"Platelets": 361, "RBC": 4155 - 2, "WBC": 372}
    assert Counter(picture.split for picture in origin.pictures) == {"train": 205, "validation": 87, "test": 72}
    assert {origin.labels[picture.label] for picture in origin.pictures} == {"RBC", "WBC", "Platelets"}
    assert (origin.cut_boxes, origin.passed_over) == ((), ())


def test_the_two_zero_area_boxes_of_the_blood_cells_are_named(shared_data: Path) -> None:
    odd = sorted(open_origin(str(shared_data / "bccd")).odd_boxes, key=lambda box: box.picture)
    assert [box.picture for box in odd] == ["JPEGImages/BloodImage_00338.jpg", "JPEGImages/BloodImage_00343.jpg"]
    assert [box.where.rpartition("/")[2] for box in odd] == [
        "BloodImage_00338.xml:158, object 13",
        "BloodImage_00343.xml:50, object 4",
    ]
    assert {box.what for box in odd} == {"its area is zero: 0 x 0 pixels"}


def test_corners_count_from_one_and_lie_inside(tmp_path: Path) -> None:
    origin = with_objects(tmp_path, one_object("ball", (1, 1, 40, 30)), one_object("cup", (3, 4, 12, 14)))
    assert [box.xyxy_px for box in origin.pictures[0].boxes] == [(0, 0, 40, 30), (2, 3, 12, 14)]


@pytest.mark.parametrize("telling", [(0, 5, 9, 9), (2.5, 5, 9, 9)])
def test_a_zero_or_a_fraction_anywhere_tells_that_edges_were_written(
    telling: tuple[float, ...], tmp_path: Path
) -> None:
    origin = with_objects(tmp_path, one_object("ball", telling), one_object("cup", (3, 4, 12, 14)))
    assert [box.xyxy_px for box in origin.pictures[0].boxes] == [telling, (3, 4, 12, 14)]


def test_difficult_objects_are_crowds_and_parts_are_no_objects(tmp_path: Path) -> None:
    part = "<part><name>handle</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>"
    origin = with_objects(
        tmp_path,
        one_object("cup", (3, 4, 12, 14), "<difficult>1</difficult>" + part),
        one_object("cup", (5, 4, 12, 14), "<difficult>0</difficult>"),
    )
    assert [box.crowd for box in origin.pictures[0].boxes] == [True, False]


def test_odd_objects_are_left_out_one_by_one(tmp_path: Path) -> None:
    origin = with_objects(
        tmp_path,
        one_object("cup", (9, 4, 5, 14)),
        one_object("cup", ("nan", 4, 5, 14)),
        one_object("cup", (100, 4, 120, 14)),
        "<object><name>cup</name></object>",
        one_object("cup", ("left", 4, 5, 14)),
        one_object("cup", (2, 4, 42, 14)),
    )
    assert [(box.where.rpartition(", ")[2], box.what) for box in origin.odd_boxes] == [
        ("object 1", "it is inverted: -4 x 10 pixels"),
        ("object 2", "its corners are not finite numbers"),
        ("object 3", "it lies outside the 40x30 picture"),
        ("object 4", "it has no bndbox of four numbers"),
        ("object 5", "it has no bndbox of four numbers"),
    ]
    assert [box.xyxy_px for box in origin.pictures[0].boxes] == [(1, 3, 40, 14)]
    assert origin.cut_boxes[0].what == "it stands 2.0 pixels out of the picture and was cut there"


def test_pairs_in_one_folder_are_read_and_unmarked_pictures_passed_over(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg", (40, 30))
    picture(tmp_path / "b.png", (40, 30))
    write_sheet(tmp_path / "a.xml", ONE)
    origin = open_origin(str(tmp_path))
    assert [(listed.name, len(listed.boxes)) for listed in origin.pictures] == [("a.jpg", 2)]
    assert origin.labels == ("ball", "cup")
    assert origin.passed_over == ("b.png",)


def test_pairs_in_split_folders_are_read(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        picture(tmp_path / split / "a.jpg", (40, 30))
        write_sheet(tmp_path / split / "a.xml", ONE)
    origin = open_origin(str(tmp_path))
    assert [(listed.name, listed.split) for listed in origin.pictures] == [
        ("train/a.jpg", "train"),
        ("valid/a.jpg", "validation"),
    ]


def test_a_picture_without_objects_shows_nothing(tmp_path: Path) -> None:
    origin = open_origin(str(voc(tmp_path, [ONE, Drawn((20, 20), [])])))
    assert [(picture.label, len(picture.boxes)) for picture in origin.pictures] == [(0, 2), (-1, 0)]


@pytest.mark.parametrize(
    ("sheet", "said", "line"),
    [
        ("<annotation>\n<object>\n</annotation>", "no whole XML: mismatched tag", 3),
        ("", "no whole XML", 1),
        ("<html/>", "outermost element is <html>", 1),
        ("<annotation>\n<object></object></annotation>", "an object has no name", 2),
        ('<?xml version="1.0"?>\n<!DOCTYPE a [<!ENTITY x "y">]>\n<annotation/>', "document type", 2),
        ('<?xml version="1.0" encoding="klingon"?><annotation/>', "no whole XML", 1),
    ],
)
def test_a_broken_file_is_named_with_its_line(sheet: str, said: str, line: int, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said) as refused:
        open_origin(str(broken(tmp_path, sheet)))
    assert f"0.xml:{line}" in refused.value.where


def test_bytes_that_are_not_utf_8_are_refused_unless_declared(tmp_path: Path) -> None:
    sheet = "<annotation>" + one_object("Schlüssel", (1, 1, 9, 9)) + "</annotation>"
    with pytest.raises(DataError, match="no whole XML"):
        open_origin(str(broken(tmp_path / "undeclared", sheet, encoding="latin-1")))
    declared = '<?xml version="1.0" encoding="iso-8859-1"?>' + sheet
    root = broken(tmp_path / "declared", declared, encoding="latin-1")
    (root / "classes.txt").unlink()
    assert open_origin(str(root)).labels == ("Schlüssel",)


def test_an_unknown_class_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="class 'saucer' is unknown") as refused:
        with_objects(tmp_path, one_object("ball", (1, 1, 9, 9)), one_object("saucer", (1, 1, 9, 9)))
    assert refused.value.where.endswith("0.xml:3, object 2")
    assert "ball, cup, tin of tea" in refused.value.fix


def test_missing_pictures_and_label_files_are_counted_and_named(tmp_path: Path) -> None:
    root = voc(tmp_path, [ONE, ONE, ONE])
    lists = root / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("0\n1\n\n7\n")
    (lists / "val.txt").write_text("2\n")
    with pytest.raises(DataError, match="1 of 4 listed pictures have no XML: 7"):
        open_origin(str(root))
    (lists / "train.txt").write_text("0\n1\n")
    (root / "JPEGImages" / "1.png").unlink()
    with pytest.raises(DataError, match=r"1 of 3 pictures are missing: JPEGImages/1.jpg"):
        open_origin(str(root))
    (lists / "val.txt").write_text("2\n0\n")
    with pytest.raises(DataError, match="0 is in the list for train as well") as refused:
        open_origin(str(root))
    assert refused.value.where.endswith("val.txt:2")


def test_a_picture_of_another_size_than_its_file_says_cannot_be_read(tmp_path: Path) -> None:
    root = voc(tmp_path, [ONE])
    picture(root / "JPEGImages" / "0.png", (30, 40))
    with pytest.raises(SourceError, match="says 40x30 pixels and it has 30x40: it was marked before it was turned"):
        open_origin(str(root)).pictures[0].read()
    picture(root / "JPEGImages" / "0.png", (80, 60))
    with pytest.raises(SourceError, match="says 40x30 pixels and it has 80x60: its boxes are elsewhere"):
        open_origin(str(root)).pictures[0].read()
