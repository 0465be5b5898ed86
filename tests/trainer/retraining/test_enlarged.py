"""Old pictures keep their splits, added ones are split apart from them, and the same data gives the same again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from contract.errors import DataError
from tests.trainer.drawn_pictures import draw
from trainer.data.dataset import Prepared, prepare
from trainer.data.origin import SPLITS, open_origin
from trainer.retraining.added import open_added
from trainer.retraining.class_pictures import CLASS_PICTURES
from trainer.retraining.enlarged import Enlarged, enlarge
from trainer.settings import Augmentation, InputSettings, Resolved, Suggestion, TrainConfig, resolve

SUGGESTION = Suggestion(preprocessing=InputSettings(size_wh=(16, 16)), augmentation=Augmentation())


def settings() -> Resolved:
    return resolve(TrainConfig(), name="pets", suggestion=SUGGESTION, train_pictures=10)


def old(folder: Path) -> Prepared:
    chosen = settings()
    return prepare(open_origin(str(folder)), chosen.preprocessing, seed=0, settings=chosen.data)


def grown(data: Prepared, folder: Path) -> Enlarged[Prepared]:
    return enlarge(data, open_added(str(folder), data.labels), settings(), CLASS_PICTURES, seed=3)


def test_old_pictures_stay_where_they_were_and_a_new_class_comes_last(tmp_path: Path) -> None:
    data = old(draw(tmp_path / "old", {"cat": 12, "dog": 12}))
    more = grown(data, draw(tmp_path / "more", {"ape": 12, "dog": 12}, seed=1))
    assert more.data.labels == ("cat", "dog", "ape")
    for name in SPLITS:
        before, after = data.splits[name], more.data.splits[name]
        assert after.names[: len(before)] == before.names
        assert (after.labels[: len(before)] == before.labels).all()
    assert sum(len(split) for split in more.data.splits.values()) == 48
    assert more.data.record.splits["test"].classes["ape"] == more.added.splits["test"].classes["ape"] > 0
    assert more.added.base_labels == ("cat", "dog")
    assert grown(data, tmp_path / "more").data.record == more.data.record


def test_a_copy_of_a_test_picture_is_never_trained_on(tmp_path: Path) -> None:
    data = old(draw(tmp_path / "old", {"cat": 12, "dog": 12}))
    tested = data.splits["test"].names[0]
    draw(tmp_path / "more", {"cat": 8, "dog": 8}, seed=1)
    shutil.copy(tmp_path / "old" / tested, tmp_path / "more" / "dog" / "copy.png")
    more = grown(data, tmp_path / "more")
    assert more.added.known == ("dog/copy.png",)
    assert more.added.pictures == 16
    with pytest.raises(DataError, match="all its pictures are known"):
        grown(more.data, tmp_path / "more")


def test_new_classes_of_one_day_each_are_refused_in_a_sentence(tmp_path: Path) -> None:
    data = old(draw(tmp_path / "old", {"cat": 12, "dog": 12}))
    more = draw(tmp_path / "more", {"owl": 1, "ape": 1}, seed=1)
    (more / "owl" / "picture-000.png").rename(more / "owl" / "picture-001.png")
    rows = ("x/picture-000.png,cat,cam mon", "x/picture-001.png,cat,cam tue")
    (more / "pictures.csv").write_text("path,guess,group\n" + "\n".join(rows) + "\n")
    with pytest.raises(DataError, match=r"no training picture of the new class"):
        grown(data, more)
