"""A model's input and output tensors in memory that two processes share: one writes, the other reads in place.

The memory is an anonymous file (memfd_create(2)) handed over as a descriptor. It has no name, so nothing can be left
behind: the kernel frees it with the last process that holds it. Who may touch it when is agreed in `edge/worker.py`.
"""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Mapping, Sequence

import numpy as np

from contract.manifest import TensorSpec
from edge.quantisation import Tensor

Shape = tuple[int, ...]
_ALIGNMENT = 64
"""A cache line, which the widest vector instructions move at once."""


class SharedTensors:
    """Views of a model's tensors by name, in the shared file `handle`, which grows as needed and stays its owner's.

    Both sides compute the same places from the same specs.
    """

    def __init__(self, handle: int, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> None:
        self._handle = handle
        self._output_specs = tuple(outputs)
        self._output_shapes: Mapping[str, Shape] = {}
        places, self._inputs_end = _places(inputs, {}, 0)
        self.inputs = self._views(places, self._inputs_end)
        self.outputs = self._views(*_places(outputs, {}, self._inputs_end))

    def reshape_outputs(self, shapes: Mapping[str, Shape]) -> None:
        """Lay the outputs out anew for those that came in other shapes than their specs say, by name."""
        if shapes != self._output_shapes:
            self.outputs = self._views(*_places(self._output_specs, shapes, self._inputs_end))
            self._output_shapes = dict(shapes)

    def close(self) -> None:
        """Let go of the memory, and of the descriptor each mapping keeps a copy of."""
        self.inputs.clear()
        self.outputs.clear()

    def _views(self, places: Sequence[tuple[TensorSpec, Shape, int]], end: int) -> dict[str, Tensor]:
        """Arrays over a mapping of the file's first `end` bytes; the mapping lives as long as one of them."""
        if os.fstat(self._handle).st_size < end:
            os.ftruncate(self._handle, end)
        memory = mmap.mmap(self._handle, end)
        return {spec.name: np.ndarray(shape, spec.dtype, memory, offset) for spec, shape, offset in places}


def _places(
    specs: Sequence[TensorSpec], shapes: Mapping[str, Shape], begin: int
) -> tuple[list[tuple[TensorSpec, Shape, int]], int]:
    """Each tensor with its shape and offset from `begin` on, and where the last one ends."""
    places, offset = [], begin
    for spec in specs:
        shape = shapes.get(spec.name, spec.shape)
        places.append((spec, shape, offset))
        size_bytes = math.prod(shape) * np.dtype(spec.dtype).itemsize
        offset += -(-max(size_bytes, 1) // _ALIGNMENT) * _ALIGNMENT
    return places, offset
