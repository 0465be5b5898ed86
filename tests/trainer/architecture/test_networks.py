"""The network: only operations that survive int8 and an Edge TPU, and stable names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract.errors import ConfigError, ModelError
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.settings import Family, InputSettings, NetworkSettings

pytestmark = WITH_TENSORFLOW
GREY, COLOUR = InputSettings(size_wh=(32, 32), colour="grey"), InputSettings(size_wh=(96, 64))
PLAIN = {"InputLayer", "Conv2D", "BatchNormalization", "ReLU", "Add", "GlobalAveragePooling2D", "Dropout", "Dense",
         "Softmax"}  # fmt: skip


def build(prep: InputSettings, width: float = 1.0) -> Any:
    from trainer.architecture.networks import build_classifier

    return build_classifier(prep, 5, NetworkSettings(width=width))


@pytest.mark.parametrize(("prep", "shape"), [(GREY, (None, 32, 32, 1)), (COLOUR, (None, 64, 96, 3))])
def test_pictures_go_in_and_scores_that_sum_to_one_come_out(prep: InputSettings, shape: tuple[int | None, ...]) -> None:
    model = build(prep)
    assert model.input_shape == shape
    scores = np.asarray(model(np.random.default_rng(0).random((3, *shape[1:])).astype(np.float32)))
    assert scores.shape == (3, 5)
    assert scores.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)


def test_only_plain_layers_are_used_and_the_activation_is_relu6() -> None:
    layers = build(COLOUR).layers
    assert {type(layer).__name__ for layer in layers} <= PLAIN
    assert all(layer.max_value == 6.0 for layer in layers if type(layer).__name__ == "ReLU")
    assert all(layer.momentum == 0.9 for layer in layers if type(layer).__name__ == "BatchNormalization")


def test_a_second_model_in_the_same_process_has_the_same_names() -> None:
    assert [w.path for w in build(GREY).weights] == [w.path for w in build(GREY).weights]


def test_larger_pictures_get_more_stages_and_width_scales_channels() -> None:
    assert len(build(COLOUR).layers) > len(build(GREY).layers)
    assert build(GREY, width=0.5).count_params() < build(GREY).count_params() / 3
    assert all(weight.shape[-1] % 8 == 0 for weight in build(GREY, width=0.6).weights if "conv" in weight.path)


def test_the_smallest_picture_can_be_learnt_from() -> None:
    assert build(InputSettings(size_wh=(8, 8))).output_shape == (None, 5)


FAMILIES: tuple[Family, ...] = ("residual", "mobile", "mobilenet_v1", "mobilenet_v2")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_plain_layers_and_ends_in_logits_and_scores(family: Family) -> None:
    from trainer.architecture.networks import build_classifier

    model = build_classifier(
        COLOUR, 5, NetworkSettings(family=family, width=0.35 if family == "mobilenet_v2" else 0.25)
    )
    assert {type(layer).__name__ for layer in model.layers} <= PLAIN | {"DepthwiseConv2D", "ZeroPadding2D"}
    assert all(layer.max_value == 6.0 for layer in model.layers if type(layer).__name__ == "ReLU")
    assert all(layer.momentum == 0.9 for layer in model.layers if type(layer).__name__ == "BatchNormalization")
    assert [layer.name for layer in model.layers[-2:]] == ["logits", "scores"]


@pytest.mark.parametrize("family", ["residual", "mobile"])
def test_depth_adds_blocks(family: Family) -> None:
    from trainer.architecture.networks import build_classifier

    one, three = (build_classifier(GREY, 5, NetworkSettings(family=family, depth=depth)) for depth in (1, 3))
    added = sum(layer.name.endswith("_add") for layer in three.layers) - sum(
        layer.name.endswith("_add") for layer in one.layers
    )
    assert added == 6


def test_a_backbone_begins_with_the_weights_of_a_file_and_refuses_others(tmp_path: Path) -> None:
    import keras

    from trainer.architecture.networks import build_classifier

    source = keras.applications.MobileNet(input_shape=(64, 96, 3), alpha=0.25, include_top=False, weights=None)
    file = tmp_path / "mine.weights.h5"
    source.save_weights(file)
    settings = NetworkSettings(family="mobilenet_v1", width=0.25, weights=str(file))
    model = build_classifier(COLOUR, 5, settings)
    assert np.array_equal(model.get_layer("conv1").get_weights()[0], source.get_layer("conv1").get_weights()[0])
    with pytest.raises(ModelError, match=r"no weights of mobilenet_v1 at width 0\.5"):
        build_classifier(COLOUR, 5, NetworkSettings(family="mobilenet_v1", width=0.5, weights=str(file)))
    with pytest.raises(ConfigError, match="not there"):
        build_classifier(COLOUR, 5, NetworkSettings(family="mobilenet_v1", weights=str(tmp_path / "none.h5")))
