"""`--model-card model.toml`: what a person says of a model whose graph cannot tell it. Every key may be left out.

    name = "street-signs"
    task = "detect"                      # classify, detect, segment, keypoints, regress, anomaly
    labels = ["stop", "yield"]           # or labels_file = "signs.txt", a line a class, beside the card
    metric = "accuracy"                  # what the report should call the task's measure

    [preprocessing]
    colour = "rgb"                       # rgb, bgr, grey
    mean = [127.5]                       # real = (pixel - mean) / std, pixel 0..255; one value or one a channel
    std = [127.5]
    resize = "letterbox"                 # stretch, letterbox, crop
    interpolation = "antialias"          # linear, nearest, antialias
    pad_value = 114
    layout = "nchw"                      # nhwc, nchw, nhw; numbers, where no picture goes in
    size_wh = [320, 240]                 # only where the graph leaves it open

    [decoding]                           # the fields of contract/decoding.py
    kind = "detect-corners"
    boxes = 1                            # outputs by position, counted from 0, or by name
    scores = "scores"
    background = 0

    [[states]]                           # what a recurrent model remembers
    input = "h"
    output = "h_next"

It is read strictly: a key that nobody knows is refused by its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
from msgspec import Struct

from contract.codec import from_toml
from contract.decoding import TASKS, Decoding, Positive, Task
from contract.errors import ConfigError
from contract.manifest import ModelName, Words
from converters.sources.labels import check_labels, read_labels

OUTPUT_KEYS = frozenset(
    {"scores", "boxes", "classes", "count", "heatmap", "sizes", "offsets", "map", "points", "output"}
)
_KINDS: dict[str, type] = {str(kind.__struct_config__.tag): kind for kind in TASKS}  # type: ignore[attr-defined]


class CardPreprocessing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person says of pixels; None where nothing is said."""

    size_wh: tuple[Positive, Positive] | None = None
    resize: Literal["stretch", "letterbox", "crop"] | None = None
    interpolation: Literal["linear", "nearest", "antialias"] | None = None
    pad_value: int | None = None
    colour: Literal["rgb", "bgr", "grey"] | None = None
    layout: Literal["nhwc", "nchw", "nhw", "numbers"] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None


class CardState(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An input that is fed the output of the frame before; both by name or position."""

    input: str | int
    output: str | int


class CardFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file as it is written."""

    name: ModelName | None = None
    task: Task | None = None
    labels: tuple[str, ...] | None = None
    labels_file: str | None = None
    metric: Words | None = None
    preprocessing: CardPreprocessing = CardPreprocessing()
    decoding: dict[str, Any] | None = None
    states: tuple[CardState, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A card that was read; `labels` are those of the card or of the file it names."""

    where: str
    """What the person calls the card, for messages."""
    name: str | None = None
    task: Task | None = None
    labels: tuple[str, ...] | None = None
    metric: str = ""
    preprocessing: CardPreprocessing = field(default_factory=CardPreprocessing)
    decoding: Mapping[str, Any] | None = None
    states: tuple[CardState, ...] = ()


NO_CARD = ModelCard(where="--model-card")


def read_card(path: Path) -> ModelCard:
    """The card in `path`. ConfigError names the key that is wrong, with its line where it has one."""
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise ConfigError(
            f"the model card cannot be read: {problem.strerror}", where=str(path), fix="Check --model-card."
        ) from problem
    card = from_toml(data, CardFile, where=str(path), error=ConfigError)
    kind = None if card.decoding is None else _kind(card.decoding, str(path))
    if kind is not None and card.task is not None and TASKS[kind] != card.task:
        raise _wrong(f"its task is {card.task!r}, and its decoding answers {TASKS[kind]!r}", str(path))
    return ModelCard(
        where=str(path),
        name=card.name,
        task=card.task if kind is None else TASKS[kind],
        labels=_labels(card, path),
        metric=card.metric or "",
        preprocessing=card.preprocessing,
        decoding=card.decoding,
        states=card.states,
    )


def decoding_of(card: ModelCard, outputs: Sequence[str], known: Decoding | None) -> Decoding | None:
    """The card's decoding with its outputs by name; what it leaves out is taken from `known` where that is its kind.

    None where the card has none. ConfigError names the key or the output that is wrong.
    """
    if card.decoding is None:
        return None
    kind = _kind(card.decoding, card.where)
    given = {key: _named(value, outputs, card.where, key) for key, value in card.decoding.items()}
    base = msgspec.to_builtins(known) if known is not None and type(known) is kind else {}
    try:
        found: Any = msgspec.convert({**base, **given}, kind)
    except msgspec.ValidationError as problem:
        raise _wrong(f"[decoding]: {problem}", card.where) from problem
    for key in _unknown(given, msgspec.to_builtins(found), ""):
        raise _wrong(f"[decoding] has no key {key!r} for the kind {given['kind']!r}", card.where)
    return cast("Decoding", found)


def output_named(value: str | int, outputs: Sequence[str], where: str) -> str:
    """An output, or another tensor, by its name or its position; ConfigError where there is no such one."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(outputs):
        return outputs[value]
    if isinstance(value, str) and value in outputs:
        return value
    there = ", ".join(f"{place} {name!r}" for place, name in enumerate(outputs))
    raise _wrong(f"{value!r} is none of: {there}", where)


def _labels(card: CardFile, path: Path) -> tuple[str, ...] | None:
    if card.labels is not None and card.labels_file is not None:
        raise _wrong("labels and labels_file are both given", str(path))
    if card.labels_file is not None:
        return read_labels(path.parent / card.labels_file)
    return None if card.labels is None else check_labels(card.labels, where=str(path))


def _kind(decoding: Mapping[str, Any], where: str) -> type:
    kind = _KINDS.get(str(decoding.get("kind")))
    if kind is None:
        raise _wrong(f"[decoding] kind is {decoding.get('kind')!r}, and there is: {', '.join(_KINDS)}", where)
    return kind


def _named(value: Any, outputs: Sequence[str], where: str, key: str) -> Any:
    """`value` with every output in it by name, also in the tables of `values`."""
    if key in OUTPUT_KEYS and isinstance(value, str | int):
        return output_named(value, outputs, where)
    if key == "values" and isinstance(value, list):
        return [
            {inner: _named(item, outputs, where, inner) for inner, item in one.items()}
            if isinstance(one, dict)
            else one
            for one in value
        ]
    return value


def _unknown(given: Any, known: Any, path: str) -> list[str]:
    """Keys of `given`, at any depth, that did not find their way into `known`."""
    if isinstance(given, dict) and isinstance(known, dict):
        strange = [f"{path}{key}" for key in given if key not in known]
        return strange + [
            key for name in given if name in known for key in _unknown(given[name], known[name], f"{path}{name}.")
        ]
    if isinstance(given, list) and isinstance(known, list | tuple):
        return [key for one, other in zip(given, known, strict=False) for key in _unknown(one, other, path)]
    return []


def _wrong(what: str, where: str) -> ConfigError:
    return ConfigError(what, where=where, fix="Correct that key of the model card; see docs/sources.md.")
