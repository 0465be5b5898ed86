"""What is drawn is settings a training takes, and only within what was asked for."""

from __future__ import annotations

import msgspec
import optuna

from trainer.settings import FOR_DIGITS, FOR_PHOTOGRAPHS, InputSettings, Suggestion, TrainConfig, checked
from trainer.tuning.space import Space, drawn, scaled, space_for

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


def test_augmentation_of_no_strength_is_none_and_the_strongest_is_still_allowed() -> None:
    assert not any(msgspec.structs.astuple(scaled(FOR_PHOTOGRAPHS, 0.0)))
    strong = scaled(msgspec.structs.replace(FOR_DIGITS, shift=0.9, rotation_degrees=170.0), 1.5)
    assert (strong.shift, strong.rotation_degrees) == (0.99, 180.0)
    assert not strong.flip
