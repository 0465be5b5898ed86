"""One artifact through all its stages: who is asked, on which pictures, and what the gate says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contract.errors import BackendError, ModelError
from converters.artifacts import Answered
from converters.gate import Stage, judge
from converters.jobs import Job, run_together
from converters.recipe import Recipe, float_of, format_of
from converters.sameness import Answers
from converters.source import Source
from converters.stages import EMULATION, Kernels, emulated_pictures, second_libraries
from converters.verdict import Limits, Verdict
from converters.ways import WAYS, origin_of
from edge.quantisation import dequantise


@dataclass(frozen=True, slots=True)
class Bench:
    """Where artifacts of one source are judged."""

    source: Source
    truth: Answers
    """The source's own answers to its golden frames."""
    exact: bool
    """Whether a float artifact has the very weights of the source, and may differ by roundings alone."""
    limits: Limits
    folder: Path
    say: Callable[[str], None]

    def verdict(self, recipe: Recipe, model: Path, answered: Answered, floats: Answered | None) -> Verdict:
        """What the gate says of `model`; `answered` is the device's own run of it.

        `floats` is the same of the float artifact of that format, where there is one beside it.
        """
        truth = self.source.golden.truth
        whole = np.arange(len(self.source.golden.frames))
        if float_of(recipe) == recipe:
            stages = [Stage("float", answered.by, real_answers(answered), whole)]
        else:
            first = [] if floats is None else [Stage("float", floats.by, real_answers(floats), whole)]
            own = Stage("kernels", answered.by, real_answers(answered), whole)
            stages = [*first, *self._asked(recipe, model, answered), own]
        same = not self.exact and WAYS[origin_of(self.source)][recipe][-1].endswith("-still")
        return judge(answered.draft, self.truth, stages, truth, self.limits, exact=self.exact, same_numbers=same)

    def _asked(self, recipe: Recipe, model: Path, answered: Answered) -> Iterator[Stage]:
        """The emulation, and each further library that is installed; one that cannot run the file is left out."""
        format = format_of(recipe)
        pictures = emulated_pictures(self.source.golden.frames)
        for kernels in (EMULATION[format], *second_libraries(format)):
            try:
                answers = self._answers(kernels, model, answered, pictures)
            except (ModelError, BackendError) as problem:
                self.say(f"Not compared by {kernels}: {problem.what}.")
                continue
            yield Stage("emulated" if kernels == EMULATION[format] else "kernels", kernels, answers, pictures)

    def _answers(self, kernels: Kernels, model: Path, answered: Answered, pictures: NDArray[np.int64]) -> Answers:
        """By output, in a process of its own."""
        name = f"{model.stem}:{kernels}"
        frames, out = self.folder / f"{name}.npy", self.folder / f"{name}.npz"
        np.save(frames, self.source.golden.frames[pictures])
        job = Job(
            task="kernels",
            name=name,
            model=str(model),
            source_kind="onnx" if answered.draft.format == "onnx" else "tflite",
            origin=self.source.origin,
            preprocessing=answered.draft.preprocessing,
            outputs=self.source.outputs,
            states=self.source.states,
            frames=str(frames),
            out=str(out),
            kernels=kernels,
        )
        run_together([job], self.folder)
        with np.load(out) as answers:
            return {output: answers[str(place)] for place, output in enumerate(self.source.outputs)}


def real_answers(answered: Answered) -> Answers:
    """Of the device's own run, by output."""
    return {spec.name: dequantise(answered.raw[spec.name], spec) for spec in answered.draft.outputs}
