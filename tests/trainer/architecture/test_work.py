"""Work counted in a network nobody ran: products, weights, what is folded and what shares its memory."""

from __future__ import annotations

from typing import Any

import pytest

from devices.cost.work import total
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.architecture.budget import predicted

pytestmark = WITH_TENSORFLOW


def work(model: Any) -> Any:
    from trainer.architecture.work import network_work

    return network_work(model)


def small(*, activation: str = "relu") -> Any:
    import keras

    pictures = keras.Input((16, 16, 3), name="pictures")
    features = keras.layers.Conv2D(8, 3, padding="same", use_bias=False)(pictures)
    features = keras.layers.BatchNormalization()(features)
    features = keras.layers.ReLU(6.0)(features)
    features = keras.layers.DepthwiseConv2D(3, strides=2, padding="same")(features)
    features = keras.layers.GlobalAveragePooling2D()(features)
    features = keras.layers.Dropout(0.5)(features)
    return keras.Model(pictures, keras.layers.Dense(4, activation=activation)(features))


def test_products_are_those_of_the_layers_and_normalisation_is_folded() -> None:
    found = work(small())
    sums = total(found.works)
    assert [one.operator for one in found.works] == ["CONV_2D", "DEPTHWISE_CONV_2D", "MEAN", "FULLY_CONNECTED"]
    assert (sums.square_macs, sums.depthwise_macs, sums.conv_macs) == (16 * 16 * 8 * 27, 8 * 8 * 8 * 9, 8 * 4)
    assert found.weights == 8 * 27 + 8 * 9 + 8 * 4
    assert found.channels == 8 + 8 + 4


def test_a_softmax_within_a_dense_layer_is_an_operator_of_its_own() -> None:
    assert [one.operator for one in work(small(activation="softmax")).works][-2:] == ["FULLY_CONNECTED", "SOFTMAX"]


def test_the_worst_moment_is_where_the_largest_tensors_meet() -> None:
    assert work(small()).arena == 16 * 16 * (8 + 3)


def test_an_activation_that_is_not_alone_is_not_fused() -> None:
    import keras

    pictures = keras.Input((8, 8, 4))
    features = keras.layers.Conv2D(4, 1)(pictures)
    model = keras.Model(pictures, keras.layers.Add()([keras.layers.ReLU(6.0)(features), features]))
    assert [one.operator for one in work(model).works] == ["CONV_2D", "RELU", "ADD"]


def test_zeros_that_the_converter_makes_a_padding_of_are_not_counted_and_others_are() -> None:
    import keras

    def padded(zeros: tuple[tuple[int, int], tuple[int, int]]) -> list[str]:
        pictures = keras.Input((16, 16, 4))
        features = keras.layers.DepthwiseConv2D(3, strides=2)(keras.layers.ZeroPadding2D(zeros)(pictures))
        return [one.operator for one in work(keras.Model(pictures, features)).works]

    assert padded(((0, 1), (0, 1))) == ["DEPTHWISE_CONV_2D"]
    assert padded(((1, 1), (1, 1))) == ["PAD", "DEPTHWISE_CONV_2D"]


def test_a_layer_used_twice_works_twice_and_weighs_once() -> None:
    import keras

    pictures = keras.Input((8, 8, 4))
    shared = keras.layers.Conv2D(4, 3, padding="same")
    once, twice = keras.Model(pictures, shared(pictures)), keras.Model(pictures, shared(shared(pictures)))
    assert total(work(twice).works).macs == 2 * total(work(once).works).macs
    assert work(twice).weights == work(once).weights == 4 * 4 * 9


def test_a_model_within_a_model_is_counted_as_a_part_of_it() -> None:
    import keras

    inner, pictures = small(), keras.Input((16, 16, 3))
    outer = keras.Model(pictures, keras.layers.Softmax()(inner(pictures)))
    assert [one.operator for one in work(outer).works] == [*(one.operator for one in work(inner).works), "SOFTMAX"]
    assert work(outer).weights == work(inner).weights


@pytest.mark.parametrize("profile", ["rpi4", "coral-usb", "jetson-orin-jp6"])
def test_a_prediction_has_a_band_around_it_and_the_size_of_the_file(profile: str) -> None:
    found = predicted(small(), profile)
    assert found.profile == profile
    assert found.low is not None
    assert found.low < found.latency_ms <= found.surely_ms
    assert found.precision == ("float32" if profile.startswith("jetson") else "int8")
    assert found.size_bytes > 320
    assert found.notes
