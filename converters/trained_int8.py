"""A run's int8 file that was trained with the rounding in view, as a source beside the float model it came of.

Its scales are the network's own, so that nothing is calibrated: it goes to a device as it is, or as ONNX made of it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from converters.feeds import PICTURE
from converters.source import Source
from converters.tflite_ends import name_ends


def trained_source(source: Source, folder: Path) -> Source | None:
    """The int8 file of `source`, its ends named as the source's, in `folder`; None where it has none.

    ModelError where it cannot be read, or has other ends.
    """
    if source.trained_int8 is None:
        return None
    where = str(source.trained_int8)
    named = folder / source.trained_int8.name
    named.write_bytes(name_ends(source.trained_int8.read_bytes(), (PICTURE,), source.outputs, where=where))
    return replace(source, kind="tflite", model=named, quantised=True, trained_int8=None)
