"""How pixels become a foreign model's input: from the card, the tensor itself, what is packed in the file, or a twin.

Size and layout are the tensor's. Mean and std are certain where a person or the file says them, or where the input
stores the pixel itself: then scale and zero point are those of 0..1, -1..1 or 0..255. Nothing else is certain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from msgspec.structs import replace

from contract.errors import ConfigError
from contract.manifest import NO_PICTURE, Preprocessing, TensorSpec
from converters.model_card import CardPreprocessing, ModelCard
from converters.tflite_metadata import PackedInput

_NEAR = 0.01
"""1/128 is written for 1/127.5, and ranges seen in pictures end a little early."""
_RANGES = ((0.0, 255.0), (-1.0, 127.5), (0.0, 1.0))
"""Pixels as 0..1, -1..1 and 0..255: the least real value, and how many pixels make a real 1."""
_SMALLEST_SIDE = 8
Layout = Literal["nhwc", "nchw", "nhw"]


class Pixels(NamedTuple):
    """Preprocessing, and sentences about where it was taken from."""

    preprocessing: Preprocessing
    notes: tuple[str, ...] = ()


def may_be_picture(spec: TensorSpec) -> bool:
    """Whether a picture fits this input at all."""
    layout = layout_of(spec.shape)
    if layout is None or spec.dtype in ("int32", "int64"):
        return False
    return min(_size_wh(spec.shape, layout)) >= _SMALLEST_SIDE


def layout_of(shape: Sequence[int]) -> Layout | None:
    """How a picture lies in a tensor of that shape; None where none can. The colours stand last where both are so."""
    if len(shape) == 3:
        return "nhw"
    if len(shape) == 4 and shape[3] in (1, 3):
        return "nhwc"
    return "nchw" if len(shape) == 4 and shape[1] in (1, 3) else None


def pixels_of(
    spec: TensorSpec, card: ModelCard, packed: PackedInput | None, twin: Preprocessing | None, *, where: str
) -> Pixels:
    """The preprocessing of the picture input `spec`.

    `twin` is that of another file said to be the same network. ConfigError names the key that answers what is open.
    """
    said = card.preprocessing
    layout = said.layout or layout_of(spec.shape)
    if layout is None or layout == "numbers":
        raise ConfigError(
            f"no picture lies in its input {list(spec.shape)}",
            where=where,
            fix='If it takes plain numbers, say so in the model card: [preprocessing] layout = "numbers".',
        )
    size, depth = _size_wh(spec.shape, layout), _depth(spec.shape, layout)
    normalised, origin = _normalised(spec, card, packed, twin, where)
    colour, colour_note = _colour(depth, said, packed)
    notes = (f"pixels: {_words(normalised)}, {origin}", *colour_note)
    base = Preprocessing(size_wh=size, layout=layout, colour=colour, mean=normalised[0], std=normalised[1])
    return Pixels(_with_said(base, said, twin), notes)


def numbers_of(card: ModelCard) -> Pixels:
    """Of a model that is fed plain numbers."""
    said = card.preprocessing
    if said not in (CardPreprocessing(), CardPreprocessing(layout="numbers")):
        raise ConfigError(
            "it is fed numbers, and the model card says how pixels become them",
            where=card.where,
            fix="Leave out [preprocessing], or set nothing but layout there.",
        )
    return Pixels(NO_PICTURE, ("input: plain numbers, no picture",))


def _with_said(base: Preprocessing, said: CardPreprocessing, twin: Preprocessing | None) -> Preprocessing:
    """How the picture is fitted: by the card, or as the twin's is."""
    if twin is not None:
        base = replace(base, resize=twin.resize, interpolation=twin.interpolation, pad_value=twin.pad_value)
    return replace(
        base,
        resize=said.resize or base.resize,
        interpolation=said.interpolation or (MEASURED_WITH if twin is None else base.interpolation),
        pad_value=base.pad_value if said.pad_value is None else said.pad_value,
    )


MEASURED_WITH: Literal["antialias"] = "antialias"
"""What strangers' models were measured with, as Pillow resizes; a card may say `linear`, which takes a tenth of it."""
Normalised = tuple[tuple[float, ...], tuple[float, ...]]


def _normalised(
    spec: TensorSpec, card: ModelCard, packed: PackedInput | None, twin: Preprocessing | None, where: str
) -> tuple[Normalised, str]:
    """Mean and std, and where they were taken from."""
    said = card.preprocessing
    if said.mean is not None or said.std is not None:
        return (said.mean or (0.0,), said.std or (255.0,)), f"said by {card.where}"
    if (stored := stored_pixels(spec)) is not None:
        return stored, f"as {spec.dtype} with this scale stores the pixel itself"
    if packed is not None and packed.mean and packed.std and all(packed.std):
        return (packed.mean, packed.std), "said by the metadata in the file"
    if twin is not None and not twin.of_numbers:
        return (twin.mean, twin.std), "as the file given by --reference takes them"
    raise ConfigError(
        f"nothing says how pixels 0..255 become the {spec.dtype} numbers of its input {spec.name!r}",
        where=where,
        fix="Say it in a model card (--model-card): [preprocessing] mean = [127.5] and std = [127.5] for -1..1, "
        "[0.0] and [255.0] for 0..1, [0.0] and [1.0] for 0..255.",
    )


def stored_pixels(spec: TensorSpec) -> Normalised | None:
    """Mean and std under which an 8-bit input stores the pixel itself, where its scale says that it does.

    As int8 it stores the pixel minus 128. None for other types, scales and zero points.
    """
    if spec.dtype not in ("uint8", "int8") or spec.quantization is None:
        return None
    scale = spec.quantization.scale
    zero_point = spec.quantization.zero_point + (128 if spec.dtype == "int8" else 0)
    for lowest, pixels in _RANGES:
        same_scale = math.isclose(scale * pixels, 1.0, rel_tol=_NEAR)
        if same_scale and abs(zero_point + lowest * pixels) <= 1.0:
            return (float(zero_point),), (1.0 / scale,)
    return None


def _colour(
    depth: int, said: CardPreprocessing, packed: PackedInput | None
) -> tuple[Literal["rgb", "bgr", "grey"], tuple[str, ...]]:
    if said.colour is not None:
        return said.colour, ()
    if depth == 1:
        return "grey", ()
    if packed is not None and packed.colour is not None:
        return packed.colour, ()
    return "rgb", ("colour: rgb, the usual order; a model card says otherwise with [preprocessing] colour",)


def _size_wh(shape: Sequence[int], layout: str) -> tuple[int, int]:
    height, width = shape[2:4] if layout == "nchw" else shape[1:3]
    return width, height


def _depth(shape: Sequence[int], layout: str) -> int:
    return {"nhwc": shape[-1], "nchw": shape[1], "nhw": 1}[layout]


def _words(normalised: Normalised) -> str:
    mean, std = (", ".join(f"{value:g}" for value in values) for values in normalised)
    return f"(pixel - {mean}) / {std}" if "," not in mean + std else f"(pixel - [{mean}]) / [{std}]"
