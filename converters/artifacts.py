"""One run becomes one model file a format: converted, run by the device's own code, compared, and known by heart.

An `Artifact` is everything the bundles of one format share; what differs by profile is added in
`converters/bundling.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from contract.digest import digest_of
from contract.errors import GateError, ModelError
from contract.manifest import Classify, Format, Golden, Manifest, TensorSpec
from converters import known_answers
from converters.gate import Comparison, Limits, compare, judge
from converters.jobs import Job, Kind, run_together
from converters.reference import artifact_reference
from converters.runs import Pictures, Run
from edge.backends import open_backend
from edge.golden import check_golden, pack_golden
from edge.model import load_model
from edge.postprocess import dequantise

Say = Callable[[str], None]
ANSWERS = "answers.npy"
"""float32 (N, classes): what the float model says to the run's golden pictures."""
FROM_KERAS: dict[Format, Kind] = {"tflite": "tflite", "onnx": "onnx-float"}
FINISHED: dict[Format, Kind] = {"tflite": "tflite", "onnx": "onnx-int8"}
"""The first and the last step of each format; a job's file is called as its kind."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A converted model that passed the gate."""

    draft: Manifest
    """Everything but profile, evidence, lineage and members."""
    model: bytes
    golden: bytes
    reference: bytes
    comparison: Comparison


def convert(run: Run, formats: Iterable[Format], calibration: Pictures, folder: Path, say: Say) -> dict[Format, bytes]:
    """The model files of `run`, by format; `folder` takes what lies between, and the original's `ANSWERS`.

    Raises ModelError where a converter refused or crashed.
    """
    np.save(folder / "calibration.npy", calibration.frames)
    np.save(folder / "golden.npy", run.golden.frames)
    # TFLite first: the first job also asks the original, and ONNX has a second step to come.
    wanted = sorted(set(formats), reverse=True)
    say(f"Converting to {' and '.join(wanted)}: TensorFlow takes a while to start.")
    first, *others = (_job(run, folder, FROM_KERAS[name]) for name in wanted)
    asked = replace(first, golden=str(folder / "golden.npy"), answers=str(folder / ANSWERS))
    run_together([asked, *others], folder)
    if "onnx" in wanted:
        run_together([replace(_job(run, folder, "onnx-int8"), model=str(folder / "onnx-float"))], folder)
    return {name: (folder / FINISHED[name]).read_bytes() for name in wanted}


def examine(run: Run, format: Format, model: bytes, source: NDArray[np.float32], limits: Limits) -> Artifact:
    """Run `model` as a device would on the run's golden pictures, and compare it with `source`, the float answers.

    Raises GateError where it is not the same model, ModelError where it does not fit the run.
    """
    where = f"{run.settings.name} as {format}"
    draft = _draft(run, format, model, source, where)
    output = draft.outputs[0]
    with closing(load_model(draft, digest_of(model), model)) as loaded:
        raw = np.concatenate([loaded.outputs_for(frame)[output.name] for frame in run.golden.frames])
    scores = dequantise(raw, output)
    comparison = compare(source, scores, run.golden.labels, where=where)
    judge(comparison, limits, where=where)
    rules, golden = _known(run, raw, scores, output, where)
    finished = replace(draft, golden=rules)
    # The test every device makes before it serves, made once here, on a model loaded anew.
    with closing(load_model(finished, digest_of(model), model)) as loaded:
        check_golden(loaded, golden)
    reference = artifact_reference(run, finished, {output.name: raw})
    return Artifact(finished, model, golden, reference, comparison)


def _known(
    run: Run, raw: NDArray[np.generic], scores: NDArray[np.float32], output: TensorSpec, where: str
) -> tuple[Golden, bytes]:
    """Golden frames with the artifact's own answers: the rule for the manifest, and the member."""
    allowed = known_answers.tolerance(output, scores)
    chosen = known_answers.choose(run.golden.labels, scores, allowed)
    if len(chosen) == 0:
        raise GateError(
            "no picture gets an answer sure enough to be known again on a device",
            where=where,
            fix="Train longer, or on more pictures.",
        )
    packed = pack_golden(run.golden.frames[chosen], {output.name: raw[chosen]})
    return Golden(frames=len(chosen), tolerance=allowed), packed


def _job(run: Run, folder: Path, kind: Kind) -> Job:
    return Job(
        kind=kind,
        model=str(run.model.resolve()),
        origin=str(run.model),
        preprocessing=run.settings.preprocessing,
        frames=str(folder / "calibration.npy"),
        out=str(folder / kind),
    )


def _draft(run: Run, format: Format, model: bytes, source: NDArray[np.float32], where: str) -> Manifest:
    """The manifest as far as model and run decide it."""
    with closing(open_backend(format, model)) as backend:
        inputs, outputs = backend.inputs, backend.outputs
    classes = len(run.dataset.labels)
    if len(outputs) != 1 or outputs[0].shape != (1, classes):
        shapes = ", ".join(str(output.shape) for output in outputs)
        raise ModelError(f"it answers {shapes}, expected (1, {classes})", where=where, fix="Train again.")
    ready = bool(source.min() >= 0 and source.max() <= 1)
    return Manifest(
        name=run.settings.name,
        version=1,
        task=run.settings.task,
        profile="",
        format=format,
        model=f"model.{format}",
        inputs=inputs,
        preprocessing=run.settings.preprocessing,
        outputs=outputs,
        decoding=Classify(scores=outputs[0].name, activation="none" if ready else "softmax"),
        labels=run.dataset.labels,
    )
