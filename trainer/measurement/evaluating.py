"""`edgeferry evaluate`: a run or a bundle measured on labelled pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from contract.errors import DataError
from contract.intervals import share_interval
from contract.manifest import Share
from contract.run import SETTINGS, Scores
from trainer.data.dataset import Pictures
from trainer.data.held_back import LABELLED, Chosen, Wanted, choose
from trainer.data.origin import Origin, open_origin
from trainer.detection.detectors import task_of
from trainer.detection.evaluating import EvaluatedDetector, evaluate_detector
from trainer.measurement.appraisal import Circumstances, Scored, appraise
from trainer.measurement.classifiers import Classifier, Kind, RunClassifier, open_classifier
from trainer.measurement.evaluation import score
from trainer.measurement.evaluation_page import pictures_to_show, write_page
from trainer.measurement.evaluation_plan import Plan, make_plan
from trainer.measurement.measures import Evaluation, GoalTable
from trainer.measurement.own_evaluation import own_evaluation
from trainer.measurement.robustness import robustness
from trainer.settings import TrainConfig, load_config


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
    evaluation: Evaluation
    """Every further figure, with its interval."""

    @property
    def goals(self) -> GoalTable | None:
        """What became of the run's goals; None where it has none."""
        return self.evaluation.goals


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is measured beside the usual."""

    robustness: bool = False
    slices: tuple[str, ...] = ()
    config: Path | None = None
    """A `train.toml` whose `[evaluation]` and `[goals]` are taken; a run has its own."""
    report: Path | None = None
    """Where a page is written."""


def evaluate(
    path: Path,
    text: str,
    *,
    split: Wanted,
    seed: int | None,
    skip_unreadable: bool,
    wishes: Wishes | None = None,
    said: Callable[[str], None] | None = None,
) -> Evaluated | EvaluatedDetector:
    """Measure the model at `path` on the pictures `text` names; `seed` is its training's, where that is not kept.

    `said` hears how far it is, where that takes minutes.
    """
    wishes = wishes or Wishes()
    if task_of(path) == "detect":
        return evaluate_detector(path, text, split=split, seed=seed, skip_unreadable=skip_unreadable)
    model = open_classifier(path)
    origin = open_origin(text)
    _check_labels(origin, model, path)
    plan = _plan(origin, model, wishes)
    trained_on = model.trained_on if seed is None else replace(model.trained_on, seed=seed)
    reading = msgspec.structs.replace(trained_on.settings, skip_unreadable=skip_unreadable)
    chosen = choose(origin, model.preprocessing, trained_on, split, reading, LABELLED)
    test = _scored(chosen.pictures, origin, model)
    scores = score(test.pictures.labels, test.answers, model.labels)
    evaluated = Evaluated(
        model=str(path),
        kind=model.kind,
        release=model.release,
        data=text,
        split=chosen.split,
        held_back=chosen.held_back,
        scores=scores,
        accuracy_range=share_interval(scores.accuracy, scores.pictures),
        evaluation=appraise(test, plan, _circumstances(chosen, origin, model, test, plan, trained_on.seed, said)),
    )
    if wishes.report is not None:
        write_page(wishes.report, evaluated, pictures_to_show(model, test))
    return evaluated


def _plan(origin: Origin, model: Classifier, wishes: Wishes) -> Plan:
    """By the settings of the run, or of the file that was named; options win."""
    config: TrainConfig = TrainConfig()
    where = "command line"
    if wishes.config is not None:
        config, where = load_config(wishes.config), str(wishes.config)
    elif isinstance(model, RunClassifier):
        config, where = model.run.settings, str(model.run.path / SETTINGS)
    changes = {"robustness": config.evaluation.robustness or wishes.robustness}
    settings = msgspec.structs.replace(config.evaluation, **changes)
    if wishes.slices:
        settings = msgspec.structs.replace(settings, slices=wishes.slices)
    elif wishes.config is None:  # columns of the training data, which these pictures need not have
        settings = msgspec.structs.replace(settings, slices=())
    return make_plan(
        settings, config.goals, task="classify", labels=model.labels, listed=origin.pictures, where=where,
        other_pictures=wishes.config is None,
    )  # fmt: skip


def _circumstances(
    chosen: Chosen[Pictures],
    origin: Origin,
    model: Classifier,
    test: Scored,
    plan: Plan,
    seed: int,
    said: Callable[[str], None] | None,
) -> Circumstances:
    robust = None
    if plan.settings.robustness:
        limit = plan.settings.robustness_pictures
        robust = robustness(model.answers, test.pictures, limit=limit, seed=seed, said=said)
    before = own_evaluation(model.run) if isinstance(model, RunClassifier) else None
    watched = chosen.validation if before is None else None
    return Circumstances(
        labels=model.labels,
        seed=seed,
        listed={picture.name: picture for picture in origin.pictures},
        validation=None if watched is None else _scored(watched, origin, model),
        before=before,
        robust=robust,
        size_mb=model.size_bytes() / 1e6,
    )


def _scored(pictures: Pictures, origin: Origin, model: Classifier) -> Scored:
    scores, answers = model.scored(pictures.frames)
    return Scored(replace(pictures, labels=_truth(pictures, origin, model)), scores, answers)


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
