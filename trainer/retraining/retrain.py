"""`edgeferry train --base RUN --add FOLDER`: a run trained on with more pictures, and measured against what it was.

The old pictures keep their splits, so the old test set is the very one the base was measured on; the added ones are
split by device and day. Whether the new model may take the base's place is decided on both test sets before the folder
is put in its place (`replacement.py`). What differs between tasks stands in `task.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from trainer import tracking
from trainer.detection.record import AnyRecord
from trainer.learning.checkpoints import When, forget, leftover_settled, place_of
from trainer.progress import Progress
from trainer.retraining.continued_settings import continued_settings, warm_settings
from trainer.retraining.gathered import Gathered, gather
from trainer.retraining.judge import Judge, RefusedError
from trainer.retraining.picture_kind import D, P
from trainer.retraining.replacement import SetCompared, Verdict
from trainer.retraining.task import R, Task
from trainer.retraining.wish import Wish
from trainer.run_folder import Run, building, open_run
from trainer.start import Start


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What `edgeferry train --base --json` prints beside what any training does."""

    base: str
    verdict: Verdict
    reasons: tuple[str, ...]
    doubts: tuple[str, ...]
    notes: tuple[str, ...]
    added: int
    """Pictures that came in addition."""
    known: int
    """Of those named, left out because the older data has them."""
    unlabelled: int
    as_guessed: int
    """Pictures added whose boxes are the very ones a model guessed."""
    old_test: tuple[float, float] | None
    """Before and after on the base's test pictures: accuracy, or mAP50-95 of a detector."""
    new_test: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Retrained:
    """A run trained on from another."""

    trained: Any
    """What is printed of any training of the task."""
    record: AnyRecord
    outcome: Outcome
    sets: tuple[SetCompared, ...]

    def flat(self) -> dict[str, Any]:
        """What `--json` prints: everything in one object."""
        return {**msgspec.structs.asdict(self.trained), **msgspec.structs.asdict(self.outcome)}


def retrain(
    wish: Wish, out: Path, *, force: bool, progress: Progress, interrupted: When = "ask", mlflow: str | None = None
) -> Retrained:
    """Train on, compare, and leave a run in `out`; `interrupted` and `mlflow` as in `trainer.training.train`.

    RefusedError where the new model is worse by the rule; then `out` is written only with `keep_refused`, and the
    verdict in it says so (the caller ends with the error's exit code).
    """
    run = open_run(wish.base)
    uri = tracking.wanted(mlflow, run.settings.tracking)
    with leftover_settled(out, interrupted, progress.say), building(out, force=force) as folder:
        place = Place(folder, out, fresh=interrupted == "fresh")
        if run.settings.task == "detect":
            from trainer.retraining.detectors import DETECTORS

            retrained = _retrained(DETECTORS, run, wish, place, progress)
        else:
            from trainer.retraining.classifiers import CLASSIFIERS

            retrained = _retrained(CLASSIFIERS, run, wish, place, progress)
    if uri:
        tracking.log_record(uri, out, retrained.record)
    return retrained


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run is made, and where it will be."""

    folder: Path
    out: Path
    fresh: bool
    """Whether a checkpoint that lies beside `out` is not gone on with."""


def _retrained(task: Task[P, D, R], run: Run, wish: Wish, place: Place, progress: Progress) -> Retrained:
    settings = continued_settings(run, wish)
    progress.say(f"Reading the data of {wish.base} and {', '.join(wish.add)}")
    made = gather(run, wish, settings, task.pictures)
    warm = Start(partial(task.warm, run, len(made.data.record.labels)), warm_settings(settings))
    judge = Judge(task, run, made, settings, place.folder, wish)
    start, kept = None if wish.from_scratch else warm, place_of(place.out)
    try:
        record = task.train(
            place.folder,
            made.data,
            settings,
            progress,
            checkpoints_at=kept,
            fresh=place.fresh,
            start=start,
            judged=judge.judged,
        )
    except RefusedError:
        forget(kept)  # it was trained to its end: there is nothing to go on with
        raise
    found = record.comparison
    assert found is not None
    return Retrained(task.summary(place.out, record), record, _outcome(wish, record, made), found.sets)


def _outcome(wish: Wish, record: R, made: Gathered[D]) -> Outcome:
    found = record.comparison
    assert found is not None
    figures = {one.name: one.figures for one in found.sets}
    added = record.dataset.added[-len(made.folders) :]
    return Outcome(
        base=str(wish.base),
        verdict=found.verdict,
        reasons=found.reasons,
        doubts=found.doubts,
        notes=found.notes,
        added=sum(one.pictures for one in added),
        known=sum(len(one.known) for one in added),
        unlabelled=sum(len(one.unlabelled) for one in added),
        as_guessed=sum(folder.as_guessed for folder in made.folders),
        old_test=figures.get("old"),
        new_test=figures.get("new"),
    )
