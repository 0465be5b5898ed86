"""The trainer's commands: parse, call one function, print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, get_args

import click
import msgspec

from contract.manifest import Task
from trainer import printout

_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
_FOLDER = click.Path(path_type=Path)


@click.group()
def dataset() -> None:
    """Look at labelled pictures before training on them."""


@dataset.command("check")
@click.argument("path")
@_JSON
def dataset_check(path: str, as_json: bool) -> None:
    """Say what is wrong with the pictures in PATH: a folder of class folders, or `digits`.

    Ends with exit code 4 when something must be mended before training.
    """
    from contract.errors import DataError
    from trainer.check import check_dataset

    checked = check_dataset(path)
    click.echo(_json(checked) if as_json else printout.check(checked))
    if not checked.ok:
        sys.exit(DataError.exit_code)


@click.command()
@click.argument("path")
@click.option("--out", required=True, type=_FOLDER, help="Folder the run is written to.")
@click.option("--task", type=click.Choice(get_args(Task)), help="What to learn.  [default: classify]")
@click.option("--config", type=_FOLDER, help="Settings: a train.toml. Options given here win over it.")
@click.option("--epochs", type=click.IntRange(1, 100_000), help="Passes over the training pictures.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Decides splits, weights, order and augmentation.")
@click.option("--threads", type=click.IntRange(1, 256), help="Of TensorFlow.  [default: all cores]")
@click.option("--name", help="What the model is called.  [default: the name of the --out folder]")
@click.option("--skip-unreadable", is_flag=True, help="Train without pictures that cannot be read.")
@click.option("--force", is_flag=True, help="Replace a run that is there already.")
@click.option("--quiet", is_flag=True, help="Say nothing while training.")
@_JSON
def train(path: str, out: Path, config: Path | None, force: bool, quiet: bool, as_json: bool, **options: Any) -> None:
    """Train on the labelled pictures in PATH, and leave a run folder.

    PATH holds CLASS/picture.jpg, or train/CLASS/picture.jpg with or without validation and test beside it; or it is
    `digits` for the handwritten digits that come with scikit-learn.
    """
    from trainer.progress import watching
    from trainer.settings import load_config, overridden
    from trainer.training import train as run_training

    settings = overridden(load_config(config), **options)
    with watching(quiet=quiet or as_json) as progress:
        trained = run_training(path, out, settings, force=force, progress=progress)
    click.echo(_json(trained) if as_json else printout.train(trained))


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
@_JSON
def evaluate(model: Path, path: str, split: Any, seed: int | None, skip_unreadable: bool, as_json: bool) -> None:
    """Measure MODEL, a run folder or a bundle, on the labelled pictures in PATH.

    A bundle is run as the device runs it. Whose signature it carries is not asked here.
    """
    from trainer.evaluating import evaluate as measure

    evaluated = measure(model, path, split=split, seed=seed, skip_unreadable=skip_unreadable)
    click.echo(_json(evaluated) if as_json else printout.evaluate(evaluated))


def _json(value: msgspec.Struct) -> str:
    from contract.codec import to_json

    return to_json(value).decode()
