"""`edgeferry train --task detect`, step by step, inside the folder that `trainer.training` puts in its place."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from contract import run as files
from contract.errors import ConfigError
from contract.manifest import Share
from trainer.architecture.budget import overrun, predictions
from trainer.data.origin import Origin
from trainer.data.samples import CALIBRATION_LIMIT, GOLDEN_LIMIT
from trainer.detection.dataset import PreparedBoxes, prepare_boxes
from trainer.detection.picture_size import suited_preprocessing
from trainer.detection.record import DetectorRecord
from trainer.detection.report_sections import detector_card, detector_report
from trainer.detection.resolving import grid_of, more_of, resolve_detector
from trainer.detection.samples import packed_boxes
from trainer.detection.settling import check_marked, settle_detector
from trainer.learning import framework
from trainer.learning.checkpoints import Checkpoints, kept_at
from trainer.measurement.evaluation_plan import make_plan
from trainer.measurement.measures import GoalTable
from trainer.plan import plan
from trainer.progress import Progress
from trainer.run_folder import writing
from trainer.settings import Resolved, TrainConfig
from trainer.start import Start, fitted_with
from trainer.trained import TrainedRun, facts, write_record


class TrainedDetector(TrainedRun, frozen=True, kw_only=True):
    """What `edgeferry train --task detect --json` prints."""

    task: str = "detect"
    map50_95: Share
    map50: Share
    map50_95_range: tuple[Share, Share]
    score_threshold: Share
    odd_boxes: int
    goals: GoalTable | None = None
    """What became of `[goals]`; None where nothing was asked."""


def settled_boxes(origin: Origin, name: str, config: TrainConfig, progress: Progress) -> tuple[PreparedBoxes, Resolved]:
    """The marked pictures, read and split, and the settings with nothing left open; DataError without boxes."""
    check_marked(origin)
    return prepared_boxes(origin, name, settle_detector(config, origin, progress.say))


def prepared_boxes(origin: Origin, name: str, config: TrainConfig) -> tuple[PreparedBoxes, Resolved]:
    """`trainer.training.prepared` of a detector."""
    make_plan(config.evaluation, config.goals, task="detect", labels=origin.labels, listed=origin.pictures)
    prep = config.preprocessing or suited_preprocessing(origin)
    data = prepare_boxes(origin, prep, seed=config.seed, settings=config.data)
    train = data.splits["train"]
    return data, resolve_detector(config, name=name, prep=prep, train=train, classes=len(data.labels))


def train_prepared_boxes(
    folder: Path,
    data: PreparedBoxes,
    settings: Resolved,
    progress: Progress,
    *,
    checkpoints_at: Path | None = None,
    fresh: bool = False,
    start: Start | None = None,
    judged: Callable[[DetectorRecord, Path], DetectorRecord] | None = None,
) -> DetectorRecord:
    """`trainer.training.train_prepared` of a detector."""
    progress.say(_plan(data, fitted_with(settings, start)))
    framework.prepare(threads=settings.training.threads, seed=settings.seed)
    checkpoints = kept_at(checkpoints_at, data, fitted_with(settings, start), fresh=fresh, say=progress.say)
    record = _trained(folder, data, settings, progress, start, checkpoints)
    if judged is not None:
        record = judged(record, folder / files.MODEL)
    write_record(
        folder,
        record,
        calibration=packed_boxes(data.splits["train"], CALIBRATION_LIMIT),
        golden=packed_boxes(data.splits["test"], GOLDEN_LIMIT),
        card=detector_card(record),
        report=detector_report(record),
    )
    return record


def _trained(
    folder: Path,
    data: PreparedBoxes,
    settings: Resolved,
    progress: Progress,
    start: Start | None,
    checkpoints: Checkpoints | None,
) -> DetectorRecord:
    """Train, save, and measure what was saved; leaves the model in `folder`."""
    from trainer.detection.fitting import fit
    from trainer.detection.inference import looking_at
    from trainer.detection.measuring import measure_detector
    from trainer.detection.network import build_detector
    from trainer.learning.inference import save_keras

    grid = grid_of(settings)
    fit_with = fitted_with(settings, start)
    build = (
        start.build
        if start
        else partial(build_detector, settings.preprocessing, len(data.labels), settings.network, grid)
    )
    model = build()
    _check_budget(model, settings)
    look = looking_at(data.splits["validation"], settings.preprocessing, grid, more_of(settings), data.labels)
    tell = progress.epochs(fit_with.training.epochs)
    on_step = progress.steps(fit_with.training.epochs)
    fitted = fit(model, data, fit_with, grid, look, tell, on_step=on_step, checkpoints=checkpoints)
    with writing(folder):
        save_keras(model, folder / files.MODEL)
    progress.say("Measuring on the test split")
    return measure_detector(folder, data, settings, fitted)


def _check_budget(model: Any, settings: Resolved) -> None:
    over = overrun(predictions(model, settings.budget), settings.budget)
    if over:
        raise ConfigError(
            f"the detector does not fit its budget: {over}",
            where="network",
            fix="Leave network.chosen out to have one chosen, or change the budget.",
        )


def _plan(data: PreparedBoxes, settings: Resolved) -> str:
    boxes = sum(data.record.boxes["train"].values())
    odd = f", {len(data.record.odd_boxes)} odd boxes left out" if data.record.odd_boxes else ""
    return plan(
        data,
        settings,
        of=f"with {boxes} training boxes of {len(data.labels)} classes{odd}",
        how=f"a cell every {more_of(settings).stride} pixels, {settings.training.epochs} epochs",
    )


def summary(out: Path, record: DetectorRecord) -> TrainedDetector:
    """What is printed about the run in `out`."""
    metrics = record.metrics
    return TrainedDetector(
        **facts(out, record),
        map50_95=metrics.test.map50_95,
        map50=metrics.test.map50,
        map50_95_range=metrics.test.map50_95_range,
        score_threshold=metrics.test.score_threshold,
        odd_boxes=len(record.dataset.odd_boxes),
        goals=metrics.goals,
    )
