"""What a detector's `report.html` and `card.md` say instead of a classifier's."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from contract.run import DetectionScores
from trainer.architecture.predicted_table import predicted_table
from trainer.card import stated_and_open
from trainer.charts import line_chart
from trainer.detection.record import DetectorRecord, Shown
from trainer.report import page
from trainer.report_sections.goals import goals
from trainer.retraining.comparison_section import as_html, as_markdown
from trainer.settings import to_toml

_MANY = 12
"""Classes above which curves lie on top of one another; the table has them all."""


def detector_report(record: DetectorRecord) -> str:
    """`report.html`."""
    return page(record.settings.name, "".join(_sections(record)))


def _sections(record: DetectorRecord) -> Iterator[str]:
    test = record.metrics.test
    yield _head(record)
    yield goals(record.metrics.goals)
    yield as_html(record.comparison)
    if record.metrics.predicted:
        yield "<h2>What it would cost</h2>" + predicted_table(record.metrics.predicted.values())
    yield "<h2>How it learnt</h2>" + _curves(record)
    yield "<h2>Class by class</h2>" + _per_class(test)
    if len(record.curves) <= _MANY:
        yield "<h2>Precision by recall, at an overlap of 0.5</h2>" + _precision_curves(record.curves)
    yield "<h2>Test pictures, the worst first, and some of the best</h2>" + _gallery(record.shown)
    yield "<h2>Data</h2>" + _data(record)
    yield f'<h2>Settings</h2><div class="sheet"><pre>{escape(to_toml(record.settings).decode())}</pre></div>'


def _head(record: DetectorRecord) -> str:
    metrics, settings = record.metrics, record.settings
    low, high = metrics.test.map50_95_range
    width, height = settings.preprocessing.size_wh
    figures = (
        (f"{metrics.test.map50_95:.3f}", "mAP50-95 on the test split"),
        (f"{low:.3f} to {high:.3f}", f"its 95 % interval, {metrics.test.pictures} pictures drawn anew"),
        (f"{metrics.test.map50:.3f}", "mAP50"),
        (f"{metrics.parameters:,}", "parameters"),
        (f"{metrics.seconds:.0f} s", f"for {metrics.epochs} epochs, {metrics.pictures_per_s:.0f} pictures/s"),
    )
    cells = "".join(f'<div><b>{value}</b><span class="faint">{meaning}</span></div>' for value, meaning in figures)
    return (
        f'<h1>{escape(settings.name)}</h1><p class="faint">{escape(settings.task)}, {len(record.dataset.labels)} '
        f"classes, {width}x{height} {settings.preprocessing.colour}, seed {settings.seed}, "
        f"{metrics.threads} threads</p>"
        f'<div class="figures">{cells}</div>'
    )


def _curves(record: DetectorRecord) -> str:
    loss = line_chart("Loss", {"training": record.metrics.loss})
    looks = dict(record.metrics.looks)
    # A step at each look: between two of them nobody knows.
    steps = [looks[max((at for at in looks if at <= epoch), default=min(looks))] for epoch in _epochs(record)]
    found = line_chart("mAP50-95", {"validation": steps}, percent=True)
    return (
        f'<div class="charts">{loss}{found}</div><p class="faint">The loss is of randomly changed pictures. Averaged '
        f"weights are measured, those of epoch {record.metrics.kept_epoch} were kept.</p>"
    )


def _epochs(record: DetectorRecord) -> range:
    return range(1, record.metrics.epochs + 1)


def _per_class(test: DetectionScores) -> str:
    rows = "".join(
        f"<tr><th>{escape(row.label)}</th><td>{row.ap50_95:.3f}</td><td>{row.ap50:.3f}</td><td>{row.ar:.3f}</td>"
        f"<td>{row.precision:.1%}</td><td>{row.recall:.1%}</td><td>{row.f1:.1%}</td><td>{row.boxes}</td></tr>"
        for row in test.per_class
    )
    names = ("class", "AP50-95", "AP50", "AR", "precision", "recall", "F1", "boxes")
    head = f"<tr>{''.join(f'<th>{name}</th>' for name in names)}</tr>"
    return (
        f'<div class="sheet"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div><p class="faint">'
        f"Precision, recall and F1 of boxes scored {test.score_threshold:.2f} and more, at an overlap of 0.5.</p>"
    )


def _precision_curves(curves: Mapping[str, Sequence[float]]) -> str:
    return f'<div class="charts">{"".join(_precision_curve(label, values) for label, values in curves.items())}</div>'


def _precision_curve(label: str, values: Sequence[float]) -> str:
    """A small square: recall to the right, precision upwards, both from 0 to 1."""
    side, edge = 200, 30
    points = " ".join(
        f"{edge + side * place / (len(values) - 1):.1f},{10 + side * (1 - value):.1f}"
        for place, value in enumerate(values)
    )
    grid = "".join(
        f'<line class="grid" x1="{edge}" x2="{edge + side}" y1="{10 + side * (1 - share):.0f}" '
        f'y2="{10 + side * (1 - share):.0f}"/><text x="{edge - 4}" y="{14 + side * (1 - share):.0f}" '
        f'text-anchor="end">{share:g}</text><text x="{edge + side * share:.0f}" y="{26 + side}" '
        f'text-anchor="middle">{share:g}</text>'
        for share in (0.0, 0.5, 1.0)
    )
    return (
        f'<figure><figcaption>{escape(label)}</figcaption><svg viewBox="0 0 {side + 2 * edge} {side + 34}" role="img" '
        f'aria-label="precision by recall of {escape(label)}">{grid}<polyline class="line-0" points="{points}"/></svg>'
        f"</figure>"
    )


def _gallery(shown: Sequence[Shown]) -> str:
    figures = "".join(
        f'<figure><img alt="{escape(one.name)}" src="data:image/jpeg;base64,{b64encode(one.jpeg).decode()}">'
        f"{one.marked} marked, {one.found} found, {one.right} of them right<br>"
        f'<span class="faint">{escape(one.name)}</span></figure>'
        for one in shown
    )
    return f'<p class="faint">Green is what is marked, orange what was found.</p><div class="charts">{figures}</div>'


def _data(record: DetectorRecord) -> str:
    dataset = record.dataset
    head = "".join(f"<th>{escape(label)}</th>" for label in dataset.labels)
    rows = "".join(
        f"<tr><th>{name}</th>{''.join(f'<td>{dataset.boxes[name][label]}</td>' for label in dataset.labels)}"
        f"<td>{split.pictures}</td></tr>"
        for name, split in dataset.splits.items()
    )
    return (
        f'<div class="sheet"><table><thead><tr><th>boxes</th>{head}<th>pictures</th></tr></thead><tbody>{rows}</tbody>'
        f'</table></div><p class="faint">{escape(dataset.origin)}; {escape(_provenance(record))}.</p>'
    )


def _provenance(record: DetectorRecord) -> str:
    dataset = record.dataset
    given = "as the data gives them, missing ones " if dataset.splits_given else ""
    return (
        f"splits {given}drawn with seed {dataset.seed}; {len(dataset.left_out)} copies left out, "
        f"{len(dataset.unreadable)} pictures unreadable, {len(dataset.odd_boxes)} odd boxes left out"
    )


def detector_card(record: DetectorRecord) -> str:
    """`card.md`."""
    return "\n".join(_card_lines(record)) + "\n"


def _card_lines(record: DetectorRecord) -> Iterator[str]:
    settings, metrics, dataset = record.settings, record.metrics, record.dataset
    width, height = settings.preprocessing.size_wh
    yield from (f"# {settings.name}", "", "## Model", "")
    yield f"- Task: {settings.task}, {len(dataset.labels)} classes: {', '.join(dataset.labels)}"
    yield f"- Input: {width}x{height} pixels, {settings.preprocessing.colour}, {settings.preprocessing.resize}"
    yield f"- Parameters: {metrics.parameters:,}"
    yield f"- Weights: `{metrics.weights}`"
    yield (
        f"- Training: {metrics.epochs} epochs in {metrics.seconds:.0f} s on {metrics.threads} threads "
        f"({metrics.machine}), seed {settings.seed}, averaged weights of epoch {metrics.kept_epoch} kept"
    )
    yield "- Software: " + ", ".join(f"{name} {version}" for name, version in metrics.software.items())
    yield ""
    yield from _card_results(metrics.test)
    yield from as_markdown(record.comparison)
    yield from ("## Data", "", f"- Origin: {dataset.origin}", f"- {_provenance(record).capitalize()}")
    for name, split in dataset.splits.items():
        yield f"- {name}: {split.pictures} pictures, {sum(dataset.boxes[name].values())} boxes"
    yield from (f"- Dataset: `{dataset.digest}`", "")
    yield from stated_and_open(record)


def _card_results(test: DetectionScores) -> Iterator[str]:
    low, high = test.map50_95_range
    yield from ("## Measured", "")
    yield (
        f"On {test.pictures} test pictures with {test.boxes} boxes, never used for training or for choosing weights, "
        "floating-point model, COCO's measures:"
    )
    yield ""
    yield f"- mAP50-95 {test.map50_95:.3f} (95 % interval {low:.3f} to {high:.3f}, from the choice of pictures)"
    yield f"- mAP50 {test.map50:.3f}"
    yield f"- Precision, recall and F1 are of boxes scored {test.score_threshold:.2f} and more"
    yield from ("", "| class | AP50-95 | AP50 | AR | precision | recall | F1 | boxes |")
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    for row in test.per_class:
        label = row.label.replace("|", "\\|")
        yield (
            f"| {label} | {row.ap50_95:.3f} | {row.ap50:.3f} | {row.ar:.3f} | {row.precision:.1%} | {row.recall:.1%} "
            f"| {row.f1:.1%} | {row.boxes} |"
        )
    yield ""
