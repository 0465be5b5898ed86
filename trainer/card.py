"""The model card (Mitchell et al., arXiv 1810.03993), written from measurements only.

What nobody measured or stated stays visibly open: a card that is filled with good wishes is worth less than none.
"""

from __future__ import annotations

from collections.abc import Iterator

from trainer.detection.record import AnyRecord
from trainer.measurement.evaluation_card import evaluation_card
from trainer.mlbom import not_stated
from trainer.record import Record
from trainer.retraining.comparison_section import as_markdown
from trainer.technical_file import OPEN, technical_file


def card(record: Record) -> str:
    """`card.md` of a run."""
    return "\n".join(_lines(record)) + "\n"


def _lines(record: Record) -> Iterator[str]:
    yield from (f"# {record.settings.name}", "")
    yield from _model(record)
    yield from _results(record)
    yield from as_markdown(record.comparison)
    yield from _data(record)
    yield from stated_and_open(record)


def stated_and_open(record: AnyRecord) -> Iterator[str]:
    """What somebody states, the technical file, and what nobody states: the end of every card."""
    stated = record.settings.card
    yield from ("## Intended use", "", stated.quoted("intended_use") or OPEN, "")
    yield from ("## Limits", "", stated.quoted("limits") or OPEN, "")
    yield from ("## Ethical considerations", "", stated.quoted("ethics") or OPEN, "")
    yield from ("## Licence", "", stated.quoted("licence") or OPEN, "")
    yield from technical_file(record)
    yield from ("## Not stated", "", *(f"- {what}" for what in not_stated(record)))


def _model(record: Record) -> Iterator[str]:
    settings, metrics = record.settings, record.metrics
    width, height = settings.preprocessing.size_wh
    yield from ("## Model", "")
    yield f"- Task: {settings.task}, {len(record.dataset.labels)} classes: {', '.join(record.dataset.labels)}"
    yield f"- Input: {width}x{height} pixels, {settings.preprocessing.colour}, {settings.preprocessing.resize}"
    yield f"- Parameters: {metrics.parameters:,}"
    yield f"- Weights: `{metrics.weights}`"
    yield (
        f"- Training: {metrics.epochs} epochs in {metrics.seconds:.0f} s on {metrics.threads} threads "
        f"({metrics.machine}), seed {settings.seed}, weights of epoch {metrics.kept_epoch} kept"
    )
    yield "- Software: " + ", ".join(f"{name} {version}" for name, version in metrics.software.items())
    yield ""


def _results(record: Record) -> Iterator[str]:
    test, (low, high) = record.metrics.test, record.metrics.accuracy_range
    yield from ("## Measured", "")
    yield f"On {test.pictures} test pictures never used for training or for stopping, floating-point model:"
    yield ""
    yield f"- Accuracy {test.accuracy:.2%} (95 % interval {low:.2%} to {high:.2%}, from the number of pictures alone)"
    if record.metrics.evaluation is None:
        yield f"- Macro-F1 {test.macro_f1:.2%}"
    else:
        yield from evaluation_card(record.metrics.evaluation)
    if aware := record.metrics.quantization_aware:
        yield f"- Quantisation-aware model {aware.decision}. Its int8 file: accuracy {aware.file_accuracy:.2%}"
    yield from ("", "| class | precision | recall | F1 | pictures |", "|---|---:|---:|---:|---:|")
    for row in test.per_class:
        label = row.label.replace("|", "\\|")
        yield f"| {label} | {row.precision:.1%} | {row.recall:.1%} | {row.f1:.1%} | {row.pictures} |"
    yield ""


def _data(record: Record) -> Iterator[str]:
    dataset = record.dataset
    given = "as the data gives them, missing ones " if dataset.splits_given else ""
    how = f"{given}drawn with seed {dataset.seed}, class by class"
    yield from ("## Data", "", f"- Origin: {dataset.origin}", f"- Splits: {how}")
    for name, split in dataset.splits.items():
        yield f"- {name}: {split.pictures} pictures"
    if dataset.left_out:
        yield f"- Left out of training as copies of measured pictures: {len(dataset.left_out)}"
    if dataset.unreadable:
        yield f"- Unreadable and left out: {len(dataset.unreadable)}"
    yield from (f"- Dataset: `{dataset.digest}`", "")
