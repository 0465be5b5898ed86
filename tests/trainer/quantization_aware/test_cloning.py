"""A clone computes what the network does, with its outputs in order, or is refused with the layer's name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from contract.errors import ModelError
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW

pytestmark = WITH_TENSORFLOW


def clone(model: Any, **rounding: Any) -> Any:
    from trainer.quantization_aware.cloning import Rounding, quantised_clone

    return quantised_clone(model, input_range=(0.0, 1.0), rounding=Rounding(**rounding))


@pytest.mark.parametrize("network", ["classifier", "detector"])
def test_with_sixteen_bits_a_clone_answers_as_the_network_does(network: str) -> None:
    import keras

    from tests.trainer.quantization_aware import small_networks
    from trainer.quantization_aware.fake_quant import observing

    model = getattr(small_networks, network)()
    pictures = small_networks.pictures_for(model, 16)
    rounded = clone(model, weight_bits=16, activation_bits=16)
    with observing(rounded):
        rounded(pictures)
    assert rounded.output_names == model.output_names
    wanted, given = keras.tree.flatten(model(pictures, training=False)), keras.tree.flatten(rounded(pictures))
    for one, other in zip(wanted, given, strict=True):
        # 16 bits leave next to nothing; scores stay on their 256 steps.
        assert np.asarray(other) == pytest.approx(np.asarray(one), abs=1 / 256)


def test_the_network_that_was_cloned_stays_as_it_was() -> None:
    from tests.trainer.quantization_aware.small_networks import classifier
    from trainer.learning.weights import weights_digest

    model = classifier()
    before = weights_digest(model)
    clone(model)
    assert weights_digest(model) == before


def test_no_batch_normalisation_is_left_and_every_convolution_has_a_bias() -> None:
    from tests.trainer.quantization_aware.small_networks import classifier

    made = clone(classifier()).layers
    kinds = [type(layer).__name__ for layer in made]
    assert "BatchNormalization" not in kinds
    assert all(layer.use_bias for layer in made if type(layer).__name__ == "RoundedConv2D")
    # A range behind each ReLU, the second convolution and the way past of two stages, the mean and the logits.
    assert kinds.count("MovingRange") == kinds.count("ReLU") + 3 + 2


def _with(middle: Callable[[Any], Any]) -> Any:
    import keras

    pictures = keras.Input((8, 8, 3), name="pictures")
    return keras.Model(pictures, middle(keras.layers.Conv2D(4, 3, padding="same", name="first")(pictures)))


def _twice(features: Any) -> Any:
    import keras

    again = keras.layers.Conv2D(4, 3, padding="same", name="again")
    return again(again(features))


REFUSED: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "leaky": (lambda k, x: k.layers.LeakyReLU(name="leaky")(x), "'leaky'.*LeakyReLU has no rounded counterpart"),
    "swish": (lambda k, x: k.layers.Activation("silu", name="swish")(x), "'swish'.*silu"),
    "groups": (lambda k, x: k.layers.Conv2D(4, 3, groups=2, name="two")(x), "'two'.*groups"),
    "lone": (
        lambda k, x: k.layers.BatchNormalization(name="lone")(k.layers.ReLU()(x)),
        "'lone'.*follows no convolution",
    ),
    "twice": (lambda _, x: _twice(x), "'again'.*more than once"),
    "operation": (lambda k, x: k.ops.square(x), "no plain layer"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_has_no_rounded_counterpart_is_refused_by_name(kind: str) -> None:
    import keras

    middle, said = REFUSED[kind]
    with pytest.raises(ModelError, match=said):
        clone(_with(lambda features: middle(keras, features)))


def test_a_convolution_that_is_also_read_elsewhere_keeps_its_normalisation_apart_and_is_refused() -> None:
    import keras

    def middle(features: Any) -> Any:
        normalised = keras.layers.BatchNormalization(name="apart")(features)
        return keras.layers.Add()([features, normalised])

    with pytest.raises(ModelError, match="'apart'"):
        clone(_with(middle))
