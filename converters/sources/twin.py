"""`--reference`: another file said to be the same network, as a source of its own that is asked the same pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec

from contract.decoding import Decoding
from contract.errors import ConfigError
from contract.manifest import Preprocessing, TensorSpec
from converters.model_card import NO_CARD, OUTPUT_KEYS, ModelCard
from converters.probe import Probed
from converters.source import Source, SourceKind
from converters.sources.digest import digest_of_model
from converters.sources.pixels import may_be_picture, pixels_of
from converters.tflite_metadata import Packed, PackedInput

_FIX = "Give to --reference a file of the same network."


class Twin(msgspec.Struct, frozen=True):
    """The other file, looked at."""

    kind: SourceKind
    model: Path
    probed: Probed

    @property
    def where(self) -> str:
        """For messages."""
        return str(self.model)

    @property
    def packed(self) -> PackedInput | None:
        """What its metadata says of its first input."""
        return next(iter((self.probed.hints.packed or Packed()).inputs), None)


def certain_pixels(twin: Twin | None, card: ModelCard) -> Preprocessing | None:
    """How `twin` takes pixels, where its own input or its metadata says so."""
    inputs = () if twin is None else twin.probed.inputs
    if twin is None or len(inputs) != 1 or not may_be_picture(inputs[0]):
        return None
    # What the card says of normalisation is said of the model itself and counts there already.
    said = msgspec.structs.replace(card.preprocessing, mean=None, std=None, layout=None)
    try:
        return pixels_of(inputs[0], replace(NO_CARD, preprocessing=said), twin.packed, None, where="").preprocessing
    except ConfigError:
        return None


def as_reference(twin: Twin, source: Source) -> Source:
    """`twin` as a source with the pictures, labels and meaning of `source`; its outputs stand for those one by one.

    ConfigError where the two cannot be the same network.
    """
    if source.states or len(twin.probed.outputs) != len(source.outputs):
        what = (
            "a model that remembers the frame before has no reference"
            if source.states
            else f"it has {len(twin.probed.outputs)} outputs, and {source.origin} has {len(source.outputs)}"
        )
        raise ConfigError(what, where=twin.where, fix=_FIX)
    outputs = tuple(spec.name for spec in twin.probed.outputs)
    return replace(
        source,
        origin=twin.where,
        kind=twin.kind,
        model=twin.model,
        preprocessing=_preprocessing(twin, source),
        outputs=outputs,
        decoding=renamed(source.decoding, dict(zip(source.outputs, outputs, strict=True))),
        quantised=twin.probed.hints.quantised,
        lineage={"weights": digest_of_model(twin.model)},
        notes=(),
    )


def check_shapes(twin: Twin, outputs: tuple[TensorSpec, ...], origin: str) -> None:
    """ConfigError where an output of the one has another shape than the other's in the same place."""
    for ours, theirs in zip(outputs, twin.probed.outputs, strict=False):
        if ours.shape != theirs.shape:
            raise ConfigError(
                f"its output {theirs.name!r} is {list(theirs.shape)}, and {origin} has {ours.name!r} "
                f"{list(ours.shape)} in that place",
                where=twin.where,
                fix=_FIX,
            )


def renamed(decoding: Decoding, names: dict[str, str]) -> Decoding:
    """`decoding` speaking of other outputs."""
    plain = msgspec.to_builtins(decoding)
    for table in (plain, *plain.get("values", ())):
        for key in OUTPUT_KEYS & table.keys():
            table[key] = names.get(table[key], table[key])
    return msgspec.convert(plain, type(decoding))


def _preprocessing(twin: Twin, source: Source) -> Preprocessing:
    ours = source.preprocessing
    if ours.of_numbers:
        return ours
    if len(twin.probed.inputs) != 1 or not may_be_picture(twin.probed.inputs[0]):
        raise ConfigError("it does not take one picture", where=twin.where, fix=_FIX)
    found = pixels_of(twin.probed.inputs[0], NO_CARD, twin.packed, ours, where=twin.where).preprocessing
    found = msgspec.structs.replace(
        found, colour=ours.colour, resize=ours.resize, interpolation=ours.interpolation, pad_value=ours.pad_value
    )
    if found.size_wh != ours.size_wh:
        raise ConfigError(
            f"it takes pictures of {found.size_wh}, and {source.origin} of {ours.size_wh}", where=twin.where, fix=_FIX
        )
    return found
