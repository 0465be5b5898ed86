"""One conversion at work: every file the targets need, each asked once, judged, and made into an artifact.

The folder holds what lies between steps; what a file of it is called is `converters/make.py`'s matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from contract.errors import GateError
from contract.manifest import Classify
from converters.artifacts import Answered, Artifact, artifact_of, ask
from converters.draft import draft_of
from converters.finding import raise_errors
from converters.judging import Bench
from converters.label_order import lint_labels
from converters.ladder import Attempt, Ladder, Rung, climb
from converters.layer_errors import LayerError, layer_errors, worst
from converters.make import Say, make, source_answers
from converters.measures import centred_correlation
from converters.onnx_form import PLAIN, OnnxForm
from converters.recipe import Recipe, float_of, format_of
from converters.sameness import Answers
from converters.source import Source
from converters.spread import spread
from converters.targets import Target
from converters.trained_int8 import trained_source
from converters.verdict import Limits, Verdict, raise_refusal
from converters.ways import WAYS, origin_of

LOOKED_AT = 12
"""Pictures by which layers are compared: every tensor in between is kept for each."""
MOST_FLOAT_LAYERS = 16
FEWEST_LABELLED = 100
"""Pictures of known classes without which an 8-bit file is not taken where 16 bits are the rule."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A file that went through the gate, with whatever came of it."""

    recipe: Recipe
    words: str
    """How it was made, e.g. `tflite-int8 with 4 layers in floating point`."""
    path: Path
    answered: Answered
    verdict: Verdict


