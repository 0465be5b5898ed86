"""The data of a run, put together again as it was: the same pictures in the same splits, or a sentence why not.

A run names where its pictures came from and keeps digests over them, so that a changed folder cannot pass for the old
one. Where the pictures are gone, what the run itself keeps remains: calibration pictures to rehearse on, golden ones
to measure on.
"""

from __future__ import annotations

import io

import numpy as np

from contract.codec import from_json
from contract.errors import DataError, ModelError
from contract.run import CALIBRATION, DATASET, GOLDEN, Split
from trainer.data.dataset import DatasetRecord
from trainer.data.division import digest_of_splits
from trainer.data.origin import SplitName, open_origin
from trainer.data.reading import pixel_digest
from trainer.retraining.enlarged import enlarge
from trainer.retraining.picture_kind import D, P, PictureKind
from trainer.run_folder import Run

_GONE = "Name the place they are at now: edgeferry train PATH --base RUN …, or go on without: --without-old-data"


def dataset_record(run: Run) -> DatasetRecord:
    """Everything the run says about its data."""
    path = run.path / DATASET
    return from_json(path.read_bytes(), DatasetRecord, where=str(path), error=ModelError)


def old_data(run: Run, text: str | None, kind: PictureKind[P, D]) -> D:
    """The run's splits; `text` is where its pictures are now, if not where they were.

    DataError where they are gone, or are not those it was trained on.
    """
    record = dataset_record(run)
    if record.base is not None and record.base.remembered:
        raise DataError(
            "this run was itself trained without its old data", where=str(run.path), fix="Add: --without-old-data"
        )
    try:
        origin = open_origin(text or record.origin)
    except DataError as problem:
        what = f"the pictures {run.path} was trained on are gone: {problem.what}"
        raise DataError(what, where=problem.where, fix=_GONE) from problem
    first = record.added[0].base_labels if record.added else record.labels
    absent = [label for label in first if label not in origin.labels]
    if absent:
        raise DataError(
            f"the data no longer has the class {absent[0]!r} the run knows: classes can be added, not taken away",
            where=origin.text,
            fix="Put its folder back.",
        )
    data = kind.prepared(origin, run.settings.preprocessing, seed=record.seed, settings=run.settings.data)
    for added in record.added:
        folder = kind.opened(added.origin, data.record.labels)
        data = enlarge(data, folder, run.settings, kind, seed=added.seed).data
    if data.record.labels != record.labels:
        raise DataError(
            f"the classes are no longer in the order the run knows: {', '.join(data.record.labels)}",
            where=origin.text,
            fix=f"Put them back: {', '.join(record.labels)}.",
        )
    if data.record.digest != record.digest:
        changed = [name for name, split in record.splits.items() if data.record.splits[name].digest != split.digest]
        raise DataError(
            f"the pictures are not those {run.path} was trained on: {', '.join(changed)} differ",
            where=origin.text,
            fix="Put the folder back as it was; new pictures go into a folder of their own, named with --add.",
        )
    return data


def remembered_data(run: Run, kind: PictureKind[P, D]) -> D:
    """What the run keeps of its pictures: up to 256 trained ones and up to 1,024 test ones, already fitted."""
    record = dataset_record(run)
    trained = _kept(run, CALIBRATION, kind)
    splits: dict[SplitName, P] = {
        "train": trained,
        "validation": trained.take(np.empty(0, np.int64)),
        "test": _kept(run, GOLDEN, kind),
    }
    shown: dict[str, Split] = {name: kind.described(pictures, record.labels) for name, pictures in splits.items()}
    made = DatasetRecord(
        origin=str(run.path),
        labels=record.labels,
        splits=shown,
        digest=digest_of_splits(shown),
        splits_given=True,
        seed=record.seed,
    )
    return kind.whole(made, splits)


def _kept(run: Run, name: str, kind: PictureKind[P, D]) -> P:
    path = run.path / name
    try:
        with np.load(io.BytesIO(path.read_bytes())) as stored:
            frames = stored["frames"]
            names = tuple(f"{path.name} {number}" for number in range(len(frames)))
            return kind.unpacked(stored, names, tuple(map(pixel_digest, frames)))
    except (OSError, ValueError, KeyError) as problem:
        what = f"the run's pictures cannot be read: {problem}"
        raise ModelError(what, where=str(path), fix="Train it again.") from problem
