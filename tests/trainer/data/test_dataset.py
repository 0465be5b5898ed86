"""A dataset ready for training, or one message about what must be mended first."""

from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from contract.errors import DataError
from edge.pictures import read_picture
from edge.preprocess import fit
from tests.trainer.drawn_pictures import draw
from tests.trainer.formats.written_sets import Drawn, coco
from trainer.data.dataset import Prepared, prepare
from trainer.data.origin import SPLITS, open_origin
from trainer.settings import DataSettings, InputSettings

PREP = InputSettings(size_wh=(16, 12))
DEFAULTS = DataSettings()


def prepared(path: Path, settings: DataSettings = DEFAULTS) -> Prepared:
    return prepare(open_origin(str(path)), PREP, seed=1, settings=settings)


def test_pictures_are_fitted_by_the_code_of_the_device(tmp_path: Path) -> None:
    data = prepared(draw(tmp_path, {"cat": 10, "dog": 10}))
    test = data.splits["test"]
    assert test.frames.shape == (len(test), 12, 16, 3)
    assert test.frames.dtype == np.uint8
    for name, frame in zip(test.names, test.frames, strict=True):
        assert np.array_equal(frame, fit(read_picture(tmp_path / name), PREP))


def test_the_record_counts_every_picture_once(tmp_path: Path) -> None:
    record = prepared(draw(tmp_path, {"cat": 20, "dog": 10})).record
    assert [record.splits[name].pictures for name in SPLITS] == [21, 3, 6]
    assert record.splits["test"].classes == {"cat": 4, "dog": 2}
    assert not record.splits_given


def test_the_digest_follows_the_pictures_and_not_their_file_names(tmp_path: Path) -> None:
    one, two = draw(tmp_path / "one", {"cat": 6, "dog": 6}), draw(tmp_path / "two", {"cat": 6, "dog": 6})
    for number, file in enumerate(sorted((two / "cat").iterdir(), reverse=True)):
        file.rename(file.with_name(f"renamed-{number}.png"))
    assert prepared(one).record.digest == prepared(two).record.digest
    (two / "dog" / "picture-000.png").unlink()
    assert prepared(one).record.digest != prepared(two).record.digest


def test_one_class_an_empty_class_and_too_few_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="only one class"):
        prepared(draw(tmp_path / "one", {"cat": 5}))
    empty = draw(tmp_path / "empty", {"cat": 5, "dog": 5})
    (empty / "fish").mkdir()
    with pytest.raises(DataError, match="no picture in fish"):
        prepared(empty)
    with pytest.raises(DataError, match="'dog' has too few"):
        prepared(draw(tmp_path / "few", {"cat": 5, "dog": 1}))


def test_a_class_that_is_only_tested_is_refused(tmp_path: Path) -> None:
    draw(tmp_path, {"train/cat": 9, "train/dog": 9, "validation/cat": 3, "test/cat": 2, "test/fish": 2})
    with pytest.raises(DataError, match="no training picture of fish"):
        prepared(tmp_path)


def damaged(tmp_path: Path, bad: int, good: int) -> Path:
    root = draw(tmp_path / f"{bad}-of-{good}", {"cat": good, "dog": good})
    for file in sorted((root / "dog").iterdir())[:bad]:
        file.write_bytes(file.read_bytes()[:60])
    return root


def test_unreadable_pictures_are_refused_by_name_unless_told_to_skip_them(tmp_path: Path) -> None:
    root = damaged(tmp_path, bad=2, good=15)
    with pytest.raises(DataError, match=r"2 of 30 pictures cannot be read: dog/picture-000.png \(.*dog/picture-001"):
        prepared(root)
    record = prepared(root, DataSettings(skip_unreadable=True)).record
    assert record.unreadable == ("dog/picture-000.png", "dog/picture-001.png")
    assert sum(split.pictures for split in record.splits.values()) == 28


def test_too_many_unreadable_pictures_are_refused_all_the_same(tmp_path: Path) -> None:
    root = damaged(tmp_path, bad=8, good=15)
    with pytest.raises(DataError, match=r"and 3 more") as refused:
        prepared(root, DataSettings(skip_unreadable=True))
    assert "10%" in refused.value.fix


