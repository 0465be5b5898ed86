"""What a run measured about itself when it was trained: its temperature and thresholds go on being used."""

from __future__ import annotations

from msgspec import Struct

from contract.codec import from_json
from contract.errors import ModelError
from contract.run import METRICS
from trainer.measurement.measures import Evaluation
from trainer.run_folder import Run


class _Kept(Struct, frozen=True):
    """The part of `metrics.json` that is asked for here."""

    evaluation: Evaluation | None = None


def own_evaluation(run: Run) -> Evaluation | None:
    """From `metrics.json`; None in runs older than that, or of another task."""
    path = run.path / METRICS
    return from_json(path.read_bytes(), _Kept, where=str(path), error=ModelError).evaluation
