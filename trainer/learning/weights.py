"""The digest of a model's weights: what makes two runs the same model.

A `.keras` file is a ZIP with the time in it and differs at every save; the arrays do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from contract.digest import digest_of_chunks


def weights_digest(model: Any) -> str:
    """`sha256:…` over the Keras `model`'s arrays in the order of their paths: path, dtype, shape, bytes."""
    return digest_of_chunks(_chunks(model))


def _chunks(model: Any) -> Iterator[bytes]:
    for variable in sorted(model.weights, key=lambda variable: variable.path):
        array = np.ascontiguousarray(variable.numpy())
        yield f"{variable.path} {array.dtype.str} {array.shape}\n".encode()
        yield array.tobytes()
