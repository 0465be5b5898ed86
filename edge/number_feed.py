"""A row of numbers becomes the input tensors of a model that is fed no picture: sensor values, features, sound.

The row holds the values of all inputs that are no state, in the manifest's order, each read row by row.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from contract.errors import DamagedFrameError
from contract.manifest import Manifest, TensorSpec
from edge.frames import Numbers
from edge.quantisation import Tensor, quantise


class NumberFeed:
    """One model's way from rows to tensors."""

    def __init__(self, manifest: Manifest) -> None:
        self._specs = manifest.fed_inputs
        self.length = sum(math.prod(spec.shape) for spec in self._specs)
        """How many numbers a row has."""

    def tensors(self, numbers: Numbers) -> dict[str, Tensor]:
        """The inputs by name; DamagedFrameError for a row of another length, or numbers an input cannot take."""
        values = numbers.values
        if values.shape != (self.length,):
            raise _refused(
                f"{values.size} numbers, and the model takes {self.length}",
                f"Give one row of {self.length} numbers a frame; in a .npy file the first axis counts frames.",
            )
        if not np.isfinite(values).all():
            raise _refused("numbers that are not finite", "Leave such rows out.")
        tensors, begin = {}, 0
        for spec in self._specs:
            end = begin + math.prod(spec.shape)
            part = values[begin:end].reshape(spec.shape)
            tensors[spec.name] = _stored(part, spec) if numbers.stored else quantise(part, spec)
            begin = end
        return tensors


def _stored(values: NDArray[np.float64], spec: TensorSpec) -> Tensor:
    """Stored numbers as they are: nothing is rounded or held within a range in silence."""
    stored = values.astype(spec.dtype) if _fits(values, spec) else None
    if stored is None or (stored.dtype.kind != "f" and (stored != values).any()):
        raise _refused(
            f"numbers that {spec.dtype} cannot store, for input {spec.name!r}",
            "Give stored numbers in the input's own type, or real values (numbers=real).",
        )
    return stored


def _fits(values: NDArray[np.float64], spec: TensorSpec) -> bool:
    kind = np.dtype(spec.dtype)
    if kind.kind == "f":
        return True
    limits = np.iinfo(kind)
    return bool((values >= limits.min).all() and (values <= limits.max).all())


def _refused(what: str, fix: str) -> DamagedFrameError:
    return DamagedFrameError(what, where="a frame of numbers", fix=fix)
