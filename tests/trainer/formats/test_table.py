"""CSV files, and pictures.csv beside class folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import DataError
from tests.trainer.drawn_pictures import draw
from tests.trainer.formats.written_sets import picture
from trainer.data.origin import open_origin

NAMES = ("a.png", "b.png", "deep/c.png")


def table(tmp_path: Path, text: str, *, encoding: str = "utf-8") -> str:
    for number, name in enumerate(NAMES):
        picture(tmp_path / name, (20, 16), number)
    file = tmp_path / "pictures-here.csv"
    file.write_bytes(text.encode(encoding))
    return str(file)


def test_paths_labels_splits_groups_and_other_columns_are_read(tmp_path: Path) -> None:
    text = (
        "Picture,label,split,group,time,light\n"
        "a.png,dog,train,ann,2026-01-01,day\n"
        'b.png,"cat, tabby",val,,2026-01-02,\n'
        "deep\\c.png,dog,,bob,,night\n"
    )
    origin = open_origin(table(tmp_path, text))
    assert (origin.task, origin.labels) == ("classify", ("cat, tabby", "dog"))
    assert [(one.name, one.label, one.split, one.group, dict(one.columns)) for one in origin.pictures] == [
        ("a.png", 1, "train", "ann", {"time": "2026-01-01", "light": "day"}),
        ("b.png", 0, "validation", None, {"time": "2026-01-02"}),
        ("deep/c.png", 1, None, "bob", {"light": "night"}),
    ]
    assert origin.pictures[2].read().shape == (16, 20, 3)


@pytest.mark.parametrize("head", ["path;class", "image;label", "file;label", "filename;class"])
def test_semicolons_byte_order_marks_and_other_names_of_columns_are_known(head: str, tmp_path: Path) -> None:
    origin = open_origin(table(tmp_path, f"{head}\r\na.png;dog\r\nb.png;cat\r\n", encoding="utf-8-sig"))
    assert [origin.labels[one.label] for one in origin.pictures] == ["dog", "cat"]


def test_boxes_are_lines_and_a_line_without_a_label_shows_nothing(tmp_path: Path) -> None:
    text = (
        "filename,width,height,class,xmin,ymin,xmax,ymax,light\n"
        "a.png,20,16,cup,1,2,3.5,4,day\na.png,20,16,ball,0,0,20,16,day\nb.png,20,16,,,,,,\na.png,20,16,cup,3,2,3,9,day\n"
    )
    origin = open_origin(table(tmp_path, text))
    assert (origin.task, origin.labels) == ("detect", ("ball", "cup"))
    assert [(one.name, len(one.boxes), dict(one.columns)) for one in origin.pictures] == [
        ("a.png", 2, {"light": "day"}),
        ("b.png", 0, {}),
    ]
    assert [(odd.where.rpartition(":")[2], odd.what) for odd in origin.odd_boxes] == [
        ("5", "its area is zero: 0 x 7 pixels")
    ]


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        ("path,kind\na.png,dog\n", "no column label or class", 1),
        ("where,label\na.png,dog\n", "no column path or picture", 1),
        ("path,label\na.png,dog\n\na.png,dog\n", "a.png is listed again", 4),
        ("path,label\na.png,dog\n./a.png,cat\n", "a.png is listed again", 3),
        ("path,label\na.png,\n", "a.png has no label", 2),
        ("path,label\n,dog\n", "the path is empty", 2),
        ("path,label\na.png,dog,big\n", "3 cells for 2 columns", 2),
        ("path,label,label\n", "column 'label' is there twice", 1),
        ("path,label,\n", "a column has no name", 1),
        ('path,label\na.png,"dog\n', "this is no CSV", 2),
        ("path,label,split\na.png,dog,later\n", "split 'later' is unknown", 2),
        ("path,label,xmin,ymin,xmax,ymax\na.png,dog,1,2,x,4\n", "a corner is not a number", 2),
        ("path,label,split,xmin,ymin,xmax,ymax\na.png,c,train,1,2,3,4\na.png,c,test,1,2,3,4\n", "in two splits", 3),
    ],
)
def test_a_wrong_line_is_named(text: str, said: str, line: int, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said) as refused:
        open_origin(table(tmp_path, text))
    assert refused.value.where.endswith(f"pictures-here.csv:{line}")


def test_missing_pictures_are_counted_and_named(tmp_path: Path) -> None:
    rows = "".join(f"gone-{number}.png,dog\n" for number in range(7))
    with pytest.raises(DataError, match=r"7 of 8 pictures are missing: gone-0.png, .*gone-4.png and 2 more"):
        open_origin(table(tmp_path, f"path,label\na.png,cat\n{rows}"))


def test_a_table_that_is_empty_or_not_utf_8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no rows"):
        open_origin(table(tmp_path, "path,label\n"))
    with pytest.raises(DataError, match="not UTF-8") as refused:
        open_origin(table(tmp_path, "path,label\na.png,Schlüssel\n", encoding="latin-1"))
    assert refused.value.where.endswith(":2")


def test_a_sidecar_tells_more_about_pictures_in_class_folders(tmp_path: Path) -> None:
    draw(tmp_path, {"cat": 2, "dog": 1})
    (tmp_path / "pictures.csv").write_text("path,group,time\ncat/picture-001.png,ann,5\ndog/picture-000.png,,6\n")
    origin = open_origin(str(tmp_path))
    assert [(one.name, one.label, one.group, dict(one.columns)) for one in origin.pictures] == [
        ("cat/picture-000.png", 0, None, {}),
        ("cat/picture-001.png", 0, "ann", {"time": "5"}),
        ("dog/picture-000.png", 1, None, {"time": "6"}),
    ]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("cat/gone.png,ann\n", "1 pictures are not in the folder: cat/gone.png"),
        ("cat/picture-000.png,ann\ncat/picture-000.png,bob\n", "listed again"),
    ],
)
def test_a_sidecar_that_does_not_fit_is_refused(rows: str, said: str, tmp_path: Path) -> None:
    draw(tmp_path, {"cat": 2, "dog": 1})
    (tmp_path / "pictures.csv").write_text(f"path,group\n{rows}")
    with pytest.raises(DataError, match=said):
        open_origin(str(tmp_path))
