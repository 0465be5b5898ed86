"""The card's technical file: the headings of Annex IV of the EU's Artificial Intelligence Act, in its order.

Regulation (EU) 2024/1689, Annex IV, asks providers of high-risk systems for nine things. What a training measured is
filled in, what `[card]` states is quoted with who states it, and everything else stays visibly open. Whether a system
is of high risk, and whether such a file suffices, is a lawyer's question and not answered here.
"""

from __future__ import annotations

from collections.abc import Iterator

from trainer.detection.record import AnyRecord, DetectorRecord

OPEN = "_Not stated: nobody has written it down._"


def technical_file(record: AnyRecord) -> Iterator[str]:
    """Lines of Markdown."""
    yield from ("## Technical file (headings of Regulation (EU) 2024/1689, Annex IV)", "")
    parts = (_general, _development, _functioning, _metrics, _risks, _changes, _standards, _conformity, _monitoring)
    for number, part in enumerate(parts, 1):
        title, *lines = part(record)
        yield from (f"### {number}. {title}", "", *lines, "")


def _said(record: AnyRecord, name: str, key: str) -> str:
    return f"- {name}: {record.settings.card.quoted(key) or OPEN}"


def _general(record: AnyRecord) -> Iterator[str]:
    yield "General description"
    yield _said(record, "Intended purpose", "intended_use")
    yield _said(record, "Provider", "provider")
    yield _said(record, "Contact", "contact")
    yield f"- Version: weights `{record.metrics.weights}`"
    yield "- Software: " + ", ".join(f"{name} {version}" for name, version in record.metrics.software.items())
    yield f"- Hardware it runs on: {OPEN} (each bundle's section names the profile it was made for)"


def _development(record: AnyRecord) -> Iterator[str]:
    settings, dataset = record.settings, record.dataset
    yield "Development"
    yield f"- Method: supervised training, {settings.task}; every setting stands in `train.toml`"
    yield f"- Architecture: convolutional network of {record.metrics.parameters:,} parameters"
    yield (
        f"- Computing: {record.metrics.epochs} epochs, {record.metrics.seconds:.0f} s on {record.metrics.threads} "
        f"threads ({record.metrics.machine})"
    )
    counts = ", ".join(f"{split.pictures} {name}" for name, split in dataset.splits.items())
    yield f"- Data: {counts} pictures from {dataset.origin}, digest `{dataset.digest}`"
    odd = f", {len(record.dataset.odd_boxes)} odd boxes left out" if isinstance(record, DetectorRecord) else ""
    yield (
        f"- Cleaning: {len(dataset.left_out)} copies of measured pictures left out, {len(dataset.unreadable)} "
        f"unreadable left out{odd}"
    )
    yield _said(record, "Provenance and labelling of the data", "labelling")
    yield _said(record, "Human oversight", "human_oversight")
    yield f"- Validation and testing: {record.metrics.test.pictures} test pictures, see _Measured_ and `metrics.json`"
    yield f"- Cybersecurity: {OPEN}"


def _functioning(record: AnyRecord) -> Iterator[str]:
    prep = record.settings.preprocessing
    width, height = prep.size_wh
    yield "Monitoring, functioning and control"
    yield f"- Input: {width}x{height} pixels, {prep.colour}, {prep.resize}"
    yield f"- Accuracy by group: the class found least is {_found_least(record)}; all classes stand under _Measured_"
    yield _said(record, "Limits and foreseeable misuse", "limits")
    yield "- In use: the device compares its pictures and answers with `reference.json` and reports what has changed"


def _found_least(record: AnyRecord) -> str:
    if isinstance(record, DetectorRecord):
        found = min((row for row in record.metrics.test.per_class if row.boxes), key=lambda row: row.recall)
        return f"{found.label!r}, {found.recall:.1%} of {found.boxes} boxes"
    row = min((row for row in record.metrics.test.per_class if row.pictures), key=lambda row: row.recall)
    return f"{row.label!r}, {row.recall:.1%} of {row.pictures} pictures"


_OF_CLASSES = "Accuracy, macro-F1, precision and recall of each class, with 95 % intervals"
_OF_BOXES = "COCO's mAP with its 95 % interval; average precision and recall, precision and recall of each class"


def _metrics(record: AnyRecord) -> Iterator[str]:
    yield "Appropriateness of the performance metrics"
    measured = _OF_BOXES if isinstance(record, DetectorRecord) else _OF_CLASSES
    yield f"- {measured}, on pictures never trained on"
    yield f"- Why these suit the purpose: {OPEN}"


def _risks(record: AnyRecord) -> Iterator[str]:
    yield "Risk management system"
    yield _said(record, "Risk management", "risk_management")


def _changes(record: AnyRecord) -> Iterator[str]:
    yield "Changes through the lifecycle"
    base = record.dataset.base
    if base is None:
        yield "- First training: no earlier model is named"
        return
    yield f"- Trained on from `{base.weights}` ({base.name}), see _Compared with_"
    for added in record.dataset.added:
        yield f"- Added: {added.pictures} pictures from {added.origin}, digest `{added.digest}`"


def _standards(record: AnyRecord) -> Iterator[str]:
    yield "Harmonised standards applied"
    yield _said(record, "Standards", "standards")


def _conformity(_: AnyRecord) -> Iterator[str]:
    yield "EU declaration of conformity"
    yield f"- Declaration: {OPEN}"


def _monitoring(record: AnyRecord) -> Iterator[str]:
    yield "Post-market monitoring"
    yield _said(record, "Plan", "monitoring")
