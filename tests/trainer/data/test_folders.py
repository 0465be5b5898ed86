"""Class folders: which layouts are understood, and what is said about the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import DataError
from tests.trainer.drawn_pictures import draw
from trainer.data.origin import open_origin


def test_class_folders_give_labels_in_order_and_no_split(tmp_path: Path) -> None:
    origin = open_origin(str(draw(tmp_path, {"dog": 2, "cat": 3})))
    assert origin.labels == ("cat", "dog")
    assert [picture.label for picture in origin.pictures] == [0, 0, 0, 1, 1]
    assert not origin.has_splits
    assert origin.pictures[0].name == "cat/picture-000.png"


def test_split_folders_are_read_and_short_names_understood(tmp_path: Path) -> None:
    origin = open_origin(str(draw(tmp_path, {"train/a": 1, "train/b": 1, "val/a": 1, "test/b": 1})))
    assert [picture.split for picture in origin.pictures] == ["test", "train", "train", "validation"]
    assert origin.labels == ("a", "b")


def test_a_folder_called_train_may_be_a_class_like_any_other(tmp_path: Path) -> None:
    origin = open_origin(str(draw(tmp_path, {"train": 2, "bus": 2})))
    assert origin.labels == ("bus", "train")


def test_pictures_in_deeper_folders_belong_to_their_class(tmp_path: Path) -> None:
    origin = open_origin(str(draw(tmp_path, {"cat/monday/morning": 2, "dog": 1})))
    assert [origin.labels[picture.label] for picture in origin.pictures] == ["cat", "cat", "dog"]


def test_hidden_files_other_files_and_hidden_folders_are_passed_over(tmp_path: Path) -> None:
    draw(tmp_path, {"cat": 1, "dog": 1, ".cache": 1, "cat/.thumbnails": 2})
    (tmp_path / "cat" / "._picture-000.png").write_bytes(b"\0\5\x16\7")
    (tmp_path / "cat" / "notes.txt").write_text("nothing to see")
    assert len(open_origin(str(tmp_path)).pictures) == 2


def test_an_empty_class_is_listed(tmp_path: Path) -> None:
    draw(tmp_path, {"cat": 1})
    (tmp_path / "dog").mkdir()
    assert open_origin(str(tmp_path)).empty == ("dog",)


def test_a_path_that_is_not_there_a_file_and_an_empty_folder_are_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "file.txt"
    file.write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "classes" / "cat").mkdir(parents=True)
    for path, said in (
        (tmp_path / "absent", "no such folder"),
        (file, "a file"),
        (tmp_path / "empty", "no class folders"),
        (tmp_path / "classes", "no picture in any"),
    ):
        with pytest.raises(DataError, match=said) as refused:
            open_origin(str(path))
        assert refused.value.where == str(path)


def test_two_folders_for_one_split_are_refused(tmp_path: Path) -> None:
    draw(tmp_path, {"train/a": 1, "val/a": 1, "validation/a": 1})
    with pytest.raises(DataError, match="two folders for the validation split"):
        open_origin(str(tmp_path))
