"""What is drawn is settings a training takes, and only within what was asked for."""

from __future__ import annotations

import msgspec
import optuna

from trainer.detection.resolving import FOR_BOXES
from trainer.settings import FOR_DIGITS, FOR_PHOTOGRAPHS, InputSettings, Suggestion, TrainConfig, checked
from trainer.tuning.space import Space, detector_space, drawn, drawn_detector, scaled, space_for

SUGGESTION = Suggestion(preprocessing=InputSettings(size_wh=(96, 96)), augmentation=FOR_PHOTOGRAPHS)


def test_sizes_are_around_the_suggested_one_unless_one_was_said() -> None:
    open_space = space_for(TrainConfig(), SUGGESTION, ("residual",))
    assert open_space.sizes == ((48, 48), (64, 64), (96, 96), (144, 144))
    said = TrainConfig(preprocessing=InputSettings(size_wh=(40, 24)))
    assert space_for(said, SUGGESTION, ("residual",)).sizes == ((40, 24),)


def test_a_draw_is_settings_that_can_be_trained() -> None:
    space = Space(families=("residual", "mobile"), sizes=((48, 48), (96, 96)))
    params = {"family": "mobile", "width": 0.5, "depth": 2, "size": "48x48", "augmentation": 0.5, "learning_rate": 2e-3}
    config = drawn(optuna.trial.FixedTrial(params), space, TrainConfig(seed=4), SUGGESTION)
    assert checked(config, where="draw") == config
    assert (config.network.family, config.network.width, config.network.depth) == ("mobile", 0.5, 2)
    assert config.network.chosen
    assert config.preprocessing is not None
    assert config.preprocessing.size_wh == (48, 48)
    assert config.training.learning_rate == 2e-3
    assert config.seed == 4
    assert config.augmentation is not None
    assert config.augmentation.rotation_degrees == 7.5


def test_colours_are_exchanged_in_some_trials_where_nobody_said_how_pictures_change() -> None:
    space = space_for(TrainConfig(), SUGGESTION, ("residual",))
    assert space.exchange
    assert not space_for(TrainConfig(augmentation=FOR_PHOTOGRAPHS), SUGGESTION, ("residual",)).exchange
    grey = TrainConfig(preprocessing=InputSettings(size_wh=(96, 96), colour="grey"))
    assert not space_for(grey, SUGGESTION, ("residual",)).exchange
    params = {
        "family": "residual",
        "width": 1.0,
        "depth": 1,
        "size": "64x64",
        "augmentation": 1.0,
        "learning_rate": 1e-3,
    }
    for colours, hue in (("kept", 0.0), ("exchanged", 1.0)):
        trial = optuna.trial.FixedTrial({**params, "colours": colours})
        augmentation = drawn(trial, space, TrainConfig(), SUGGESTION).augmentation
        assert augmentation is not None
        assert (augmentation.hue, augmentation.rotation_degrees) == (hue, 15.0)


def test_a_draw_of_a_detector_is_settings_that_can_be_trained() -> None:
    suggestion = Suggestion(preprocessing=InputSettings(size_wh=(320, 240)), augmentation=FOR_BOXES)
    space = detector_space(TrainConfig(task="detect"), suggestion)
    assert space.sizes == ((160, 128), (240, 176), (320, 240), (480, 352))
    params = {"width": 0.35, "mosaic": 0.25, "size": "240x176", "augmentation": 0.5, "learning_rate": 2e-3}
    config = drawn_detector(optuna.trial.FixedTrial(params), space, TrainConfig(task="detect", seed=4), suggestion)
    assert checked(config, where="draw") == config
    assert (config.network.width, config.network.depth, config.network.chosen) == (0.35, 1, True)
    assert config.detection
    assert config.detection.mosaic == 0.25
    assert config.preprocessing is not None
    assert config.preprocessing.size_wh == (240, 176)
    assert config.augmentation is not None
    assert (config.augmentation.shift, config.augmentation.flip) == (0.05, True)


def test_augmentation_of_no_strength_is_none_and_the_strongest_is_still_allowed() -> None:
    assert not any(msgspec.structs.astuple(scaled(FOR_PHOTOGRAPHS, 0.0)))
    strong = scaled(msgspec.structs.replace(FOR_DIGITS, shift=0.9, rotation_degrees=170.0), 1.5)
    assert (strong.shift, strong.rotation_degrees) == (0.99, 180.0)
    assert not strong.flip
