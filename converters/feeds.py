"""What a model is fed while a converter watches: pictures, and the states of recurrent models from frame to frame.

Pictures come as the device's own code fits them, one by one, so that a set of large ones needs no memory. States start
as zeros and then are what the model itself answered, as on a device: a quantiser that saw only zeros would give them no
range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contract.errors import ModelError
from contract.manifest import Preprocessing, State
from edge.preprocess import real_values

Real = NDArray[np.float32]
Ask = Callable[[dict[str, Real]], Mapping[str, Real]]
PICTURE = "image"
"""What converters of ours call the input that takes the picture."""


class Feeds:
    """Iterates over one picture's inputs after the other's, by name, as real values with batch 1; as often as asked."""

    def __init__(
        self,
        frames: Path,
        preprocessing: Preprocessing,
        inputs: Mapping[str, tuple[int, ...]],
        states: Sequence[State] = (),
        ask: Ask | None = None,
    ) -> None:
        """`inputs` are shapes by name; `ask` answers by output name, and is needed only where there are `states`."""
        self._frames = np.load(frames, mmap_mode="r")
        self._preprocessing, self._inputs, self._states, self._ask = preprocessing, inputs, tuple(states), ask
        self.picture = picture_name(tuple(inputs), states)

    def __len__(self) -> int:
        """How many pictures."""
        return len(self._frames)

    def __iter__(self) -> Iterator[dict[str, Real]]:
        """Each picture's inputs in the order of the model's own."""
        states = self.first_states()
        for frame in self._frames:
            pictures = {self.picture: as_input(frame, self._preprocessing, self._inputs[self.picture])}
            feed = {name: (pictures | states)[name] for name in self._inputs}
            yield feed
            if self._states and self._ask is not None:
                answers = self._ask(feed)
                states = {state.input: answers[state.output] for state in self._states}

    def first_states(self) -> dict[str, Real]:
        """The states before the first frame."""
        return {state.input: np.zeros(self._inputs[state.input], np.float32) for state in self._states}


def picture_name(inputs: Sequence[str], states: Sequence[State]) -> str:
    """The one input that is no state; ModelError where there is not one."""
    names = [name for name in inputs if name not in {state.input for state in states}]
    if len(names) != 1:
        raise ModelError(
            f"{len(inputs)} inputs ({', '.join(inputs)}), and {len(states)} of them said to be states",
            where="the model's inputs",
            fix="Say in the model card which inputs are states, so that one is left for the picture.",
        )
    return names[0]


def as_input(frame: NDArray[np.generic], preprocessing: Preprocessing, shape: Sequence[int]) -> Real:
    """One fitted frame (H, W, C) uint8 as an input of `shape` with batch 1; other numbers are fed as they are."""
    if frame.dtype != np.uint8:
        return np.asarray(frame, np.float32).reshape(tuple(shape))
    real = real_values(np.asarray(frame, np.uint8), preprocessing)
    height, width, channels = real.shape
    wanted = tuple(shape[1:])
    nhwc = wanted == (height, width, channels) and not (preprocessing.layout == "nchw" and height == channels == width)
    if not nhwc and wanted == (channels, height, width):
        real = np.ascontiguousarray(real.transpose(2, 0, 1))
    elif not nhwc and wanted != (height, width):
        raise ModelError(
            f"an input {tuple(shape)} where pictures are {real.shape}",
            where="the model's inputs",
            fix="Correct the picture size, the colours or the layout in the model card.",
        )
    return real.reshape((1, *wanted))
