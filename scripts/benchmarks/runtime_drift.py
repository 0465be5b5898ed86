"""Drift: how often unchanged pictures alarm, and how surely and how soon changed ones do.

Digits: trained with nearly half of the pictures held back, converted to int8; of those held back, half make the
reference and the other half the windows, anew in every split. Photographs (clothing, 175 of them, with a published
classifier) are the hard case: they differ among themselves far more than scans do.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import mean, median, stdev
from time import perf_counter
from typing import NamedTuple

import numpy as np

from contract.drift import Drift
from contract.manifest import Classify, Manifest, Preprocessing, TensorSpec
from contract.result import ClassScore, Result
from edge.backends import open_backend
from edge.drift.features import Measurer, PictureFeatures
from edge.drift.power import Change, blur, brightness, noise
from edge.drift.profile import Answers, reference_of
from edge.drift.watch import DriftWatch
from edge.drift.window import Judge
from edge.frames import Frame, Pixels
from edge.model import LoadedModel, load_model
from edge.pictures import read_picture
from edge.postprocess import decode
from edge.preprocess import fit
from scripts.benchmarks._drift_digits import held_back_digits
from scripts.benchmarks.figure import Figure, at_most

ROOT = Path(__file__).resolve().parent.parent.parent
SHARED = Path(os.environ.get("EDGEFERRY_SHARED_DATA", ROOT.parent / "shared" / "data"))
FALSE_ALARMS, POWER = 0.01, 0.95
WINDOW, SERIES = 50, 10
"""Frames of a window, and windows within which a change must be seen."""
MODERATE: dict[str, Change] = {"brightness_x0.7": brightness(0.7), "blur_1.5px": blur(1.5), "noise_12": noise(12.0)}
WEAKER: dict[str, Change] = {"brightness_x0.9": brightness(0.9), "blur_0.5px": blur(0.5), "noise_4": noise(4.0)}
MIX, WEAKER_MIX = 0.6, 0.4
"""Share of the frames that two classes take up together; with ten classes it was about 0.2."""


class Seen(NamedTuple):
    """One picture, measured and answered."""

    features: PictureFeatures
    label: str
    confidence: float


class Set(NamedTuple):
    """A set of held-back pictures, unchanged and changed."""

    clean: list[Seen]
    changed: dict[str, list[Seen]]
    frames: Pixels
    labels: tuple[str, ...]


def figures(short: bool) -> dict[str, Figure]:
    """Alarms on unchanged windows, changes seen within ten windows, and what a sampled frame costs."""
    splits = 10 if short else 40
    found: dict[str, Figure] = {}
    with tempfile.TemporaryDirectory() as folder:
        digits = _digits(Path(folder))
    found |= _of("digits", digits, splits, goals=True)
    if SHARED.is_dir():
        found |= _of("photographs", _photographs(), splits, goals=False)
    return found | _costs()


def _of(name: str, pictures: Set, splits: int, *, goals: bool) -> dict[str, Figure]:
    draws = np.random.default_rng(1)
    clean: list[float] = []
    flagged: dict[str, list[float]] = {}
    for _ in range(splits):
        order = draws.permutation(len(pictures.clean))
        half = len(order) * (1 if goals else 3) // (2 if goals else 5)
        known, held_back = order[:half], order[half:]
        judge = _judge(pictures, known)
        clean.append(mean(_drift(judge, _drawn(pictures.clean, held_back, draws)).any for _ in range(100)))
        for change, seen in pictures.changed.items():
            flagged.setdefault(change, []).append(_flagged(judge, partial(_drawn, seen, held_back, draws)))
        for share in (MIX, WEAKER_MIX):
            mixed = _mixer(pictures, held_back, share, draws)
            flagged.setdefault(f"class_mix_{share}", []).append(_flagged(judge, mixed))
    upper = mean(clean) + 1.645 * stdev(clean) / len(clean) ** 0.5
    unit = f"of {100 * splits} windows, {splits} splits"
    found = {
        f"{name}_clean_windows_alarmed": at_most(mean(clean), FALSE_ALARMS, unit)
        if goals
        else Figure(mean(clean), unit),
        f"{name}_clean_windows_alarmed_upper": Figure(upper, "upper 95 % bound of that mean"),
        f"{name}_clean_windows_alarmed_worst": Figure(max(clean), "in the worst split"),
    }
    promised = {*MODERATE, f"class_mix_{MIX}"} if goals else set()
    return found | {f"{name}_{change}": _power(mean(shares), change in promised) for change, shares in flagged.items()}


def _power(share: float, promised: bool) -> Figure:
    unit = f"of series, within {SERIES} windows"
    return Figure(share, unit, f"at least {POWER}", share >= POWER) if promised else Figure(share, unit)


def _judge(pictures: Set, known: np.ndarray) -> Judge:
    chosen = [pictures.clean[index] for index in known]
    answers = Answers([one.label for one in chosen], np.array([one.confidence for one in chosen]))
    made = reference_of(pictures.frames[known], answers, pictures.labels, made_with="tflite", measured=False)
    assert made.calibration is not None
    return Judge(made, made.calibration.thresholds)


def _drift(judge: Judge, seen: Sequence[Seen]) -> Drift:
    window = judge.new_window()
    for one in seen:
        window.add_picture(one.features)
        window.add_answer(one.label, one.confidence, None)
    return judge.judge(window)


def _drawn(seen: list[Seen], held_back: np.ndarray, draws: np.random.Generator) -> list[Seen]:
    return [seen[index] for index in draws.choice(held_back, WINDOW, replace=False)]


def _flagged(judge: Judge, window: Callable[[], list[Seen]], series: int = 10) -> float:
    """Share of series in which a window alarmed."""
    return mean(any(_drift(judge, window()).any for _ in range(SERIES)) for _ in range(series))


def _mixer(pictures: Set, held_back: np.ndarray, share: float, draws: np.random.Generator) -> Callable[[], list[Seen]]:
    """Windows in which two classes take up `share` of the frames, as answered."""
    labels = np.array([pictures.clean[index].label for index in held_back])
    common, counts = np.unique(labels, return_counts=True)
    pair = draws.choice(common, 2, replace=False, p=counts / counts.sum())
    favoured = np.isin(labels, pair)
    odds = np.where(favoured, share / favoured.sum(), (1 - share) / (~favoured).sum())
    return lambda: [pictures.clean[index] for index in draws.choice(held_back, WINDOW, p=odds)]


def _digits(folder: Path) -> Set:
    """Digits that a network trained on the others has never seen, through its int8 file."""
    with held_back_digits(folder) as digits:
        return _set(digits.frames, digits.model)


def _photographs() -> Set:
    """Clothing photographs through a published ImageNet classifier."""
    data = (SHARED / "models/tflite/mobilenet_v1_0.25_128_quant.tflite").read_bytes()
    with closing(open_backend("tflite", data)) as backend:
        inputs, outputs = backend.inputs, backend.outputs
    labels = tuple(map(str, range(outputs[0].shape[-1])))
    prep = Preprocessing(size_wh=(128, 128), mean=(128.0,), std=(128.0,))
    manifest = _manifest(prep, inputs, outputs, labels=labels)
    paths = sorted((SHARED / "clothing").rglob("*.jpg"))
    frames = np.stack([fit(read_picture(path), manifest.preprocessing) for path in paths])
    with closing(load_model(manifest, "sha256:" + "0" * 64, data)) as model:
        return _set(frames, model)


def _manifest(
    prep: Preprocessing, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], *, labels: tuple[str, ...]
) -> Manifest:
    return Manifest(
        name="benchmark",
        version=1,
        task="classify",
        profile="generic-x86_64",
        format="tflite",
        model="model.tflite",
        inputs=inputs,
        preprocessing=prep,
        outputs=outputs,
        decoding=Classify(scores=outputs[0].name if outputs else ""),
        labels=labels,
    )


def _set(frames: Pixels, model: LoadedModel) -> Set:
    draws = np.random.default_rng(0)
    changed = {
        name: seen_by([change(picture, draws) for picture in frames], model)
        for name, change in {**MODERATE, **WEAKER}.items()
    }
    return Set(seen_by(frames, model), changed, frames, model.manifest.labels)


def seen_by(frames: Sequence[Pixels] | Pixels, model: LoadedModel) -> list[Seen]:
    """Features and first answer of each of the fitted `frames`."""
    measurer = Measurer(frames[0].shape)
    found = []
    for picture in frames:
        classes = decode(model.outputs_for(picture), model.manifest).classes
        assert isinstance(classes, tuple)
        found.append(Seen(measurer.measure(picture), classes[0].label, classes[0].score))
    return found


def _costs(rounds: int = 500) -> dict[str, Figure]:
    """Of `DriftWatch.answer` on a 96x96 frame for a 96x96 model: one that is looked at, and one that is not."""
    draws = np.random.default_rng(0)
    frames = draws.integers(0, 256, (100, 96, 96, 3), np.uint8)
    made = reference_of(frames, Answers(["a"] * 100, draws.random(100)), ("a",), made_with="tflite")
    manifest = _manifest(Preprocessing(size_wh=(96, 96)), (), (), labels=("a",))
    watch = DriftWatch(made, manifest)
    answer = ClassScore(index=0, label="a", score=0.5)
    result = Result(source="", frame=0, captured_at="", model="", digest="", classes=(answer,))
    due = [Frame("", number, 0.0, 2.0 * number, frames[number % 100]) for number in range(rounds)]
    looked_at = median(_seconds(watch, frame, result) for frame in due)
    passed_by = median(_seconds(watch, due[-1], result) for _ in due)
    return {
        "sampled_frame": at_most(looked_at * 1e6, 100, "us, 96x96"),
        "frame_not_sampled": Figure(passed_by * 1e6, "us"),
    }


def _seconds(watch: DriftWatch, frame: Frame, result: Result) -> float:
    begun = perf_counter()
    watch.answer(frame, result)
    return perf_counter() - begun
