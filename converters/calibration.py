"""The pictures that show the quantiser which values occur: from the run, or from a folder somebody names.

They are read and fitted by the device's own code (`edge.pictures`, `edge.preprocess`): calibrating on other pixels
than the camera gives is the one mistake that ruins an int8 model for certain.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from contract.errors import ConfigError, DataError, SourceError
from contract.manifest import Preprocessing
from converters.runs import Pictures

LIMIT = 256
"""More do not help: accuracy is flat from a few dozen on, and min/max ranges only grow with outliers."""


def calibration_from_folder(folder: Path, preprocessing: Preprocessing) -> Pictures:
    """At most `LIMIT` pictures under `folder`, evenly taken from their sorted names; labels are all 0.

    Raises ConfigError where there is no folder, DataError where it holds no picture or an unreadable one.
    """
    from edge.pictures import PICTURE_SUFFIXES, read_picture
    from edge.preprocess import fit

    if not folder.is_dir():
        raise ConfigError("no folder there", where=str(folder), fix="Give a folder of pictures to --calibration.")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    if not paths:
        raise DataError("no pictures to calibrate on", where=str(folder), fix="Give a folder that holds some.")
    chosen = spread(len(paths), LIMIT)
    try:
        frames = np.stack([fit(read_picture(paths[index]), preprocessing).copy() for index in chosen])
    except SourceError as problem:
        raise DataError(problem.what, where=problem.where, fix="Remove or replace that picture.") from problem
    return Pictures(frames, np.zeros(len(frames), np.int64))


def spread(count: int, limit: int) -> list[int]:
    """At most `limit` indices below `count`, evenly apart, ascending."""
    taken = min(count, limit)
    return [index * (count - 1) // max(taken - 1, 1) for index in range(taken)]
