"""A trained model measured on its test split: the file as it was saved, not the model in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from contract.intervals import share_interval
from contract.run import MODEL
from trainer import record
from trainer.architecture.foretelling import foretold, latency_evidence
from trainer.data.dataset import Prepared
from trainer.learning.fitting import Fitted
from trainer.learning.inference import open_keras, scores_of
from trainer.learning.weights import weights_digest
from trainer.measurement import measures
from trainer.measurement.appraisal import Circumstances, Scored, appraise
from trainer.measurement.evaluation import first_answers, score
from trainer.measurement.evaluation_plan import make_plan
from trainer.measurement.mistakes import worst_mistakes
from trainer.measurement.reference import reference
from trainer.measurement.robustness import robustness
from trainer.measurement.saliency import surest_right, with_saliency
from trainer.settings import Resolved


def measure(folder: Path, data: Prepared, settings: Resolved, fitted: Fitted) -> record.Record:
    """Everything a run says about the model in `folder`."""
    model = open_keras(folder / MODEL)
    test = data.splits["test"]
    scores = scores_of(model, test.frames, settings.preprocessing)
    on_test = score(test.labels, first_answers(scores), data.labels)
    predicted = foretold(model, settings)
    further = latency_evidence(predicted)
    evaluation = _evaluation(folder, model, data, settings, Scored(test, scores, first_answers(scores)), further)
    metrics = record.TrainingMetrics(
        weights=weights_digest(model),
        test=on_test,
        epochs=fitted.epochs,
        seconds=round(fitted.seconds, 3),
        threads=settings.training.threads,
        accuracy_range=share_interval(on_test.accuracy, on_test.pictures),
        parameters=model.count_params(),
        kept_epoch=fitted.kept_epoch,
        pictures_per_s=round(fitted.pictures / fitted.seconds, 1),
        history=fitted.history,
        software=record.software(),
        machine=record.machine(),
        predicted=predicted,
        goals=evaluation.goals.verdict if evaluation.goals else None,
        evaluation=evaluation,
    )
    mistakes = worst_mistakes(test, scores, data.labels, colour=settings.preprocessing.colour)
    right = surest_right(test, scores, data.labels, colour=settings.preprocessing.colour)
    return record.Record(
        settings=settings,
        dataset=data.record,
        metrics=metrics,
        reference=reference(test.frames, scores, data.labels),
        mistakes=with_saliency(model, test, mistakes, data.labels, settings.preprocessing),
        right=with_saliency(model, test, right, data.labels, settings.preprocessing),
    )


def _evaluation(
    folder: Path,
    model: keras.Model,
    data: Prepared,
    settings: Resolved,
    test: Scored,
    further: Mapping[str, measures.Ranged],
) -> measures.Evaluation:
    """Every figure of the test split; the validation split gives temperature and thresholds."""
    plan = make_plan(
        settings.evaluation, settings.goals, task=settings.task, labels=data.labels, listed=data.listed.values()
    )

    def scores(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        return scores_of(model, frames, settings.preprocessing)

    validation = data.splits["validation"]
    watched = scores(validation.frames)
    robust = None
    if plan.settings.robustness:
        limit = plan.settings.robustness_pictures
        robust = robustness(
            lambda frames: first_answers(scores(frames)), test.pictures, limit=limit, seed=settings.seed
        )
    about = Circumstances(
        labels=data.labels,
        seed=settings.seed,
        listed=data.listed,
        validation=Scored(validation, watched, first_answers(watched)),
        robust=robust,
        size_mb=(folder / MODEL).stat().st_size / 1e6,
        further=further,
    )
    return appraise(test, plan, about)
