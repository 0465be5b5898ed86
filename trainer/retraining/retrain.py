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

from trainer.progress import Progress
from trainer.retraining.continued_settings import continued_settings, warm_settings
from trainer.retraining.gathered import Gathered, gather
from trainer.retraining.judge import Judge
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
    outcome: Outcome
    sets: tuple[SetCompared, ...]

    def flat(self) -> dict[str, Any]:
        """What `--json` prints: everything in one object."""
        return {**msgspec.structs.asdict(self.trained), **msgspec.structs.asdict(self.outcome)}


def retrain(wish: Wish, out: Path, *, force: bool, progress: Progress) -> Retrained:
    """Train on, compare, and leave a run in `out`.

    ModelError where the new model is worse by the rule; then `out` is written only with `keep_refused`, and the verdict
    in it says so (the caller ends with the error's exit code).
    """
    run = open_run(wish.base)
    if run.settings.task == "detect":
        from trainer.retraining.detectors import DETECTORS

        return _retrained(DETECTORS, run, wish, out, force=force, progress=progress)
    from trainer.retraining.classifiers import CLASSIFIERS

    return _retrained(CLASSIFIERS, run, wish, out, force=force, progress=progress)


def _retrained(task: Task[P, D, R], run: Run, wish: Wish, out: Path, *, force: bool, progress: Progress) -> Retrained:
    settings = continued_settings(run, wish)
    with building(out, force=force) as folder:
        progress.say(f"Reading the data of {wish.base} and {', '.join(wish.add)}")
        made = gather(run, wish, settings, task.pictures)
        warm = Start(partial(task.warm, run, len(made.data.record.labels)), warm_settings(settings))
        judge = Judge(task, run, made, settings, folder, wish)
        start = None if wish.from_scratch else warm
        record = task.train(folder, made.data, settings, progress, start=start, judged=judge.judged)
    found = record.comparison
    assert found is not None
    return Retrained(task.summary(out, record), _outcome(wish, record, made), found.sets)


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
