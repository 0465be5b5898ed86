"""Which layer of a Functional network stands behind which: what decides where values leave an operator."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from contract.errors import ModelError

_CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D)
_RECTIFIERS = ("relu", "relu6")
_SCORES = ("softmax", "sigmoid")
_JOINING = (layers.Concatenate, layers.Reshape, layers.Flatten, layers.Identity)


class Graph:
    """The edges of a model whose layers are each used once; ModelError where something is no layer."""

    def __init__(self, model: keras.Model, *, where: str) -> None:
        self._outputs = {id(tensor) for tensor in keras.tree.flatten(model.output)}
        self._readers: dict[int, list[Any]] = {}
        """Layers by the id of a tensor they take."""
        self._makers: dict[int, Any] = {}
        """The layer by the id of a tensor it gives."""
        for operation in model.operations:
            if not isinstance(operation, layers.Layer) or isinstance(operation, keras.Model):
                raise _refused(operation, "it is no plain layer", where)
            self._makers.update({id(tensor): operation for tensor in keras.tree.flatten(operation.output)})
            for tensor in () if isinstance(operation, layers.InputLayer) else keras.tree.flatten(operation.input):
                self._readers.setdefault(id(tensor), []).append(operation)
        self._folded = {id(found) for layer in model.layers if (found := self.normalisation_after(layer)) is not None}

    def is_output(self, layer: Any) -> bool:
        """Whether the model gives away what `layer` computes."""
        return id(layer.output) in self._outputs

    def is_folded(self, layer: Any) -> bool:
        """Whether batch normalisation `layer` goes into the convolution before it."""
        return id(layer) in self._folded

    def normalisation_after(self, layer: Any) -> Any | None:
        """The batch normalisation that alone reads what convolution `layer` computes; None where there is none."""
        if not isinstance(layer, _CONVOLUTIONS) or keras.activations.serialize(layer.activation) != "linear":
            return None
        reader = self._only_reader(layer)
        return reader if isinstance(reader, layers.BatchNormalization) and reader.axis in (-1, 3) else None

    def is_rectified(self, layer: Any) -> bool:
        """Whether what `layer` computes, batch normalisation included, is read by one ReLU and nothing else."""
        reader = self._only_reader(self.normalisation_after(layer) or layer)
        if isinstance(reader, layers.Activation):
            return keras.activations.serialize(reader.activation) in _RECTIFIERS
        return isinstance(reader, layers.ReLU)

    def gives_scores(self, layer: Any) -> bool:
        """Whether `layer` is a softmax or sigmoid, or joins and reshapes nothing but such scores."""
        if isinstance(layer, layers.Softmax):
            return True
        if isinstance(layer, _JOINING):
            return all(self.gives_scores(self._makers[id(tensor)]) for tensor in keras.tree.flatten(layer.input))
        activation = getattr(layer, "activation", None)
        return activation is not None and keras.activations.serialize(activation) in _SCORES

    def _only_reader(self, layer: Any) -> Any | None:
        readers = self._readers.get(id(layer.output), [])
        return readers[0] if len(readers) == 1 and not self.is_output(layer) else None


def _refused(operation: Any, why: str, where: str) -> ModelError:
    return ModelError(
        f"{operation.name!r} cannot be trained quantisation-aware: {why}",
        where=where,
        fix="Leave quantization.aware off for this network.",
    )
