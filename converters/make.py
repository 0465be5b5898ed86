"""One source becomes the artifacts that were asked for: which steps there are to take, each taken once.

`make` converts, `source_answers` asks the original; both leave the work to processes of their own
(`converters/jobs.py`). Nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from contract.digest import digest_of
from contract.errors import ModelError
from converters.jobs import Job, Task, run_together
from converters.onnx_form import PLAIN, OnnxForm
from converters.recipe import CALIBRATED, Recipe, format_of
from converters.source import Source
from converters.tflite_audit import audit
from converters.ways import Step, Way, origin_of, steps_to

Say = Callable[[str], None]
Frames = NDArray[np.generic]
_SEVERAL: tuple[Step, ...] = ("tensorflow-tflite", "tflite-quantise")
"""Steps whose result depends on the recipe; the others' does on what they read alone."""
_WRITES_ONNX: tuple[Step, ...] = ("tensorflow-onnx", "tflite-onnx")


def make(
    source: Source,
    recipes: Sequence[Recipe],
    folder: Path,
    *,
    keep_float: tuple[str, ...] = (),
    form: OnnxForm = PLAIN,
    whole_int8: bool = False,
    golden: Frames | None = None,
    say: Say,
) -> dict[Recipe, Path]:
    """The model files of `source`, by recipe, in `folder`, which also takes what lies between.

    What `folder` holds from an earlier call with the same source is used again, but for what depends on `keep_float`
    (layers left in floating point, named by `converters/layer_errors.py`) and `form`. `whole_int8` refuses TFLite files
    that are not int8 throughout. With `golden` frames the original is asked about them beside the conversions, for
    `source_answers` to find.

    Raises ModelError where there is no way, a converter refused, crashed, or wrote something else than it was asked
    for; MissingPartError for a package that is not installed.
    """
    origin = origin_of(source)
    ways = {recipe: steps_to(origin, recipe, where=source.origin) for recipe in dict.fromkeys(recipes)}
    if not (folder / "calibration.npy").is_file():
        _save(folder / "calibration.npy", source.calibration.frames)
    jobs: dict[str, Job] = {}
    made: dict[Recipe, Path] = {}
    for recipe, way in ways.items():
        if recipe in CALIBRATED and len(source.calibration.frames) == 0 and "quantise" in way[-1]:
            raise _no_pictures(source)
        steps = list(_steps(source, recipe, way, folder, keep_float, form))
        made[recipe] = Path(steps[-1].out)
        jobs |= {job.name: job for job in steps if not Path(job.out).is_file()}
    if golden is not None and not _answers_path(folder, golden).is_file():
        asking = _asking(source, golden, folder)
        jobs[asking.name] = asking
    if jobs:
        say(_sentence(source, tuple(ways)))
    run_together(_longest_first(list(jobs.values())), folder)
    if whole_int8 and "tflite-int8" in made:
        audit(made["tflite-int8"].read_bytes(), where=source.origin)
    return made


def source_answers(source: Source, frames: Frames, folder: Path) -> dict[str, NDArray[np.float32]]:
    """What the original says to `frames`, uint8 (N, H, W, C): float32 (N, ...) by output name, in the source's order.

    Asked in a process of its own, unless `make` has asked already. ModelError where it cannot be run.
    """
    path = _answers_path(folder, frames)
    if not path.is_file():
        run_together([_asking(source, frames, folder)], folder)
    with np.load(path) as answers:
        return {name: answers[str(place)] for place, name in enumerate(source.outputs)}


def _steps(
    source: Source, recipe: Recipe, way: Way, folder: Path, keep_float: tuple[str, ...], form: OnnxForm
) -> Iterator[Job]:
    """The jobs of one way, each reading what the one before wrote; named by all that decides their result."""
    model, name = source.model.resolve(), ""
    for step in way:
        last = step is way[-1]
        name = f"{name}+{step}" if name else step
        if step in _SEVERAL:
            name += f":{recipe}"
        kept = _form_of(step, form)
        if kept != _form_of(step, PLAIN):
            name += f":{digest_of(repr(kept).encode())[-8:]}"
        if last and keep_float:
            name += f":{digest_of(repr(keep_float).encode())[-8:]}"
        out = folder / f"{name}.{written_format(step)}"
        job = _job(source, step, name, model, out, folder / "calibration.npy")
        yield replace(job, recipe=recipe, keep_float=keep_float if last else (), form=kept)
        model = out


def _form_of(step: Step, form: OnnxForm) -> OnnxForm:
    """As much of `form` as the step heeds, so that what it does not change is not made twice."""
    if step in _WRITES_ONNX:
        return OnnxForm(opset=form.own_opset)
    if step == "onnx-still":
        return OnnxForm(opset=form.opset)
    return OnnxForm(symmetric=form.symmetric, reduce_range=form.reduce_range) if step == "onnx-quantise" else PLAIN


def _job(source: Source, task: Task, name: str, model: Path, out: Path, frames: Path) -> Job:
    return Job(
        task=task,
        name=name,
        model=str(model),
        source_kind=source.kind,
        origin=source.origin,
        preprocessing=source.preprocessing,
        outputs=source.outputs,
        states=source.states,
        frames=str(frames),
        out=str(out),
    )


def written_format(step: Step) -> str:
    """`onnx` or `tflite`: what the step writes."""
    return "onnx" if step.endswith("-onnx") or (step.startswith("onnx-") and step != "onnx-tflite") else "tflite"


def _asking(source: Source, frames: Frames, folder: Path) -> Job:
    out = _answers_path(folder, frames)
    asked = _save(out.with_name(f"{out.stem}.frames.npy"), frames)
    return _job(source, "answers", out.stem, source.model.resolve(), out, asked)


def _answers_path(folder: Path, frames: Frames) -> Path:
    digest = digest_of(repr(frames.shape).encode() + np.ascontiguousarray(frames).tobytes())
    return folder / f"answers-{digest[-8:]}.npz"


def _save(path: Path, frames: Frames) -> Path:
    np.save(path, frames)
    return path


def _longest_first(jobs: list[Job]) -> list[Job]:
    """Those that start TensorFlow before the rest, and quantisers before them: the last one ends the wait."""
    return sorted(jobs, key=lambda job: (job.recipe not in CALIBRATED, not job.task.startswith("tensorflow")))


def _sentence(source: Source, recipes: Sequence[Recipe]) -> str:
    names = " and ".join(sorted({format_of(recipe) for recipe in recipes}, reverse=True))
    start = ": TensorFlow takes a while to start" if source.kind in ("keras", "saved-model") else ""
    return f"Converting to {names}{start}."


def _no_pictures(source: Source) -> ModelError:
    return ModelError(
        "no pictures to choose the ranges of an 8-bit model from",
        where=source.origin,
        fix="Give a folder of some to --calibration.",
    )
