"""A TensorFlow network as one traced function with batch 1: what both of its converters start from.

Runs inside `converters.worker` only: importing this file imports TensorFlow. `converters/keras_model.py` and
`converters/saved_model.py` load one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

Call = Callable[[Mapping[str, Any]], Sequence[Any]]
_OUTPUT = "answer_{}"


@dataclass(frozen=True, slots=True)
class Network:
    """A loaded model, whatever it was loaded from."""

    inputs: dict[str, tuple[int, ...]]
    """Shapes with batch 1, by name, in the order in which converters are to have them."""
    outputs: tuple[str, ...]
    """The source's names in the source's order."""
    call: Call
    """Tensors by input name to one tensor an output, in that order; for tracing and for asking."""
    any_batch: bool
    """Whether it takes more than one picture at a time."""

    def signature(self) -> list[Any]:
        """One float32 TensorSpec an input."""
        return [tf.TensorSpec(shape, tf.float32, name=_graph_name(name)) for name, shape in self.inputs.items()]

    def function(self) -> Any:
        """A `tf.function` of the inputs in their order that gives the outputs in theirs.

        Every output goes through an identity of its own, so that two names for one tensor stay two.
        """

        def answer(*tensors: Any) -> list[Any]:
            found = self.call(dict(zip(self.inputs, tensors, strict=True)))
            return [tf.identity(tensor, name=_OUTPUT.format(place)) for place, tensor in enumerate(found)]

        return tf.function(answer, input_signature=self.signature())

    def ask(self, feed: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """Its own answers, by output name."""
        found = self.call({name: tf.constant(array) for name, array in feed.items()})
        return {name: np.asarray(tensor, np.float32) for name, tensor in zip(self.outputs, found, strict=True)}


class InlinedFunctions:
    """While entered, functions that are called in a trace become a part of it.

    Keras compiles grouped convolutions with XLA, as a function in the graph; tf2onnx leaves a call to it in the file,
    which no runtime knows (github.com/onnx/tensorflow-onnx/issues/2099). ConvNeXt and RegNet have them.
    """

    def __enter__(self) -> None:
        """TensorFlow's own switch: a function that runs eagerly inside a trace is traced with it."""
        tf.config.run_functions_eagerly(True)

    def __exit__(self, *_: object) -> None:
        """As it was."""
        tf.config.run_functions_eagerly(False)


def _graph_name(name: str) -> str:
    """An input's name as TensorFlow's graphs allow it; the artifact gets the true one afterwards."""
    kept = "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in name)
    return kept if kept[:1].isalpha() else f"input_{kept}"
