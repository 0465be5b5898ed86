"""The trainer's commands: parse, call one function, print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click
import msgspec

from contract.manifest import Task
from trainer import printout

if TYPE_CHECKING:
    from trainer.measurement.measures import GoalTable

_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
_FOLDER = click.Path(path_type=Path)
_TASK = click.option("--task", type=click.Choice(get_args(Task)), help="What to learn.  [default: classify]")
_BUDGET = click.option(
    "--budget", multiple=True, help="What it may cost, e.g. rpi4:30ms,2MB (;-separated, repeatable)."
)
_TARGET = click.option("--for", "target", multiple=True, help="A profile: 10 frames a second in the memory it gives.")
_MLFLOW = click.option("--mlflow", help="Write the run to this MLflow URI as well; needs edgeferry[mlflow].")
_DOWNLOAD = click.option("--download", is_flag=True, help="Fetch the weights network.weights names, saying which.")


@click.group()
def dataset() -> None:
    """Look at labelled pictures before training on them."""


@dataset.command("check")
@click.argument("path")
@click.option("--report", type=_FOLDER, metavar="PAGE.html", help="Write a page that shows what was found.")
@click.option("--fix", type=_FOLDER, metavar="FILE.csv", help="List the pictures worth keeping, ready to train on.")
@click.option("--relabel", is_flag=True, help="With --fix: take suggested labels over.")
@click.option("--force", is_flag=True, help="Replace files that are there already.")
@_JSON
def dataset_check(path: str, as_json: bool, **options: Any) -> None:
    """Say what is wrong with the labelled pictures in PATH: a folder, a file of labels, or `digits`.

    Ends with exit code 4 when something must be mended before training. --fix touches no picture: FILE.csv lists
    those to keep, FILE.dropped.csv the others with the reason; for boxes FILE.json is COCO JSON.
    """
    from contract.errors import DataError
    from trainer.dataset_check import dataset_check as run_check

    checked, written = run_check(path, **options)
    click.echo(_json(checked) if as_json else printout.check(checked, written))
    if not checked.ok:
        sys.exit(DataError.exit_code)


@dataset.command("label")
@click.argument("kept", nargs=-1, required=True, type=_FOLDER)
@click.option("--out", required=True, type=_FOLDER, help="New folder to label in.")
@click.option("--bundle", type=_FOLDER, help="Guess with this bundle.  [default: what the devices' models said]")
@_JSON
def dataset_label(kept: tuple[Path, ...], out: Path, bundle: Path | None, as_json: bool) -> None:
    """Lay out frames that devices kept in the folders KEPT for a person to label, with a model's guesses.

    A folder is of one device, named after it, or holds a folder for each. Open label.html in the new folder, save
    the labels.csv it exports beside it, and give the folder to `edgeferry train --base RUN --add FOLDER`. Of a
    detector correct the boxes in annotations.json (COCO) instead.
    """
    from trainer.retraining.labelling import label_folder

    labelled = label_folder(kept, out, bundle)
    click.echo(_json(labelled) if as_json else printout.label(labelled))


@click.command()
@click.argument("path", required=False)
@click.option("--out", required=True, type=_FOLDER, help="Folder the run is written to.")
@click.option("--base", type=_FOLDER, help="Train on from this run, with the pictures of --add.")
@click.option("--add", multiple=True, help="Labelled pictures, or marked ones, that come in addition.")
@click.option("--from-scratch", is_flag=True, help="With --base: its data and settings, and new weights.")
@click.option("--without-old-data", is_flag=True, help="With --base: its pictures are gone; much may be forgotten.")
@click.option("--keep-refused", is_flag=True, help="With --base: write the run even where it is worse.")
@_TASK
@click.option("--config", type=_FOLDER, help="Settings: a train.toml. Options given here win over it.")
@click.option("--epochs", type=click.IntRange(1, 100_000), help="Passes over the training pictures.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Decides splits, weights, order and augmentation.")
@click.option("--threads", type=click.IntRange(1, 256), help="Of TensorFlow.  [default: all cores]")
@click.option("--name", help="What the model is called.  [default: the name of the --out folder]")
@_BUDGET
@_TARGET
@_DOWNLOAD
@_MLFLOW
@click.option("--skip-unreadable", is_flag=True, help="Train without pictures that cannot be read.")
@click.option("--split-by", type=click.Choice(("random", "group", "time")), help="How missing splits are made.")
@click.option("--group-by", metavar="COLUMN", help="Pictures with one value there never stand in two splits.")
@click.option("--time", metavar="COLUMN", help="Test on the newest by this column, validate on the next.")
@click.option("--tensorboard", metavar="FOLDER", help="Write curves for TensorBoard there.")
@click.option("--resume", "interrupted", flag_value="resume", help="Go on with a training that was interrupted.")
@click.option("--fresh", "interrupted", flag_value="fresh", help="Start anew, though one was interrupted.")
@click.option("--quantization-aware", is_flag=True, help="Train on with the rounding of int8 in the network.")
@click.option("--teacher", type=_FOLDER, help="A run folder whose scores are targets too (distillation).")
@click.option("--force", is_flag=True, help="Replace a run that is there already.")
@click.option("--quiet", is_flag=True, help="Say nothing while training.")
@_JSON
def train(
    path: str | None,
    out: Path,
    config: Path | None,
    interrupted: Any,
    download: bool,
    mlflow: str | None,
    force: bool,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train on the labelled pictures in PATH, and leave a run folder.

    PATH holds CLASS/picture.jpg, or train/CLASS/picture.jpg with or without validation and test beside it; or boxes as
    COCO, Pascal VOC or YOLO write them; or it is a .csv, .json or .yaml of labels, or `digits` for the handwritten
    digits that come with scikit-learn. Ends with exit code 11 when the run is there and misses a goal of [goals].

    With --base RUN a classifier or detector is trained on with the pictures of --add, of the kinds above or a folder of
    `dataset label` that a person went through; PATH is then where its own pictures are now, if they were moved. Ends
    with exit code 5 when the new model is worse on the old or on the new test pictures.
    """
    about_base = {key: options.pop(key) for key in ("base", "add", "from_scratch", "without_old_data", "keep_refused")}
    how: dict[str, Any] = {"force": force, "interrupted": interrupted or "ask", "mlflow": mlflow}
    if about_base["base"] is not None:
        about_base |= {"path": path, "config": config, "download": download}
        _train_on(out, {**about_base, **options}, quiet=quiet, as_json=as_json, **how)
        return
    if path is None or any(about_base.values()):
        raise click.UsageError("name the pictures in PATH, or a run with --base and what to add with --add")
    from trainer.command_line import CommandLine, overridden
    from trainer.progress import watching
    from trainer.settings import load_config
    from trainer.training import train as run_training

    settings = overridden(load_config(config), CommandLine(**options))
    with watching(quiet=quiet or as_json) as progress:
        trained = run_training(path, out, settings, progress=progress, download=download, **how)
    click.echo(_json(trained) if as_json else printout.train(trained))
    _end_by(trained.goals)


