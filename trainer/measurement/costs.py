"""What a mistake costs, and the answer that costs least.

`[evaluation.costs]` gives a price to each kind of error; everything unsaid costs `default`, being right nothing:

    [evaluation.costs]
    currency = "EUR"
    default = 1.0
    "cat->dog" = 20.0     # is a cat, answered dog
    "*->dog" = 5.0        # whatever else is answered dog
    "cat->*" = 3.0

The cheapest answer is the class with the least expected cost under calibrated scores (Elkan, 2001, "The foundations of
cost-sensitive learning").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.errors import ConfigError
from trainer.measurement.weighted import Labels, Values

_ARROW, _ANY = "->", "*"


@dataclass(frozen=True, slots=True)
class Prices:
    """The price of every answer."""

    matrix: NDArray[np.float64]
    """(truth, answer), the diagonal 0."""
    default: float
    """Of no answer at all, too."""
    currency: str


def prices(written: Mapping[str, float | str], labels: Sequence[str], *, where: str) -> Prices | None:
    """`[evaluation.costs]` for these labels; None where it is empty, ConfigError where it makes no sense."""
    if not written:
        return None
    default = _amount(written.get("default", 1.0), "default", where)
    matrix = np.full((len(labels), len(labels)), default)
    lines = {key: _amount(value, key, where) for key, value in written.items() if key not in ("default", "currency")}
    cells = {key: _cells(key, labels, where) for key in lines}
    _check_agreement(lines, cells, labels, where)
    for key in sorted(lines, key=lambda key: _ANY not in key):  # single cells last: they win over a whole row
        for cell in cells[key]:
            matrix[cell] = lines[key]
    np.fill_diagonal(matrix, 0.0)
    return Prices(matrix, default, str(written.get("currency", "")))


def costs_of(found: Prices, truth: Labels, answers: Labels) -> Values:
    """The cost (N,) of each picture; an answer outside the labels costs the default."""
    known = (answers >= 0) & (answers < len(found.matrix))
    return np.where(known, found.matrix[truth, np.where(known, answers, 0)], found.default)


def cheapest_answers(found: Prices, shares: Values) -> Labels:
    """The class (N,) of the least expected cost for probabilities (N, classes)."""
    answers: Labels = np.argmin(shares @ found.matrix, axis=1).astype(np.int64)
    return answers


def _check_agreement(
    lines: Mapping[str, float], cells: Mapping[str, list[tuple[int, int]]], labels: Sequence[str], where: str
) -> None:
    """A row and a column cross in a cell: where they disagree, a person must say what it costs."""
    single = {cell for key, own in cells.items() if _ANY not in key for cell in own}
    first: dict[tuple[int, int], str] = {}
    for key in (key for key in lines if _ANY in key):
        for cell in cells[key]:
            other = first.setdefault(cell, key)
            if lines[other] != lines[key] and cell not in single:
                named = f"{labels[cell[0]]}{_ARROW}{labels[cell[1]]}"
                raise ConfigError(
                    f"{other!r} and {key!r} give {named!r} different prices",
                    where=where,
                    fix=f'Add a line for it: "{named}" = …',
                )


def _cells(key: str, labels: Sequence[str], where: str) -> list[tuple[int, int]]:
    """(truth, answer) of a line; a label may hold an arrow of its own, so every way to cut is tried."""
    parts = key.split(_ARROW)
    for cut in range(1, len(parts)):
        truth, answer = (_ARROW.join(part).strip() for part in (parts[:cut], parts[cut:]))
        if truth in (_ANY, *labels) and answer in (_ANY, *labels):
            return _crossed(key, _numbers(truth, labels), _numbers(answer, labels), where)
    raise ConfigError(
        f"{key!r} names no error of this data",
        where=where,
        fix=f'Write "TRUTH->ANSWER" with * or one of: {", ".join(labels[:10])}.',
    )


def _crossed(key: str, truths: range, answers: range, where: str) -> list[tuple[int, int]]:
    cells = [(truth, answer) for truth in truths for answer in answers if truth != answer]
    if not cells:
        raise ConfigError(f"{key!r} is no error", where=where, fix="Being right costs nothing; take the line away.")
    return cells


def _numbers(name: str, labels: Sequence[str]) -> range:
    if name == _ANY:
        return range(len(labels))
    return range(labels.index(name), labels.index(name) + 1)


def _amount(value: float | str, key: str, where: str) -> float:
    if isinstance(value, str) or not 0.0 <= value < float("inf"):
        raise ConfigError(f"{key} = {value!r} is no cost", where=where, fix="Give a number from 0 up.")
    return float(value)
