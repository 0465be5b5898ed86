"""`edgeferry dataset check`: each thing that can be wrong is found, and sound data is left in peace."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.trainer.drawn_pictures import draw
from trainer.check import Finding, check_dataset


def found(path: Path) -> dict[str, Finding]:
    return {finding.kind: finding for finding in check_dataset(str(path)).findings}


def test_sound_data_has_nothing_to_mend(tmp_path: Path) -> None:
    checked = check_dataset(str(draw(tmp_path, {"cat": 12, "dog": 12})))
    assert checked.ok
    assert checked.findings == ()
    assert checked.splits == {"all": {"cat": 12, "dog": 12}}
    assert checked.smallest_wh == checked.largest_wh == (24, 24)


def test_the_digits_are_sound() -> None:
    assert check_dataset("digits").findings == ()


def test_unreadable_pictures_and_an_empty_class_are_errors(tmp_path: Path) -> None:
    draw(tmp_path, {"cat": 12, "dog": 12})
    (tmp_path / "fish").mkdir()
    (tmp_path / "dog" / "picture-003.png").write_bytes(b"no picture")
    findings = found(tmp_path)
    assert findings["empty-class"].examples == ("fish",)
    assert findings["unreadable"].count == 1
    assert findings["unreadable"].examples[0].startswith("dog/picture-003.png: ")
    assert not check_dataset(str(tmp_path)).ok


def test_a_class_whose_pictures_are_all_damaged_counts_as_empty(tmp_path: Path) -> None:
    draw(tmp_path, {"cat": 12, "dog": 1})
    (tmp_path / "dog" / "picture-000.png").write_bytes(b"no picture")
    assert found(tmp_path)["empty-class"].examples == ("dog",)


def test_copies_are_told_apart_by_what_they_do(tmp_path: Path) -> None:
    draw(tmp_path, {"train/cat": 12, "train/dog": 12, "test/cat": 12, "test/dog": 12})
    train, test = tmp_path / "train", tmp_path / "test"
    shutil.copy(train / "cat" / "picture-000.png", train / "cat" / "within.png")
    shutil.copy(train / "cat" / "picture-001.png", test / "cat" / "across.png")
    shutil.copy(train / "cat" / "picture-002.png", test / "dog" / "other-label.png")
    findings = found(tmp_path)
    assert findings["duplicates"].severity == "warning"
    assert findings["duplicates"].examples == ("train/cat/picture-000.png = train/cat/within.png",)
    assert findings["duplicates-across-splits"].examples == ("test/cat/across.png = train/cat/picture-001.png",)
    assert findings["duplicates-across-labels"].examples == ("test/dog/other-label.png = train/cat/picture-002.png",)


def test_imbalance_and_few_pictures_are_warnings(tmp_path: Path) -> None:
    findings = found(draw(tmp_path, {"cat": 32, "dog": 8}))
    assert findings["imbalance"].what.startswith("the largest class has 4.0 times")
    assert findings["few-pictures"].examples == ("dog",)
    assert check_dataset(str(tmp_path)).ok


def test_one_class_is_an_error(tmp_path: Path) -> None:
    assert found(draw(tmp_path, {"cat": 12}))["one-class"].severity == "error"


def test_what_training_could_not_cut_into_splits_is_an_error(tmp_path: Path) -> None:
    finding = found(draw(tmp_path, {"cat": 12, "dog": 1}))["too-few-to-split"]
    assert finding.severity == "error"
    assert "class 'dog' has too few different pictures" in finding.what
