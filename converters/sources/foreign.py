"""A model file by somebody else becomes a source: looked at, asked for what it cannot tell, fed a folder of pictures.

What a person says comes first, then what the graph says with certainty, then what is packed in the file. Whatever was
taken for granted stands in the source's notes, and nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from contract.decoding import Task
from contract.errors import ConfigError
from contract.manifest import ModelName, Preprocessing, State, TensorSpec, slug
from converters.model_card import NO_CARD, ModelCard, output_named, read_card
from converters.probe import Probed, probe
from converters.source import Source, SourceKind
from converters.sources.asked import Asked
from converters.sources.digest import digest_of_model
from converters.sources.labels import read_labels
from converters.sources.meaning import Known, meaning_of
from converters.sources.pixels import Pixels, may_be_picture, numbers_of, pixels_of
from converters.sources.split import Split, numbers_from, pictures_from
from converters.sources.twin import Twin, as_reference, certain_pixels, check_shapes
from converters.tflite_metadata import Packed, PackedInput

_OF_CLASSES: frozenset[Task] = frozenset({"classify", "detect", "segment", "keypoints"})


def read_foreign(kind: SourceKind, model: Path, asked: Asked, reference: tuple[SourceKind, Path] | None) -> Source:
    """The source that `model` and what a person says of it make; `reference` is another file said to be the same.

    Raises ModelError for a file that cannot be run, ConfigError for what nobody says, DataError for its pictures.
    """
    card = NO_CARD if asked.model_card is None else read_card(asked.model_card)
    size_wh = card.preprocessing.size_wh
    probed = probe(kind, model, origin=str(model), size_wh=size_wh)
    twin = None if reference is None else Twin(*reference, probe(*reference, origin=str(reference[1]), size_wh=size_wh))
    if twin is not None:
        check_shapes(twin, probed.outputs, str(model))
    source = _described(kind, model, probed, card, asked, twin=certain_pixels(twin, card))
    return source if twin is None else replace(source, reference=as_reference(twin, source))


def _described(
    kind: SourceKind, model: Path, probed: Probed, card: ModelCard, asked: Asked, *, twin: Preprocessing | None
) -> Source:
    """`model` with its pictures; `twin` is how the reference takes them, where that is certain."""
    where, packed = str(model), probed.hints.packed or Packed()
    states = _states(probed, card)
    fed = _fed(probed.inputs, states)
    pixels = _pixels(fed, card, packed, twin, probed, asked, where)
    labels, label_notes = _labels(asked, card, packed)
    known = Known(
        probed=probed,
        card=card,
        packed=packed,
        labels=labels,
        picture_wh=None if pixels.preprocessing.of_numbers else pixels.preprocessing.size_wh,
        states=tuple(state.output for state in states),
        where=where,
    )
    meaning = meaning_of(known, asked.task)
    if not labels and meaning.task in _OF_CLASSES:
        label_notes = ("labels: none, so that classes are shown by their numbers; --labels FILE names them",)
    pictures = _pictures(asked, pixels.preprocessing, labels, fed, quantised=probed.hints.quantised)
    return Source(
        name=_name(asked, card, model),
        origin=where,
        kind=kind,
        model=model,
        preprocessing=pixels.preprocessing,
        task=meaning.task,
        outputs=tuple(spec.name for spec in probed.outputs),
        decoding=meaning.decoding,
        labels=labels,
        states=states,
        calibration=pictures.calibration,
        golden=pictures.golden,
        lineage={"weights": digest_of_model(model)},
        card=b"",
        quantised=probed.hints.quantised,
        metric=card.metric,
        notes=(*pixels.notes, *meaning.notes, *label_notes, *pictures.notes),
    )


def _states(probed: Probed, card: ModelCard) -> tuple[State, ...]:
    inputs, outputs = ([spec.name for spec in specs] for specs in (probed.inputs, probed.outputs))
    return tuple(
        State(input=output_named(one.input, inputs, card.where), output=output_named(one.output, outputs, card.where))
        for one in card.states
    )


def _fed(inputs: Sequence[TensorSpec], states: Sequence[State]) -> tuple[TensorSpec, ...]:
    """The inputs that are no state."""
    return tuple(spec for spec in inputs if spec.name not in {state.input for state in states})


def _pixels(
    fed: Sequence[TensorSpec],
    card: ModelCard,
    packed: Packed,
    twin: Preprocessing | None,
    probed: Probed,
    asked: Asked,
    where: str,
) -> Pixels:
    if not fed:
        raise ConfigError("every input is said to be a state", where=card.where, fix="Leave one for the picture.")
    if card.preprocessing.layout == "numbers" or _gives_numbers(asked) or not any(map(may_be_picture, fed)):
        return numbers_of(card)
    if len(fed) != 1:
        raise ConfigError(
            f"{len(fed)} inputs ({', '.join(spec.name for spec in fed)}), and one picture to feed them",
            where=where,
            fix="Say in a model card which are states ([[states]]), or that all are plain numbers: "
            '[preprocessing] layout = "numbers".',
        )
    place = list(probed.inputs).index(fed[0])
    said = packed.inputs[place] if place < len(packed.inputs) else PackedInput()
    return pixels_of(fed[0], card, said, twin, where=where)


def _gives_numbers(asked: Asked) -> bool:
    """Whether what a person gives to calibrate on is numbers: then those are what the model is fed."""
    from edge.sources.numbers import SUFFIXES, number_files

    if asked.calibration is None:
        return False
    text = str(asked.calibration)
    if text.startswith("tensor:") or asked.calibration.suffix.lower() in SUFFIXES:
        return True
    if not asked.calibration.is_dir():
        return False
    from edge.pictures import PICTURE_SUFFIXES

    shows = any(path.suffix.lower() in PICTURE_SUFFIXES for path in asked.calibration.rglob("*"))
    return not shows and bool(number_files(asked.calibration))


def _labels(asked: Asked, card: ModelCard, packed: Packed) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The labels, and where they were taken from."""
    if asked.labels is not None:
        return read_labels(asked.labels), ()
    if card.labels is not None:
        return card.labels, ()
    if packed.labels:
        return packed.labels, ("labels: packed in the file",)
    return (), ()


def _pictures(
    asked: Asked, preprocessing: Preprocessing, labels: Sequence[str], fed: Sequence[TensorSpec], *, quantised: bool
) -> Split:
    if asked.calibration is None:
        raise _no_pictures(preprocessing)
    if preprocessing.of_numbers:
        return numbers_from(str(asked.calibration), fed, quantised=quantised)
    return pictures_from(asked.calibration, preprocessing, labels, quantised=quantised)


def _no_pictures(preprocessing: Preprocessing) -> ConfigError:
    if preprocessing.of_numbers:
        what, fix = "numbers", "Give a .npy or .csv file with a row a frame to --calibration."
    else:
        what = "pictures"
        fix = "Give a folder of them to --calibration; sub-folders named like the labels say what they show."
    return ConfigError(f"there are no {what} to compare the converted model on", where="--calibration", fix=fix)


def _name(asked: Asked, card: ModelCard, model: Path) -> ModelName:
    if asked.name is not None and asked.name != slug(asked.name):
        raise ConfigError(f"{asked.name!r} cannot name a model", where="--name", fix=f"For example: {slug(asked.name)}")
    return asked.name or card.name or slug(model.stem)
