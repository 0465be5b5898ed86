"""Label files as the world writes them: a line a class, or lines that begin with the class's number."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import msgspec

from contract.errors import ConfigError
from contract.manifest import Words
from converters.tflite_metadata import labels_of

_NUMBERED = re.compile(r"(\d+)[\s:,]+(\S.*)")
_LARGEST_BYTES = 4 << 20
_MOST = 100_000


def read_labels(path: Path) -> tuple[str, ...]:
    """The labels in `path`: index is the class number; a gap in the numbering is an empty label.

    `???` is a gap as well. ConfigError where the file cannot be read or holds something else.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise _refused(f"{path.stat().st_size} bytes are not a list of labels", path)
        labels = labels_of(path.read_bytes())
    except OSError as problem:
        raise _refused(f"the labels cannot be read: {problem.strerror}", path) from problem
    except UnicodeDecodeError as problem:
        raise _refused("the labels are not UTF-8 text", path) from problem
    if not any(labels):
        raise _refused("there is no label in it", path)
    return check_labels(_by_number(labels, path), where=str(path))


def check_labels(labels: tuple[str, ...], *, where: str) -> tuple[str, ...]:
    """`labels` as a manifest takes them, or ConfigError."""
    try:
        return msgspec.convert(labels, tuple[Words, ...])
    except msgspec.ValidationError as problem:
        raise ConfigError(
            f"a label is no plain line of text: {problem}", where=where, fix="Leave control characters out."
        ) from problem


def _by_number(labels: tuple[str, ...], path: Path) -> tuple[str, ...]:
    """Labels in the places their own numbers say, where every line has one and they grow (Coral's files)."""
    found = [_NUMBERED.fullmatch(label) for label in labels if label]
    numbers = [int(one[1]) for one in found if one is not None]
    if len(numbers) != len(found) or any(second <= first for first, second in pairwise(numbers)):
        return labels
    if numbers[-1] >= _MOST:
        raise _refused(f"class number {numbers[-1]} is too high", path)
    placed = [""] * (numbers[-1] + 1)
    for one in found:
        if one is not None:
            placed[int(one[1])] = one[2]
    return tuple(placed)


def _refused(what: str, path: Path) -> ConfigError:
    return ConfigError(
        what, where=str(path), fix="Give a text file with one label a line, in the order of the classes."
    )
