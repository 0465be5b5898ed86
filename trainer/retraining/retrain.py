"""`edgeferry train --base RUN --add FOLDER`: a run trained on with more pictures, and measured against what it was.

The old pictures keep their splits, so the old test set is the very one the base was measured on; the added ones are
split by device and day. Whether the new model may take the base's place is decided on both test sets before the folder
is put in its place (`trainer/retraining/replacement.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
from msgspec.structs import replace as changed

from contract.codec import to_pretty_json
from contract.errors import ConfigError, DataError, ModelError
from trainer.data.dataset import Prepared
from trainer.progress import Progress
from trainer.record import Record
from trainer.retraining.added import AddedFolder, open_added
from trainer.retraining.enlarged import enlarge
from trainer.retraining.lineage import Base
from trainer.retraining.old_data import old_data, remembered_data
from trainer.retraining.replacement import NAME, Answered, Replacement, Verdict, rule, set_compared, verdict_of
from trainer.run_folder import Run, building, open_run, writing
from trainer.settings import Resolved, usable_cores
from trainer.start import Start
from trainer.training import Trained, summary, train_prepared

_FEWEST_EPOCHS = 5


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line says."""

    base: Path
    add: tuple[str, ...]
    path: str | None = None
    """Where the base's pictures are now."""
    from_scratch: bool = False
    without_old_data: bool = False
    keep_refused: bool = False
    epochs: int | None = None
    seed: int | None = None
    threads: int | None = None
    name: str | None = None
    skip_unreadable: bool = False
    config: Path | None = None


class Retrained(Trained, frozen=True, kw_only=True):
    """What `edgeferry train --base --json` prints."""

    base: str
    verdict: Verdict
    reasons: tuple[str, ...]
    doubts: tuple[str, ...]
    added: int
    """Pictures that came in addition."""
    known: int
    """Of those named, left out because the older data has them."""
    unlabelled: int
    old_test: tuple[float, float] | None
    """Accuracy before and after on the base's test pictures."""
    new_test: tuple[float, float] | None


def retrain(wish: Wish, out: Path, *, force: bool, progress: Progress) -> Retrained:
    """Train on, compare, and leave a run in `out`.

    ModelError where the new model is worse by the rule; then `out` is written only with `keep_refused`, and the verdict
    in it says so (the caller ends with the error's exit code).
    """
    run = open_run(wish.base)
    settings = _settings(run, wish)
    with building(out, force=force) as folder:
        progress.say(f"Reading the data of {wish.base} and {', '.join(wish.add)}")
        made = _data(run, wish, settings)
        judge = _Judge(run, made, settings, folder, wish)
        start = None if wish.from_scratch else _warm(run, made.data, settings)
        record = train_prepared(folder, made.data, settings, progress, start=start, judged=judge.judged)
    return _summary(out, wish, record, made)


@dataclass(frozen=True, slots=True)
class _Made:
    data: Prepared
    folders: tuple[AddedFolder, ...]
    old_tests: int
    """Of the test split, the first so many are the base's."""
    notes: tuple[str, ...]


