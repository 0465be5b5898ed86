"""Only what a person said is a label; what a model guessed is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import DataError
from tests.trainer.drawn_pictures import draw
from tests.trainer.kept_pictures import keep
from trainer.retraining.added import open_added
from trainer.retraining.labelling import label_folder

BASE = ("cat", "dog")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two sure cats of two days and an unsure picture, laid out to be labelled."""
    keep(tmp_path / "cam-1", 1)
    keep(tmp_path / "cam-1", 2, day="20260715", why="crossed-gate")
    keep(tmp_path / "cam-1", 3, (("cat", 0.5), ("dog", 0.5)))
    label_folder([tmp_path / "cam-1"], tmp_path / "out", None)
    return tmp_path / "out"


def named(folder: Path, number: int) -> str:
    (path,) = folder.rglob(f"*_{number}.png")
    return path.relative_to(folder).as_posix()


def test_guesses_nobody_looked_at_are_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="a model's guesses"):
        open_added(str(folder), BASE)


def test_labels_of_the_page_win_over_folders(folder: Path) -> None:
    rows = [f"{named(folder, 1)},owl", f"{named(folder, 3)},dog", f"{named(folder, 2)},-"]
    (folder / "labels.csv").write_text("path,label\n" + "\n".join(rows) + "\n")
    added = open_added(str(folder), BASE)
    assert added.origin.labels == ("cat", "dog", "owl")
    assert {added.origin.labels[one.label] for one in added.origin.pictures} == {"owl", "dog"}
    assert added.unlabelled == (named(folder, 2),)
    assert {one.group for one in added.origin.pictures} == {"cam-1 2026-07-14"}
    assert added.origin.pictures[0].columns == {"device": "cam-1", "why": "unsure"}


def test_moving_a_file_labels_it_and_keeps_its_group(folder: Path) -> None:
    (folder / "dog").mkdir()
    moved = folder / named(folder, 3)
    moved.rename(folder / "dog" / moved.name)
    added = open_added(str(folder), BASE)
    assert sorted((added.origin.labels[one.label], one.group) for one in added.origin.pictures) == [
        ("cat", "cam-1 2026-07-14"), ("cat", "cam-1 2026-07-15"), ("dog", "cam-1 2026-07-14"),
    ]  # fmt: skip


def test_ordinary_class_folders_need_no_tables(tmp_path: Path) -> None:
    draw(tmp_path, {"dog": 2, "_later": 1})
    added = open_added(str(tmp_path), BASE)
    assert [one.label for one in added.origin.pictures] == [1, 1]
    assert len(added.unlabelled) == 1


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("path,label\nnowhere/gone.png,cat\n", "not there: nowhere/gone.png"),
        ("picture,label\na,cat\n", "no column 'path'"),
        ("path,label\na\n", "too short"),
        ("path,label\n", "a model's guesses"),
    ],
)
def test_a_table_that_makes_no_sense_is_one_sentence(folder: Path, table: str, said: str) -> None:
    (folder / "labels.csv").write_text(table)
    with pytest.raises(DataError, match=said):
        open_added(str(folder), BASE)
