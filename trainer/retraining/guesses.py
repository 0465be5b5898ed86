"""What a model says about a kept picture: the device's own answer, or that of a newer bundle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contract.result import ClassScore, Detection, Result
from edge.bundles import UNVERIFIED, read_bundle
from edge.frames import Frame, Pixels
from edge.model import load_model
from edge.pipeline import run_frame
from edge.scene.unsure import unsure
from trainer.settings import usable_cores


@dataclass(frozen=True, slots=True)
class Guess:
    """A model's answer to one picture; without a label where there was none."""

    label: str = ""
    score: float = 0.0
    unsure: bool = True
    """By the rule devices keep pictures by."""
    detections: tuple[Detection, ...] | None = None
    """Of models that detect."""
    model: str = ""
    """`NAME@VERSION`."""


def guess_of(result: Result | None) -> Guess:
    """The first answer of `result`."""
    if result is None:
        return Guess()
    detections = result.detections if isinstance(result.detections, tuple) else None
    answers: list[ClassScore | Detection] = [*(result.classes or ()), *(detections or ())]
    best = max(answers, key=_score, default=None)
    return Guess(
        label=best.label if best else "",
        score=best.score if best else 0.0,
        unsure=best is None or unsure(result),
        detections=detections,
        model=result.model,
    )


class Guesser:
    """A bundle asked about pictures, as a device runs it. Whose signature it carries is not asked here."""

    def __init__(self, path: Path) -> None:
        bundle = read_bundle(path, UNVERIFIED)
        self.labels = bundle.manifest.labels
        self._model = load_model(bundle.manifest, bundle.digest, bundle.model, threads=usable_cores())

    def __enter__(self) -> Guesser:
        return self

    def __exit__(self, *problem: object) -> None:
        self._model.close()

    def guess(self, name: str, pixels: Pixels) -> Guess:
        """Its answer to (H, W, 3) uint8 BGR `pixels`."""
        return guess_of(run_frame(Frame.now(name, 0, pixels), self._model))


def _score(answer: ClassScore | Detection) -> float:
    return answer.score
