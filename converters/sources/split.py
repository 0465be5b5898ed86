"""A person's folder becomes two sets: pictures the quantiser sees, and golden ones it never sees.

No picture is in both, and neither is one that looks the same: copies of a picture in two sizes, or two frames of a
camera that saw nothing move, would make the comparison easier than it is. Which picture goes where is decided by its
pixels, so that names and folders do not matter and every machine decides the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.digest import digest_of
from contract.errors import ConfigError, DataError, SourceError
from contract.manifest import Preprocessing, TensorSpec
from converters.runs import frame_shape
from converters.source import UNKNOWN, Pictures
from converters.spread import spread
from edge.quantisation import dequantise

LIMIT = 256
"""More do not help: accuracy is flat from a few dozen on, and min/max ranges only grow with outliers."""
GOLDEN_LIMIT = 256
"""Enough to tell a share of 1 % by two pictures; each of the stages runs every one of them."""
_THUMBNAIL = 16
_SAME_MEAN, _SAME_MOST = 3.0, 16.0
"""Largest difference of two thumbnails of one picture, of 255, in the mean and in any field. Copies among the shared
photographs (turned by EXIF, resized, saved again) differ by at most 0.8 and 5.6, two blood smears of one field at
another focus by 2.4 and 11.3; the nearest two of the scikit-learn digits by 30 in some field, of other smears and
clothes by 59."""


@dataclass(frozen=True, slots=True)
class Split:
    """The two sets, and sentences about what became of the folder."""

    calibration: Pictures
    golden: Pictures
    notes: tuple[str, ...]


def pictures_from(folder: Path, preprocessing: Preprocessing, labels: Sequence[str], *, quantised: bool) -> Split:
    """At most `LIMIT` calibration and `GOLDEN_LIMIT` golden pictures under `folder`; golden ones alone if `quantised`.

    A picture in a folder called like a label is of that class. Raises ConfigError where there is no folder, DataError
    where it holds too few pictures or an unreadable one.
    """
    from edge.pictures import PICTURE_SUFFIXES, read_picture
    from edge.preprocess import fit

    paths = _found(folder, PICTURE_SUFFIXES)
    wanted = GOLDEN_LIMIT if quantised else GOLDEN_LIMIT + LIMIT
    chosen = [paths[index] for index in spread(len(paths), wanted)]
    frames = np.empty((len(chosen), *frame_shape(preprocessing)), np.uint8)
    try:
        for frame, path in zip(frames, chosen, strict=True):
            frame[...] = fit(read_picture(path), preprocessing)
    except SourceError as problem:
        raise DataError(problem.what, where=problem.where, fix="Remove or replace that picture.") from problem
    classes = class_names(labels)
    known = [_class_of(path.relative_to(folder), classes) for path in chosen]
    return split(frames, np.array(known, np.int64), quantised=quantised, where=str(folder))


def numbers_from(text: str, inputs: Sequence[TensorSpec], *, quantised: bool) -> Split:
    """The same for rows of numbers in `.npy` and `.csv` files, as `edge.sources.numbers` reads them."""
    from edge.sources.numbers import open as open_numbers

    source = open_numbers(text)
    rows: list[NDArray[np.float64]] = []
    while (frame := source.read(0.0)) is not None:
        if frame.numbers is None:
            assert frame.error is not None
            raise DataError(frame.error.what, where=frame.error.where, fix=frame.error.fix)
        rows.append(_real(frame.numbers.values, inputs, stored=frame.numbers.stored, where=f"{text}, {frame.source}"))
    chosen = [rows[index] for index in spread(len(rows), GOLDEN_LIMIT if quantised else GOLDEN_LIMIT + LIMIT)]
    unknown = np.full(len(chosen), UNKNOWN, np.int64)
    return split(np.stack(chosen), unknown, quantised=quantised, where=text)


def split(frames: NDArray[Any], labels: NDArray[np.int64], *, quantised: bool, where: str) -> Split:
    """`frames` (N, ...) without copies, every second of each class golden, in the order of their digests.

    DataError where there is nothing left to calibrate on.
    """
    kept = distinct(frames)
    left_out = len(frames) - len(kept)
    notes = (f"pictures: {left_out} of {len(frames)} look like another and were left out",) if left_out else ()
    order = sorted(kept, key=lambda index: digest_of(frames[index].tobytes()))
    if quantised:
        golden, calibration = order[:GOLDEN_LIMIT], list[int]()
    else:
        golden, calibration = _alternating(order, labels)
    if not quantised and not calibration:
        raise DataError(
            f"{len(kept)} picture that can be told from others, and at least two are needed",
            where=where,
            fix="Give more pictures: one part is calibrated on, the other compared on.",
        )
    return Split(_taken(frames, labels, calibration), _taken(frames, labels, golden), notes)


def distinct(frames: NDArray[Any]) -> list[int]:
    """Indices of the frames that look like none before them."""
    thumbnails = _thumbnails(frames) if frames.dtype == np.uint8 else None
    kept: list[int] = []
    seen: set[bytes] = set()
    for index in range(len(frames)):
        exact = frames[index].tobytes()
        if exact in seen or (thumbnails is not None and _looks_like(thumbnails[index], thumbnails[kept])):
            continue
        seen.add(exact)
        kept.append(index)
    return kept


def class_names(labels: Sequence[str]) -> dict[str, int]:
    """Class numbers by every name a folder may have: the label, or one of its synonyms between commas.

    A name that two classes share belongs to neither.
    """
    found: dict[str, int] = {}
    shared: set[str] = set()
    for index, label in enumerate(labels):
        for name in {_plain(part) for part in (label, *label.split(","))} - {""}:
            shared |= {name} if name in found else set()
            found.setdefault(name, index)
    return {name: index for name, index in found.items() if name not in shared}


def _found(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    if not folder.is_dir():
        raise ConfigError("no folder there", where=str(folder), fix="Give a folder of pictures to --calibration.")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    if not paths:
        raise DataError("no pictures in it", where=str(folder), fix="Give a folder that holds some to --calibration.")
    return paths


def _class_of(path: Path, classes: Mapping[str, int]) -> int:
    """By the nearest folder above the picture that is called like a class."""
    return next((classes[name] for part in path.parent.parts[::-1] if (name := _plain(part)) in classes), UNKNOWN)


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()


def _alternating(order: Sequence[int], labels: NDArray[np.int64]) -> tuple[list[int], list[int]]:
    """Golden and calibration: by turns within each class, the first golden; single pictures by turns among them."""
    by_class: dict[int, list[int]] = {}
    for index in order:
        by_class.setdefault(int(labels[index]), []).append(index)
    single = [members[0] for members in by_class.values() if len(members) == 1]
    groups = [single, *(members for members in by_class.values() if len(members) > 1)]
    golden = {index for members in groups for index in members[::2]}
    both = [[index for index in order if (index in golden) is wanted] for wanted in (True, False)]
    return _at_most(both[0], GOLDEN_LIMIT), _at_most(both[1], LIMIT)


def _at_most(indices: list[int], limit: int) -> list[int]:
    return [indices[place] for place in spread(len(indices), limit)]


def _taken(frames: NDArray[Any], labels: NDArray[np.int64], indices: Sequence[int]) -> Pictures:
    chosen = np.array(sorted(indices), np.int64)
    return Pictures(frames[chosen], labels[chosen])


def _thumbnails(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, cells): means over at most 16 x 16 fields of each picture."""
    _, height, width, _ = frames.shape
    rows, columns = (np.arange(min(_THUMBNAIL, side)) * side // min(_THUMBNAIL, side) for side in (height, width))
    made = []
    for frame in frames:
        sums = np.add.reduceat(np.add.reduceat(frame.astype(np.float32), rows, axis=0), columns, axis=1)
        made.append(sums.reshape(-1))
    area = np.outer(np.diff([*rows, height]), np.diff([*columns, width])).astype(np.float32)
    return np.asarray(np.stack(made) / np.repeat(area.reshape(-1), frames.shape[3]), np.float32)


def _looks_like(one: NDArray[np.float32], others: NDArray[np.float32]) -> bool:
    apart = np.abs(others - one)
    return bool(((apart.mean(axis=1) <= _SAME_MEAN) & (apart.max(axis=1, initial=0) <= _SAME_MOST)).any())


def _real(
    values: NDArray[np.float64], inputs: Sequence[TensorSpec], *, stored: bool, where: str
) -> NDArray[np.float64]:
    """One row as real values."""
    sizes = [int(np.prod(spec.shape)) for spec in inputs]
    if values.size != sum(sizes) or not np.isfinite(values).all():
        raise DataError(
            f"{values.size} numbers, and the model takes {sum(sizes)} finite ones",
            where=where,
            fix="Give a row of numbers a frame; in a .npy file the first axis counts frames.",
        )
    if not stored:
        return values
    parts = np.split(values, np.cumsum(sizes)[:-1])
    return np.concatenate(
        [
            part if spec.quantization is None else dequantise(part, spec).astype(np.float64)
            for part, spec in zip(parts, inputs, strict=True)
        ]
    )
