"""One conversion as the product makes it, in parts that a defect can spoil, and the product's checks of all of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
import onnx
from numpy.typing import NDArray

from contract.digest import digest_of
from contract.dsse import Verifier
from contract.errors import FerryError, ModelError
from contract.manifest import GOLDEN, LABELS, REFERENCE, Manifest
from converters import onnx_audit, tflite_audit
from converters.calibration_lint import lint
from converters.draft import draft_of
from converters.feeds import Feeds
from converters.finding import raise_errors
from converters.gate import Stage, judge
from converters.golden_rules import golden_rules
from converters.label_order import lint_labels
from converters.onnx_form import OnnxForm
from converters.promises import check_promises
from converters.recipe import Recipe, float_of, format_of
from converters.reference import artifact_reference
from converters.saturation import BY, saturated
from converters.sealing import sealed
from converters.source import Pictures, Source
from converters.stages import EMULATION, open_kernels
from converters.targets import saturates
from converters.verdict import Limits, raise_refusal
from devices.keys import development_signer, development_verifier
from devices.profiles import load_profile
from edge.bundles import check_bundle
from edge.golden import pack_golden
from edge.model import load_model
from edge.preprocess import Preprocessor
from edge.quantisation import dequantise
from tests.converters.defects.networks import LABELS as COLOURS
from tests.converters.defects.networks import PREPROCESSING, Network, Shape, network, scenes

Raw = Mapping[str, NDArray[Any]]
GOLDEN_PICTURES = 32


@dataclass(frozen=True)
class Conversion:
    """A source, what was made of it, and what is said of that."""

    source: Source
    recipe: Recipe
    truth: Raw
    """The source's own answers to its golden pictures."""
    floats: bytes | None
    """The float artifact beside a quantised one."""
    model: bytes
    profile: str = "rpi4"
    draft: Manifest | None = None
    """None: as the file and the source decide it."""
    members: tuple[tuple[str, bytes], ...] = ()
    """In the place of those that would be made."""


def changed(conversion: Conversion, **source: Any) -> Conversion:
    """With other fields of its source."""
    return replace(conversion, source=replace(conversion.source, **source))


def check(conversion: Conversion) -> bytes:
    """Every check of the product, in its order; the bundle of what passes them all, FerryError for what does not."""
    source = conversion.source
    raise_errors(lint(source.calibration, source.golden, source.labels, source.preprocessing), where=source.name)
    if source.task == "classify":
        scores = conversion.truth[source.outputs[0]]
        raise_errors(lint_labels(scores, source.golden, source.labels), where=source.name)
    draft = _audited(conversion)
    raw = answered(draft, conversion.model, source.golden)
    _judge(conversion, draft, raw)
    data = bundle(conversion, draft, raw)
    read(data)
    return data


def read(data: bytes, trusted: Mapping[str, Verifier] | None = None) -> None:
    """What whoever gets the bundle makes of it."""
    bundle = check_bundle(data, development_verifier() if trusted is None else trusted, where="bundle")
    check_promises(bundle, where="bundle")


def bundle(conversion: Conversion, draft: Manifest, raw: Raw) -> bytes:
    """The sealed file."""
    golden = conversion.source.golden
    rules, chosen = golden_rules(draft, raw, golden.labels, reduced=True, where=draft.name)
    manifest = msgspec.structs.replace(draft, golden=rules, profile=conversion.profile)
    made = {
        manifest.model: conversion.model,
        LABELS: "".join(f"{label}\n" for label in manifest.labels).encode(),
        GOLDEN: pack_golden(golden.frames[chosen], {name: rows[chosen] for name, rows in raw.items()}),
    }
    reference = artifact_reference(golden, {}, manifest, raw)
    made |= {} if reference is None else {REFERENCE: reference}
    return sealed(manifest, {**made, **dict(conversion.members)}, development_signer())


def answered(draft: Manifest, model: bytes, pictures: Pictures) -> dict[str, NDArray[Any]]:
    """The device's own code, (N, ...) by output."""
    with closing(load_model(draft, digest_of(model), model, device="cpu")) as loaded:
        answers = [loaded.outputs_for(frame) for frame in pictures.frames]
    return {
        spec.name: np.stack([answer[spec.name].reshape(spec.shape[1:]) for answer in answers]) for spec in draft.outputs
    }


def _audited(conversion: Conversion) -> Manifest:
    """The manifest of a file that was looked at before, where it is TFLite, or after onnxruntime has opened it."""
    source, recipe, model = conversion.source, conversion.recipe, conversion.model
    if format_of(recipe) == "tflite":
        tflite_audit.audit(model, recipe, where=source.name)
        _fly_ahead(conversion)
        return conversion.draft or draft_of(source, recipe, model)
    draft = conversion.draft or draft_of(source, recipe, model)
    onnx_audit.audit(onnx.load_from_string(model), recipe, where=source.name)
    return draft


