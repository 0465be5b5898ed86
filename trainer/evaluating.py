"""`edgeferry evaluate`: a run or a bundle measured on labelled pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from contract.errors import DataError
from contract.manifest import Share
from contract.run import Scores
from trainer.classifiers import Classifier, Kind, open_classifier
from trainer.dataset import Pictures
from trainer.evaluation import likely_range, score
from trainer.held_back import Wanted, choose
from trainer.origin import Origin, open_origin


class Evaluated(msgspec.Struct, frozen=True, kw_only=True):
    """What `edgeferry evaluate --json` prints."""

    model: str
    """The path as given."""
    kind: Kind
    release: str
    """The run's name, or the bundle's `NAME@VERSION`."""
    data: str
    split: str
    """`train`, `validation`, `test`, or `all`."""
    held_back: bool | None
    """Whether these pictures were kept from training; None where nobody can know."""
    scores: Scores
    accuracy_range: tuple[Share, Share]
    """95 % interval of the accuracy, from the number of pictures alone."""


def evaluate(path: Path, text: str, *, split: Wanted, seed: int | None, skip_unreadable: bool) -> Evaluated:
    """Measure the model at `path` on the pictures `text` names; `seed` is its training's, where that is not kept."""
    model = open_classifier(path)
    origin = open_origin(text)
    _check_labels(origin, model, path)
    trained_on = model.trained_on if seed is None else replace(model.trained_on, seed=seed)
    reading = msgspec.structs.replace(trained_on.settings, skip_unreadable=skip_unreadable)
    chosen = choose(origin, model.preprocessing, trained_on, split, reading)
    scores = score(_truth(chosen.pictures, origin, model), model.answers(chosen.pictures.frames), model.labels)
    return Evaluated(
        model=str(path),
        kind=model.kind,
        release=model.release,
        data=text,
        split=chosen.split,
        held_back=chosen.held_back,
        scores=scores,
        accuracy_range=likely_range(scores.accuracy, scores.pictures),
    )


def _check_labels(origin: Origin, model: Classifier, path: Path) -> None:
    unknown = [label for label in origin.labels if label not in model.labels]
    if unknown:
        raise DataError(
            f"the model knows no {', '.join(unknown[:5])}",
            where=f"{origin.text} for {path}",
            fix=f"Name the folders as its labels: {', '.join(model.labels[:10])}.",
        )


def _truth(pictures: Pictures, origin: Origin, model: Classifier) -> NDArray[np.int64]:
    """The labels in the model's numbering."""
    number = np.array([model.labels.index(label) for label in origin.labels], np.int64)
    numbered: NDArray[np.int64] = number[pictures.labels]
    return numbered
