"""Which pictures a model is measured on, and what is known about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ConfigError, DataError
from tests.trainer.drawn_pictures import draw
from trainer.data.dataset import Pictures, prepare
from trainer.data.held_back import LABELLED, Chosen, Wanted, choose
from trainer.data.origin import open_origin
from trainer.measurement.classifiers import Origins
from trainer.settings import DataSettings, InputSettings

PREP = InputSettings(size_wh=(16, 16))
UNSPLIT = {"cat": 20, "dog": 20}
SPLIT = {"train/cat": 6, "train/dog": 6, "validation/cat": 2, "validation/dog": 2}


def chosen(path: Path, wanted: Wanted = "auto", trained_on: Origins | None = None) -> Chosen[Pictures]:
    return choose(open_origin(str(path)), PREP, trained_on or Origins(), wanted, DataSettings(), LABELLED)


def test_pictures_nobody_trained_on_are_all_measured(tmp_path: Path) -> None:
    found = chosen(draw(tmp_path, UNSPLIT))
    assert (found.split, found.held_back, len(found.pictures)) == ("all", None, 40)


def test_the_data_of_the_training_is_measured_on_the_split_training_drew(tmp_path: Path) -> None:
    draw(tmp_path, UNSPLIT)
    data = prepare(open_origin(str(tmp_path)), PREP, seed=5, settings=DataSettings())
    found = chosen(tmp_path, trained_on=Origins(data.record.digest, seed=5))
    assert (found.split, found.held_back) == ("test", True)
    assert found.pictures.names == data.splits["test"].names
    assert chosen(tmp_path, "train", Origins(data.record.digest, seed=5)).held_back is False


def test_with_another_seed_nothing_is_claimed(tmp_path: Path) -> None:
    draw(tmp_path, UNSPLIT)
    digest = prepare(open_origin(str(tmp_path)), PREP, seed=5, settings=DataSettings()).record.digest
    assert chosen(tmp_path, trained_on=Origins(digest, seed=6)).held_back is None
    assert chosen(tmp_path, "test", Origins(digest, seed=6)).held_back is None


def test_given_folders_speak_for_themselves(tmp_path: Path) -> None:
    draw(tmp_path, SPLIT)
    found = chosen(tmp_path)
    assert (found.split, found.held_back, len(found.pictures)) == ("validation", True, 4)
    assert chosen(tmp_path, "train").held_back is False
    assert len(chosen(tmp_path, "all").pictures) == 16
    with pytest.raises(ConfigError, match="no readable test"):
        chosen(tmp_path, "test")


def test_too_few_pictures_to_divide_are_measured_whole_and_not_divided(tmp_path: Path) -> None:
    draw(tmp_path, {"cat": 1, "dog": 1})
    assert chosen(tmp_path).split == "all"
    with pytest.raises(DataError, match="too few"):
        chosen(tmp_path, "test")