def _fly_ahead(conversion: Conversion) -> None:
    """What a profile's accelerator would refuse."""
    from converters.preflight.edgetpu import preflight_edgetpu

    profile = load_profile(conversion.profile)
    if profile.accelerator == "edgetpu":
        for refusal in preflight_edgetpu(conversion.model, profile).refusals:
            raise ModelError(refusal.cause, where=refusal.operator, fix=refusal.fix)


def _judge(conversion: Conversion, draft: Manifest, raw: Raw) -> None:
    source, recipe = conversion.source, conversion.recipe
    everywhere = np.arange(len(source.golden.frames))
    own = {spec.name: dequantise(raw[spec.name], spec) for spec in draft.outputs}
    stages = []
    if float_of(recipe) == recipe:
        stages.append(Stage("float", "the device's own code", own, everywhere))
    else:
        if conversion.floats is not None:
            first = draft_of(source, float_of(recipe), conversion.floats)
            floats = answered(first, conversion.floats, source.golden)
            stages.append(Stage("float", "the float artifact", floats, everywhere))
        if recipe.endswith("int8"):
            stages += _emulated(conversion, draft, everywhere)
        stages.append(Stage("kernels", "the device's own code", own, everywhere))
    labels = source.golden.labels if source.golden.labelled else None
    verdict = judge(draft, conversion.truth, stages, labels, Limits())
    raise_refusal(verdict, where=source.name)


def _emulated(conversion: Conversion, draft: Manifest, everywhere: NDArray[np.int64]) -> list[Stage]:
    frames = conversion.source.golden.frames
    with TemporaryDirectory() as folder:
        path = Path(folder, draft.model)
        path.write_bytes(conversion.model)
        with closing(open_kernels(EMULATION[draft.format], draft.format, path)) as backend:
            write = Preprocessor(draft.picture_input, draft.preprocessing)
            tensor = np.empty(draft.picture_input.shape, draft.picture_input.dtype)
            rows, feeds = [], []
            for frame in frames:
                write.write_fitted(frame, tensor)
                feeds.append({draft.picture_input.name: tensor.copy()})
                rows.append(backend.infer(feeds[-1]))
    answers = {
        spec.name: np.stack([dequantise(row[spec.name], spec).reshape(spec.shape[1:]) for row in rows])
        for spec in draft.outputs
    }
    stages = [Stage("emulated", "emulation", answers, everywhere)]
    if saturates(load_profile(conversion.profile)) and draft.format == "onnx":
        stages.append(Stage("kernels", BY, saturated(conversion.model, feeds).answers, everywhere))
    return stages


@cache
def converted(
    task: Any = "classify",
    recipe: Recipe = "onnx-int8",
    shape: Shape = Shape(),  # noqa: B008
    form: OnnxForm = OnnxForm(),  # noqa: B008
    calibration: int = 40,
) -> Conversion:
    """A good conversion, each made once."""
    made = network(task, shape)
    source = source_of(made, calibration)
    floats = bytes(made.model.SerializeToString())
    truth = answered(draft_of(source, "onnx-float32", floats), floats, source.golden)
    return Conversion(source, recipe, truth, floats, _stored(floats, source, recipe, form))


def source_of(made: Network, calibration: int = 40) -> Source:
    """A source whose model is `made`; the file itself is asked for by nobody here."""
    return Source(
        name="spots",
        origin="spots.onnx",
        kind="onnx",
        model=Path("spots.onnx"),
        preprocessing=PREPROCESSING,
        task=made.task,
        outputs=made.outputs,
        decoding=made.decoding,
        labels=(*COLOURS, "dark") if made.task == "segment" else COLOURS,
        states=(),
        calibration=scenes(calibration, 2).pictures,
        golden=scenes(GOLDEN_PICTURES, 3).pictures,
        lineage={},
        card=b"",
    )


def _stored(floats: bytes, source: Source, recipe: Recipe, form: OnnxForm) -> bytes:
    if recipe == "onnx-float32":
        return floats
    with TemporaryDirectory() as folder:
        path, frames = Path(folder, "float.onnx"), Path(folder, "frames.npy")
        path.write_bytes(floats)
        if recipe == "onnx-float16":
            from converters.onnx_half import halved

            return halved(path, where=source.name)
        from converters.onnx_int8 import quantise

        np.save(frames, source.calibration.frames)
        side = PREPROCESSING.size_wh[0]
        feeds = Feeds(frames, source.preprocessing, {"image": (1, 3, side, side)})
        return quantise(path, feeds, form, where=source.name)


def refusal(conversion: Conversion) -> FerryError | None:
    """What the product says against it, if anything."""
    try:
        check(conversion)
    except FerryError as problem:
        return problem
    return None
