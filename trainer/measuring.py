"""A trained model measured on its test split: the file as it was saved, not the model in memory."""

from __future__ import annotations

from pathlib import Path

from contract.run import MODEL
from trainer import record
from trainer.dataset import Prepared
from trainer.evaluation import first_answers, likely_range, score
from trainer.fitting import Fitted
from trainer.inference import open_keras, scores_of
from trainer.mistakes import worst_mistakes
from trainer.reference import reference
from trainer.settings import Resolved
from trainer.weights import weights_digest


def measure(folder: Path, data: Prepared, settings: Resolved, fitted: Fitted) -> record.Record:
    """Everything a run says about the model in `folder`."""
    model = open_keras(folder / MODEL)
    test = data.splits["test"]
    scores = scores_of(model, test.frames, settings.preprocessing)
    on_test = score(test.labels, first_answers(scores), data.labels)
    metrics = record.TrainingMetrics(
        weights=weights_digest(model),
        test=on_test,
        epochs=fitted.epochs,
        seconds=round(fitted.seconds, 3),
        threads=settings.training.threads,
        accuracy_range=likely_range(on_test.accuracy, on_test.pictures),
        parameters=model.count_params(),
        kept_epoch=fitted.kept_epoch,
        pictures_per_s=round(fitted.pictures / fitted.seconds, 1),
        history=fitted.history,
        software=record.software(),
        machine=record.machine(),
    )
    return record.Record(
        settings=settings,
        dataset=data.record,
        metrics=metrics,
        reference=reference(test.frames, scores, data.labels),
        mistakes=worst_mistakes(test, scores, data.labels, colour=settings.preprocessing.colour),
    )