def _train_on(out: Path, options: dict[str, Any], *, quiet: bool, as_json: bool, **how: Any) -> None:
    from dataclasses import fields

    from contract.errors import ModelError
    from trainer.progress import watching
    from trainer.retraining.retrain import retrain
    from trainer.retraining.wish import Wish

    known = {field.name for field in fields(Wish)}
    if idle := sorted(name for name, value in options.items() if value and name not in known):
        raise click.UsageError(f"--base says already what --{idle[0].replace('_', '-')} would")
    wish = Wish(**{name: value for name, value in options.items() if name in known})
    with watching(quiet=quiet or as_json) as progress:
        retrained = retrain(wish, out, progress=progress, **how)
    click.echo(_json(retrained.flat()) if as_json else printout.retrained(retrained))
    if retrained.outcome.verdict == "refused":
        sys.exit(ModelError.exit_code)


@click.command()
@click.argument("path")
@click.option("--out", required=True, type=_FOLDER, help="Folder for the study and what comes of it; goes on if there.")
@_TASK
@_BUDGET
@_TARGET
@click.option("--trials", type=click.IntRange(1, 100_000), default=20, show_default=True, help="To train, in all.")
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(0, min_open=True), help="Seconds; none begins after them."
)
@click.option("--epochs", type=click.IntRange(1, 100_000), default=15, show_default=True, help="Of a trial.")
@click.option(
    "--family",
    "families",
    multiple=True,
    help="To search; repeatable.  [default: residual, mobile; a detector has one]",
)
@click.option(
    "--pruner",
    type=click.Choice(("median", "hyperband", "none")),
    default="median",
    show_default=True,
    help="What gives a poor trial up before its end.",
)
@click.option("--storage", help="SQLite file or database URL.  [default: study.db in --out]")
@click.option("--on", help="ray, or ray:ADDRESS of a running cluster.  [default: this machine]")
@click.option("--parallel", type=click.IntRange(1, 1000), default=1, show_default=True, help="Trials at a time.")
@click.option("--config", type=_FOLDER, help="Settings that are not searched: a train.toml.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Decides splits, weights and what is drawn.")
@click.option("--skip-unreadable", is_flag=True, help="Train without pictures that cannot be read.")
@click.option("--train-best", is_flag=True, help="Train the best afterwards, into DIR/best.")
@_MLFLOW
@click.option("--quiet", is_flag=True, help="Say nothing meanwhile.")
@_JSON
def tune(
    path: str,
    out: Path,
    config: Path | None,
    train_best: bool,
    mlflow: str | None,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Search for the best network for the pictures in PATH that a device can bear.

    Networks over budget are refused before training. Trials are judged on the validation split, by accuracy or by
    mAP50-95; the test split is looked at by the training of the best alone. Run again with the same options, a search
    goes on.
    """
    from trainer.command_line import CommandLine, overridden
    from trainer.settings import load_config
    from trainer.tuning.request import request_for
    from trainer.tuning.shown import watching_trials
    from trainer.tuning.tune import tune as run_search

    said = {name: options.pop(name) for name in ("task", "budget", "target", "seed", "skip_unreadable")}
    settings = overridden(load_config(config), CommandLine(**said))
    request = request_for(path, out, settings, **options)
    with watching_trials(quiet=quiet or as_json) as (progress, on_trial):
        tuned = run_search(request, train_best=train_best, mlflow=mlflow, progress=progress, on_trial=on_trial)
    click.echo(_json(tuned) if as_json else printout.tune(tuned))


@click.command()
@click.argument("model", type=_FOLDER)
@click.argument("path")
@click.option(
    "--split",
    type=click.Choice(("auto", "train", "validation", "test", "all")),
    default="auto",
    show_default=True,
    help="Which pictures; auto takes those held back from training, as far as that is known.",
)
@click.option("--seed", type=click.IntRange(0), help="Of the training, for a bundle of pictures without splits.")
@click.option("--skip-unreadable", is_flag=True, help="Measure without pictures that cannot be read.")
@click.option("--robustness", is_flag=True, help="Measure on pictures made worse, too: 15 kinds in 5 severities.")
@click.option("--slices", help="Columns to slice by, with commas between.  [default: all with 2 to 20 values]")
@click.option("--config", type=_FOLDER, help="A train.toml whose [evaluation] and [goals] to take; a run has its own.")
@click.option("--report", type=_FOLDER, help="Write a page about it.")
@_JSON
def evaluate(
    model: Path,
    path: str,
    split: Any,
    seed: int | None,
    skip_unreadable: bool,
    slices: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure MODEL, a run folder or a bundle, on the labelled pictures in PATH.

    A bundle is run as the device runs it. Whose signature it carries is not asked here. Ends with exit code 11 when
    goals are set and not all of them are met.
    """
    from trainer.measurement.evaluating import Wishes
    from trainer.measurement.evaluating import evaluate as measure
    from trainer.progress import watching

    columns = tuple(column.strip() for column in (slices or "").split(",") if column.strip())
    wishes = Wishes(slices=columns, **options)
    with watching(quiet=as_json) as progress:
        evaluated = measure(
            model, path, split=split, seed=seed, skip_unreadable=skip_unreadable, wishes=wishes, said=progress.say
        )
    click.echo(_json(evaluated) if as_json else printout.evaluate(evaluated))
    _end_by(evaluated.goals)


def _end_by(goals: GoalTable | None) -> None:
    """A goal that is not met is said by the exit code as well, after everything else is done."""
    if goals is not None and goals.verdict == "missed":
        from contract.errors import GoalError

        sys.exit(GoalError.exit_code)


def _json(value: msgspec.Struct | dict[str, Any]) -> str:
    from contract.codec import to_json

    return to_json(value).decode()
