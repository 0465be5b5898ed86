"""The libraries' number types in the manifest's words."""

from __future__ import annotations

from typing import get_args

from contract.errors import ModelError
from contract.manifest import DType


def dtype_of(name: str, *, tensor: str) -> DType:
    """`name` as a DType, or ModelError for a type no picture model speaks (strings, complex numbers)."""
    for known in get_args(DType):
        if name == known:
            found: DType = known
            return found
    raise ModelError(
        f"its values are of type {name}", where=f"tensor {tensor!r}", fix=f"Use one of {', '.join(get_args(DType))}."
    )
