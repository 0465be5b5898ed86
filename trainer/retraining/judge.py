"""Whether the new model may take its base's place, decided before anything but the model is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic

from contract.codec import to_pretty_json
from contract.errors import ModelError
from trainer.retraining.gathered import Gathered
from trainer.retraining.picture_kind import D, P
from trainer.retraining.replacement import NAME, Replacement, verdict_of
from trainer.retraining.task import R, Task
from trainer.retraining.wish import Wish
from trainer.run_folder import Run, writing
from trainer.settings import Resolved


class RefusedError(ModelError):
    """The new model is worse than its base, and was not asked to be kept."""


@dataclass(frozen=True, slots=True)
class Judge(Generic[P, D, R]):
    """Compares the trained model with the base, on both test sets."""

    task: Task[P, D, R]
    run: Run
    made: Gathered[D]
    settings: Resolved
    folder: Path
    wish: Wish

    def judged(self, record: R, model: Path) -> R:
        """`record` with the comparison, also written down; RefusedError where it is not to be kept."""
        sets = self.task.compared(self.run, self.made, self.settings, model)
        verdict, reasons, doubts = verdict_of(sets)
        if verdict == "refused" and not self.wish.keep_refused:
            raise RefusedError(
                f"the new model is worse than its base: {'; '.join(reasons)}",
                where=str(self.wish.base),
                fix="Add pictures of what it lost, or keep the run to look at: --keep-refused",
            )
        found = Replacement(
            base=str(self.wish.base),
            base_weights=self.run.measured.weights,
            weights=record.metrics.weights,
            sets=sets,
            rule=self.task.rule(self.settings.retraining),
            verdict=verdict,
            reasons=reasons,
            doubts=doubts,
            notes=self.made.notes,
        )
        with writing(self.folder):
            (self.folder / NAME).write_bytes(to_pretty_json(found))
        return replace(record, comparison=found)  # type: ignore[arg-type]  # of the kind its task compares by