class Workshop:
    """Where one source becomes artifacts."""

    def __init__(self, source: Source, folder: Path, limits: Limits, say: Say) -> None:
        self._source, self._folder, self._limits, self._say = source, folder, limits, say
        self._origin = origin_of(source)
        self._by_path: dict[Path, Judged] = {}
        self._artifacts: dict[tuple[Path, bool], Artifact] = {}
        self.truth: Answers = {}
        """What the original says to the golden frames, once `prepare` has asked it."""
        self.layers: dict[Recipe, tuple[LayerError, ...]] = {}
        """Where 8-bit models lost most, for those that were refused."""

    @property
    def judged(self) -> tuple[Judged, ...]:
        """Every file so far, those refused too."""
        return tuple(self._by_path.values())

    def prepare(self, targets: Sequence[Target], also: Sequence[Recipe]) -> None:
        """Make every file that will be needed, side by side, while the original is asked about the golden frames."""
        golden = self._source.golden.frames
        grouped = _by_form(targets, also, narrower=self._source.golden.labelled)
        self._form = next(iter(grouped))
        for form, recipes in grouped.items():
            wanted = list(filter(self._has_way, [*recipes, *map(float_of, recipes)]))
            make(self._source, wanted, self._folder, form=form, golden=golden, say=self._say)
        self.truth = source_answers(self._source, golden, self._folder)
        self._check_labels(self.truth)
        self._check_reference()
        self._bench = Bench(self._source, self.truth, self._exact(), self._limits, self._folder, self._say)

    def _check_labels(self, truth: Answers) -> None:
        """DataError where the labels cannot be those of the model's classes; warnings are said."""
        if not isinstance(self._source.decoding, Classify):
            return
        findings = lint_labels(truth[self._source.decoding.scores], self._source.golden, self._source.labels)
        raise_errors(findings, where=f"labels of {self._source.origin}")
        for finding in findings:
            self._say(f"Labels: {finding.what}. {finding.fix}")

    def _check_reference(self) -> None:
        """GateError where the file that is said to be the same network answers otherwise."""
        other = self._source.reference
        if other is None:
            return
        folder = self._folder / "reference"
        folder.mkdir(exist_ok=True)
        theirs = source_answers(other, other.golden.frames, folder)
        named = dict(zip(self._source.outputs, theirs.values(), strict=True))
        for name, answers in self.truth.items():
            near = centred_correlation(named[name], answers)
            if near < self._limits.min_correlation:
                raise GateError(
                    f"it is not the network of {other.origin}: output {name!r} correlates by {near:.2f} with it",
                    where=self._source.origin,
                    fix="Give another file to --reference, or leave it out.",
                )

    def artifact(self, target: Target, *, reduced: bool) -> Artifact:
        """What `target` asks for, or the nearest to it that holds; `reduced`: the device computes in fewer bits.

        GateError where none is the same model, ModelError where it cannot be made.
        """
        floats = self._floats(target.recipe, target.form)
        if floats is not None:
            raise_refusal(floats.verdict, where=self._where(floats.recipe))
        judged = self._narrower(target) or self._climbed(target)
        key = (judged.path, reduced)
        if key not in self._artifacts:
            self._artifacts[key] = artifact_of(
                self._source, judged.recipe, judged.words, judged.answered, judged.verdict, reduced=reduced
            )
        return self._artifacts[key]

    def _narrower(self, target: Target) -> Judged | None:
        """The file the device is faster with, where it holds on enough pictures of known classes to say so."""
        golden = self._source.golden
        if not golden.labelled or len(golden.frames) < FEWEST_LABELLED:
            return None
        tried = [self._judge(Rung("quantise", recipe), target.form, whole=False) for recipe in target.narrower]
        return next((judged for judged in tried if judged.verdict.passed), None)

    def compare(self, recipes: Sequence[Recipe]) -> None:
        """Judge these as well, for the table; a refusal is told there and is no error."""
        for recipe in filter(self._has_way, recipes):
            self._judge(Rung("quantise", recipe), self._form, whole=False)

    def _climbed(self, target: Target) -> Judged:
        """The ladder of `converters/ladder.py` with our converters and our gate."""

        def convert(rung: Rung) -> Judged:
            form = replace(target.form, reduce_range=True) if rung.kind == "seven-bits" else target.form
            return self._judge(rung, form, whole=target.whole_int8)

        def judge(judged: Judged) -> None:
            raise_refusal(judged.verdict, where=self._where(judged.recipe))

        climbable = target.recipe != float_of(target.recipe) and not target.whole_int8
        ladder = Ladder(
            recipe=target.recipe,
            convert=convert,
            judge=judge,
            worst_layers=partial(self._worst_layers, form=target.form) if climbable else None,
            seven_bits=target.seven_bits_next,
            train=partial(self._trained, target) if self._trained_for(target.recipe) else None,
            train_first=True,
            wider=target.wider,
        )
        outcome = climb(ladder, self._say)
        if outcome.made is None:
            raise self._refusal(target.recipe, outcome.attempts)
        return outcome.made

    def _refusal(self, recipe: Recipe, attempts: Sequence[Attempt]) -> GateError:
        """Why the first thing tried did not hold, and what did not help."""
        tried = "; ".join(attempt.rung.words for attempt in attempts[1:])
        more = f" (nor did this help: {tried})" if tried else ""
        refused = next((one.verdict for one in self.judged if one.recipe == recipe), None)
        fix = refused.fix if refused is not None and refused.fix else "Convert from where the model was trained."
        return GateError(f"{attempts[0].refusal}{more}", where=self._where(recipe), fix=fix)

    def _judge(self, rung: Rung, form: OnnxForm, *, whole: bool) -> Judged:
        path = make(
            self._source,
            [rung.recipe],
            self._folder,
            keep_float=rung.keep_float,
            form=form,
            whole_int8=whole,
            say=self._say,
        )[rung.recipe]
        return self._judged_file(rung, form, path)

    def _trained_for(self, recipe: Recipe) -> bool:
        return self._source.trained_int8 is not None and recipe in ("tflite-int8", "onnx-int8")

    def _trained(self, target: Target) -> Judged:
        """What the run trained with the rounding in view, as this target reads it."""
        folder = self._folder / "trained"
        folder.mkdir(exist_ok=True)
        source = trained_source(self._source, folder)
        assert source is not None, "asked for where there is none"
        path = make(
            source, [target.recipe], folder, form=target.form, whole_int8=target.whole_int8, say=self._say
        )[target.recipe]  # fmt: skip
        return self._judged_file(Rung("train", target.recipe), target.form, path)

    def _judged_file(self, rung: Rung, form: OnnxForm, path: Path) -> Judged:
        if path not in self._by_path:
            model = path.read_bytes()
            answered = ask(self._source, draft_of(self._source, rung.recipe, model), model)
            floats = self._floats(rung.recipe, form)
            beside = None if floats is None else floats.answered
            verdict = self._bench.verdict(rung.recipe, path, answered, beside)
            words = rung.words if rung.kind in ("mixed", "seven-bits", "train") else rung.recipe
            self._by_path[path] = Judged(rung.recipe, words, path, answered, verdict)
        return self._by_path[path]

    def _floats(self, recipe: Recipe, form: OnnxForm) -> Judged | None:
        """The float artifact of the same format, where there is a way to it and it is not the artifact itself."""
        floats = float_of(recipe)
        if floats == recipe or not self._has_way(floats):
            return None
        return self._judge(Rung("quantise", floats), form, whole=False)

    def _worst_layers(self, judged: Judged, form: OnnxForm) -> Sequence[str]:
        floats = self._floats(judged.recipe, form)
        if floats is None:
            return ()
        frames = self._folder / "looked-at.npy"
        golden = self._source.golden.frames
        np.save(frames, golden[spread(len(golden), LOOKED_AT)])
        found = layer_errors(self._source, judged.recipe, floats.path, judged.path, frames, self._folder)
        self.layers[judged.recipe] = found
        return worst(found, MOST_FLOAT_LAYERS)

    def _where(self, recipe: Recipe) -> str:
        return f"{self._source.name} as {recipe}"

    def _has_way(self, recipe: Recipe) -> bool:
        return recipe in WAYS[self._origin]

    def _exact(self) -> bool:
        """Whether the source is in floating point: what was rounded before comes back near, and not equal."""
        return self._origin in ("tensorflow", "onnx", "tflite-float32")


def _by_form(targets: Sequence[Target], also: Sequence[Recipe], *, narrower: bool) -> dict[OnnxForm, list[Recipe]]:
    """Recipes that one call can make: those of one ONNX form, and with the first TFLite files, which heed none."""
    wanted = [(target.form, recipe) for target in targets for recipe in (target.recipe, *_tried(target, narrower))]
    forms = list(dict.fromkeys(form for form, recipe in wanted if format_of(recipe) == "onnx")) or [PLAIN]
    grouped: dict[OnnxForm, list[Recipe]] = {form: [] for form in forms}
    for form, recipe in wanted:
        grouped[form if format_of(recipe) == "onnx" else forms[0]].append(recipe)
    grouped[forms[0]] += also
    return {form: list(dict.fromkeys(recipes)) for form, recipes in grouped.items()}


def _tried(target: Target, narrower: bool) -> tuple[Recipe, ...]:
    return target.narrower if narrower else ()