def test_copies_of_test_pictures_are_not_trained_on(tmp_path: Path) -> None:
    root = draw(tmp_path, {"train/cat": 9, "train/dog": 9, "test/cat": 3, "test/dog": 3})
    (root / "train" / "cat" / "again.png").write_bytes((root / "test" / "cat" / "picture-001.png").read_bytes())
    data = prepared(root)
    assert data.record.left_out == ("train/cat/again.png",)
    assert not set(data.splits["train"].digests) & set(data.splits["test"].digests)


def test_the_clothing_pictures_are_measured_on_what_their_makers_held_back(shared_data: Path) -> None:
    data = prepared(shared_data / "clothing")
    assert [len(data.splits[name]) for name in SPLITS] == [115, 15, 45]
    assert all(name.startswith("validation/") for name in data.splits["test"].names)
    assert msgspec.json.decode(msgspec.json.encode(data.record))["labels"] == [
        "dress",
        "hat",
        "pants",
        "shoes",
        "t-shirt",
    ]


def with_near_copies(root: Path) -> Path:
    """Forty different pictures of two classes, and a recompressed copy of eight of them, under either class."""
    for number in range(40):
        noise = np.random.default_rng(number).integers(0, 255, (6, 6, 3)).astype(np.uint8)
        pixels = cv2.resize(noise, (96, 96), interpolation=cv2.INTER_CUBIC)
        for kind in ("png", *(["jpg"] if number < 8 else [])):
            folder = root / ("cat" if number % 2 else "dog")
            folder.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(folder / f"{number:02}.{kind}"), pixels)
    return root


def places(data: Prepared) -> dict[str, set[str]]:
    """Split names by picture name without its suffix."""
    found: dict[str, set[str]] = {}
    for split, pictures in data.splits.items():
        for name in pictures.names:
            found.setdefault(name.rpartition(".")[0], set()).add(split)
    return found


def test_near_copies_go_to_one_split_unless_they_are_ignored(tmp_path: Path) -> None:
    root = with_near_copies(tmp_path)
    together = prepared(root)
    assert all(len(splits) == 1 for splits in places(together).values())
    assert together.record.kept_together == 16
    assert [sum(len(pictures) for pictures in together.splits.values()), len(places(together))] == [48, 40]
    apart = prepared(root, DataSettings(near_duplicates="ignore"))
    assert any(len(splits) > 1 for splits in places(apart).values())
    assert apart.record.kept_together == 0


def test_groups_and_times_of_a_sidecar_decide_the_splits(tmp_path: Path) -> None:
    root = draw(tmp_path, {"cat": 20, "dog": 20})
    names = [f"{label}/picture-{number:03}.png" for label in ("cat", "dog") for number in range(20)]
    rows = [f"{name},person {number % 10},2026-01-{number % 20 + 1:02}" for number, name in enumerate(names)]
    (root / "pictures.csv").write_text("\n".join(["path,group,taken", *rows]))
    by_group = prepared(root, DataSettings(split_by="group"))
    people = {split: {int(name[-6:-4]) % 10 for name in by_group.splits[split].names} for split in SPLITS}
    assert [len(people[split]) for split in SPLITS] == [7, 1, 2]
    assert set.union(*people.values()) == set(range(10))
    (root / "pictures.csv").write_text("\n".join(["path,person,taken", *rows]))
    by_time = prepared(root, DataSettings(split_by="time", time="taken"))
    assert {int(name[-7:-4]) for name in by_time.splits["test"].names} == {16, 17, 18, 19}
    assert {int(name[-7:-4]) for name in by_time.splits["validation"].names} == {14, 15}
    with pytest.raises(DataError, match="no picture has a group"):
        prepared(root, DataSettings(split_by="group"))


def test_the_splits_of_the_digits_stay_what_they_were() -> None:
    origin = open_origin("digits")
    record = prepare(origin, origin.suggestion.preprocessing, seed=7, settings=DEFAULTS).record
    assert record.digest == "sha256:196f60de3edf789140f12ca3d18cb05eb8796c0d0960cbfaac16cb4db85e3494"


def test_pictures_with_boxes_are_not_classified(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="have no class of their own") as refused:
        prepared(coco(tmp_path, [Drawn((20, 20), [(0, 1, 1, 9, 9)])]))
    assert "--task detect" in refused.value.fix
