"""A float network rebuilt with rounding: convolutions with folded batch normalisation, a range on every edge.

Where one operator of the file does two layers' work (a convolution or an addition and the ReLU behind it), only the
second gets a range, since the first's values never leave the operator. What only moves values about keeps the scale
of what comes in. Outputs keep their names and their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

from contract.errors import ModelError
from trainer.quantization_aware.fake_quant import (
    BITS,
    FixedRange,
    MovingRange,
    RoundedConv2D,
    RoundedDense,
    RoundedDepthwiseConv2D,
)
from trainer.quantization_aware.folding import folded, normalisation_of
from trainer.quantization_aware.graph import Graph

_Counterpart = tuple[Any, dict[str, Any]]
"""A class of layers and the settings of one."""
_ROUNDED: dict[type, Any] = {
    layers.Conv2D: RoundedConv2D,
    layers.DepthwiseConv2D: RoundedDepthwiseConv2D,
    layers.Dense: RoundedDense,
}
_COMPUTING = (layers.Add, layers.Concatenate, layers.GlobalAveragePooling2D, layers.AveragePooling2D)
"""Without weights, and giving values that were not there before, or values of several scales."""
_PASSING = (
    layers.MaxPooling2D, layers.Reshape, layers.Flatten, layers.UpSampling2D, layers.ZeroPadding2D, layers.Dropout,
    layers.Identity,
)  # fmt: skip
_SCORES = ("softmax", "sigmoid")
_SCORES_RANGE = (0.0, 255 / 256)
"""What the 8-bit specification fixes for both: scale 1/256, zero point -128."""
_RECTIFIERS: dict[str, float | None] = {"relu": None, "relu6": 6.0}


@dataclass(frozen=True, slots=True)
class Rounding:
    """How finely a clone rounds."""

    weight_bits: int = BITS
    activation_bits: int = BITS
    per_tensor: bool = False
    """One scale for all channels of a convolution: for experiments, not for files."""


FULL_INT8 = Rounding()


def quantised_clone(
    model: keras.Model, *, input_range: tuple[float, float], rounding: Rounding = FULL_INT8, where: str = "model"
) -> keras.Model:
    """A new model that computes what the Functional `model` does, rounded; its moving ranges are still to be set.

    `input_range` is the least and the greatest real value of an input. ModelError names a layer without a rounded
    counterpart, one that is used twice, or batch normalisation that follows no convolution.
    """
    builder = _Builder(Graph(model, where=where), rounding, where)
    inputs = keras.tree.map_structure(
        lambda tensor: keras.Input(tensor.shape[1:], name=tensor.name, dtype=tensor.dtype), model.input
    )
    low, high = min(input_range[0], 0.0), max(input_range[1], 0.0)
    for tensor in keras.tree.flatten(inputs):
        rounded = FixedRange(low, high, bits=rounding.activation_bits, name=f"{tensor.name}_range")
        builder.ranged_inputs[id(tensor)] = rounded(tensor)
    return keras.models.clone_model(
        model, input_tensors=inputs, clone_function=lambda layer: layer, call_function=builder.call
    )


class _Builder:
    """Calls the counterpart of each layer in the order in which Keras walks the graph."""

    def __init__(self, graph: Graph, rounding: Rounding, where: str) -> None:
        self.ranged_inputs: dict[int, Any] = {}
        """By the id of the input they are of."""
        self._called: set[str] = set()
        self._graph = graph
        self._rounding = rounding
        self._where = where

    def call(self, layer: Any, *args: Any, **_: Any) -> Any:
        """What the clone has in place of `layer`, called on the first of `args`: a tensor or a list of them.

        Keywords, which are masks, are left out: nothing here has any.
        """
        if layer.name in self._called:
            raise self._refused(layer, "it is used more than once")
        self._called.add(layer.name)
        values = keras.tree.map_structure(lambda tensor: self.ranged_inputs.get(id(tensor), tensor), args[0])
        if isinstance(layer, layers.BatchNormalization):
            if not self._graph.is_folded(layer):
                raise self._refused(layer, "batch normalisation follows no convolution of its own")
            return values
        chain = list(self._counterparts(layer))
        names = _names(layer.name, len(chain), is_output=self._graph.is_output(layer))
        # Whatever precision the float training used: rounding is done in 32 bits.
        whole = {"dtype": "float32"}
        made = [
            kind.from_config({**config, **whole, "name": name})
            for (kind, config), name in zip(chain, names, strict=True)
        ]
        for each in made:
            values = each(values)
        if type(layer) in _ROUNDED:
            _set_weights(made[0], layer, self._graph.normalisation_after(layer))
        return values

    def _counterparts(self, layer: Any) -> Iterator[_Counterpart]:
        """Class and settings of one layer of the clone after another."""
        if type(layer) in _ROUNDED:
            yield self._rounded(layer)
            yield from self._activation(layer, keras.activations.serialize(layer.activation))
        elif isinstance(layer, layers.Activation):
            yield from self._activation(layer, keras.activations.serialize(layer.activation))
        elif isinstance(layer, layers.Softmax):
            yield type(layer), layer.get_config()
            yield self._scores_range()
        elif isinstance(layer, layers.ReLU):
            if layer.negative_slope or layer.threshold:
                raise self._refused(layer, "a ReLU with a slope or a threshold")
            yield layers.ReLU, layer.get_config()
            yield self._moving_range()
        elif isinstance(layer, _COMPUTING):
            yield type(layer), layer.get_config()
            inside = isinstance(layer, layers.Add) and self._graph.is_rectified(layer)
            if not inside and not self._graph.gives_scores(layer):
                yield self._moving_range()
        elif isinstance(layer, _PASSING):
            yield type(layer), layer.get_config()
        else:
            raise self._refused(layer, f"{type(layer).__name__} has no rounded counterpart")

    def _rounded(self, layer: Any) -> _Counterpart:
        if getattr(layer, "groups", 1) != 1:
            raise self._refused(layer, "a convolution in groups")
        config = layer.get_config() | {"activation": "linear", "weight_bits": self._rounding.weight_bits}
        if not isinstance(layer, layers.Dense):
            config["per_tensor"] = self._rounding.per_tensor
        return _ROUNDED[type(layer)], config | {"use_bias": True}

    def _activation(self, layer: Any, name: Any) -> Iterator[_Counterpart]:
        """What stands behind a layer's own values: their range, their activation, the range of that."""
        weighted = type(layer) in _ROUNDED
        if name == "linear":
            if weighted and not self._graph.is_rectified(layer):
                yield self._moving_range()
        elif name in _RECTIFIERS:
            yield layers.ReLU, {"max_value": _RECTIFIERS[name]}
            yield self._moving_range()
        elif name in _SCORES:
            if weighted:
                yield self._moving_range()
            yield layers.Activation, {"activation": name}
            yield self._scores_range()
        else:
            raise self._refused(layer, f"activation {name!r} has no rounded counterpart")

    def _moving_range(self) -> _Counterpart:
        return MovingRange, {"bits": self._rounding.activation_bits}

    def _scores_range(self) -> _Counterpart:
        low, high = _SCORES_RANGE
        return FixedRange, {"low": low, "high": high, "while_training": False}

    def _refused(self, layer: Any, why: str) -> ModelError:
        return ModelError(
            f"layer {layer.name!r} cannot be trained quantisation-aware: {why}",
            where=self._where,
            fix="Leave quantization.aware off for this network.",
        )


def _names(name: str, count: int, *, is_output: bool) -> list[str]:
    """`name` for the layer others look for: the first of a chain, or the last where it is an output."""
    if is_output and count > 1:
        return [f"{name}_part{part}" for part in range(1, count)] + [name]
    return [name] + [f"{name}_part{part}" for part in range(2, count + 1)]


def _set_weights(made: Any, layer: Any, normalisation: Any | None) -> None:
    """Kernel and bias of `layer`, with `normalisation` folded in."""
    kernel = np.asarray(layer.kernel)
    bias = np.asarray(layer.bias) if layer.use_bias else None
    if normalisation is not None:
        depthwise = isinstance(layer, layers.DepthwiseConv2D)
        kernel, bias = folded(kernel, bias, normalisation_of(normalisation), depthwise=depthwise)
    made.kernel.assign(kernel)
    if bias is not None:
        made.bias.assign(bias)