def _settings(run: Run, wish: Wish) -> Resolved:
    """The base's, with what the command line and the `--config` file change."""
    written = msgspec.to_builtins(run.settings)
    if wish.config is not None:
        _merge(written, wish.config)
    for key, value in (("seed", wish.seed), ("name", wish.name)):
        written[key] = written[key] if value is None else value
    written["training"]["threads"] = wish.threads or usable_cores()
    if wish.epochs:
        written["training"]["epochs"] = written["retraining"]["epochs"] = wish.epochs
    if not written["retraining"]["epochs"]:
        written["retraining"]["epochs"] = max(_FEWEST_EPOCHS, written["training"]["epochs"] // 2)
    written["data"]["skip_unreadable"] |= wish.skip_unreadable
    try:
        return msgspec.convert(written, Resolved)
    except msgspec.ValidationError as problem:
        where = str(wish.config or "command line")
        raise ConfigError(str(problem), where=where, fix="Correct that key.") from problem


_MAY_CHANGE = ("training", "retraining", "augmentation", "card", "name", "seed")


def _merge(written: dict[str, object], config: Path) -> None:
    """Put the sections of `config` that may differ from the base's over them, key by key."""
    try:
        told = msgspec.toml.decode(config.read_bytes())
    except (OSError, msgspec.DecodeError) as problem:
        raise ConfigError(f"the settings cannot be read: {problem}", where=str(config), fix="Name a train.toml.") from (
            problem
        )
    for key, value in told.items():
        if key not in _MAY_CHANGE:
            if _same(value, written.get(key)):
                continue
            raise ConfigError(
                f"{key!r} follows from the base and cannot change", where=str(config), fix="Take it out, or train anew."
            )
        before = written.get(key)
        written[key] = {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value


def _same(told: object, known: object) -> bool:
    """Whether what a file says is what the base has already; a section may say a part of it."""
    if isinstance(told, dict) and isinstance(known, dict):
        return all(_same(value, known.get(key)) for key, value in told.items())
    return (list(known) if isinstance(known, tuple) else known) == told


def _data(run: Run, wish: Wish, settings: Resolved) -> _Made:
    if not wish.add:
        raise ConfigError("nothing to train on in addition", where="--base", fix="Name a folder: --add FOLDER")
    data = remembered_data(run) if wish.without_old_data else old_data(run, wish.path)
    old_tests = len(data.splits["test"])
    folders: list[AddedFolder] = []
    notes: list[str] = []
    for text in wish.add:
        folder = open_added(text, data.labels)
        grown = enlarge(data, folder, settings, seed=settings.seed)
        data = grown.data
        folders.append(folder)
        if not grown.by_group:
            notes.append(f"{text} is of one group: its test pictures have near relatives in training and flatter")
    if not len(data.splits["validation"]):
        raise DataError(
            "no picture is left to validate on", where=", ".join(wish.add), fix="Add pictures of three devices or days."
        )
    return _Made(_with_base(data, run, wish), tuple(folders), old_tests, tuple(notes + _notes(run, data, wish)))


def _notes(run: Run, data: Prepared, wish: Wish) -> list[str]:
    grown = data.labels[len(run.dataset.labels) :]
    notes = [f"new classes, which the base cannot know: {', '.join(grown)}"] if grown else []
    if wish.without_old_data:
        notes.append(
            "the old data was not there: the old test set is what golden.npz keeps of it, "
            "and the pictures of calibration.npz were rehearsed"
        )
    return notes


def _with_base(data: Prepared, run: Run, wish: Wish) -> Prepared:
    base = Base(
        name=run.settings.name,
        weights=run.metrics.weights,
        dataset=run.dataset.digest,
        test=run.dataset.splits["test"].digest,
        warm=not wish.from_scratch,
        remembered=wish.without_old_data,
    )
    return replace(data, record=changed(data.record, base=base))


def _warm(run: Run, data: Prepared, settings: Resolved) -> Start:
    def build() -> object:
        from trainer.retraining.warm_start import warm_start

        return warm_start(run, len(data.labels))

    epochs = settings.retraining.epochs
    patience = min(settings.training.patience, epochs)
    training = changed(
        settings.training, learning_rate=settings.retraining.learning_rate, epochs=epochs, patience=patience
    )
    return Start(build, changed(settings, training=training))


@dataclass(frozen=True, slots=True)
class _Judge:
    """Compares the trained model with the base, on both test sets."""

    run: Run
    made: _Made
    settings: Resolved
    folder: Path
    wish: Wish

    def judged(self, record: Record, model: Path) -> Record:
        """`record` with the comparison, also written down; ModelError where it is refused and not to be kept."""
        limits = self.settings.retraining
        sets = tuple(set_compared(one, self.made.data.labels, limits) for one in self._answered(model))
        verdict, reasons, doubts = verdict_of(sets)
        if verdict == "refused" and not self.wish.keep_refused:
            raise ModelError(
                f"the new model is worse than its base: {'; '.join(reasons)}",
                where=str(self.wish.base),
                fix="Add pictures of what it lost, or keep the run to look at: --keep-refused",
            )
        found = Replacement(
            base=str(self.wish.base),
            base_weights=self.run.metrics.weights,
            weights=record.metrics.weights,
            sets=sets,
            rule=rule(limits),
            verdict=verdict,
            reasons=reasons,
            doubts=doubts,
            notes=self.made.notes,
        )
        with writing(self.folder):
            (self.folder / NAME).write_bytes(to_pretty_json(found))
        return replace(record, comparison=found)

    def _answered(self, model: Path) -> list[Answered]:
        from trainer.learning.inference import open_keras, scores_of
        from trainer.retraining.warm_start import base_model

        test = self.made.data.splits["test"]
        before = scores_of(base_model(self.run), test.frames, self.settings.preprocessing)
        after = scores_of(open_keras(model), test.frames, self.settings.preprocessing)
        unknown = np.zeros((len(before), after.shape[1] - before.shape[1]), before.dtype)
        before = np.concatenate([before, unknown], axis=1)
        old, new = np.split(np.arange(len(test)), [self.made.old_tests])
        columns, groups = _told(self.made.folders)
        answered = [Answered("old", test.take(old), before[old], after[old], {}, {})]
        answered.append(Answered("new", test.take(new), before[new], after[new], columns, groups))
        return [one for one in answered if len(one.pictures)]


def _told(folders: Sequence[AddedFolder]) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Columns and groups by the names pictures have in the enlarged data."""
    columns: dict[str, dict[str, str]] = {}
    groups: dict[str, str] = {}
    for folder in folders:
        for one in folder.origin.pictures:
            name = f"{folder.origin.text}/{one.name}"
            columns[name] = dict(one.columns)
            if one.group is not None:
                groups[name] = one.group
    return columns, groups


def _summary(out: Path, wish: Wish, record: Record, made: _Made) -> Retrained:
    found = record.comparison
    assert found is not None
    accuracy = {one.name: (one.whole.accuracy.a, one.whole.accuracy.b) for one in found.sets}
    added = record.dataset.added[-len(made.folders) :]
    return Retrained(
        **msgspec.structs.asdict(summary(out, record)),
        base=str(wish.base),
        verdict=found.verdict,
        reasons=found.reasons,
        doubts=found.doubts,
        added=sum(one.pictures for one in added),
        known=sum(len(one.known) for one in added),
        unlabelled=sum(len(one.unlabelled) for one in added),
        old_test=accuracy.get("old"),
        new_test=accuracy.get("new"),
    )
