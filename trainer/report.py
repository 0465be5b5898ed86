"""`report.html`: one page a person opens after a training, with nothing to load from anywhere.

No script, no outside address; light or dark as the reader's system has it. Names come from folders somebody made, so
every one of them is escaped.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from html import escape
from importlib import resources

from contract.run import Scores
from trainer.charts import line_chart
from trainer.record import Mistake, Record
from trainer.settings import to_toml

_PALEST, _DEEPEST = 0.15, 0.6
"""Opacity of a confusion cell: one mistake must be seen, and a full row must leave its number readable."""
_MANY = 40
"""Classes above which a confusion matrix is no longer read by anyone; the mistakes by class are in metrics.json."""


def report(record: Record) -> str:
    """The page."""
    style = resources.files("trainer").joinpath("report.css").read_text()
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(record.settings.name)}: training report</title><style>{style}</style></head>"
        f"<body><main>{''.join(_sections(record))}</main></body></html>\n"
    )


def _sections(record: Record) -> Iterator[str]:
    test = record.metrics.test
    yield _head(record)
    yield "<h2>How it learnt</h2>" + _curves(record)
    yield "<h2>Class by class</h2>" + _per_class(test)
    if len(test.per_class) <= _MANY:
        yield "<h2>Truth against answer</h2>" + _confusion(test)
    yield "<h2>Mistakes, the surest first</h2>" + _mistakes(record.mistakes)
    yield "<h2>Data</h2>" + _data(record)
    yield f'<h2>Settings</h2><div class="sheet"><pre>{escape(to_toml(record.settings).decode())}</pre></div>'


def _head(record: Record) -> str:
    metrics, settings = record.metrics, record.settings
    low, high = metrics.accuracy_range
    width, height = settings.preprocessing.size_wh
    figures = (
        (f"{metrics.test.accuracy:.1%}", "accuracy on the test split"),
        (f"{low:.0%} to {high:.0%}", f"its 95 % interval, {metrics.test.pictures} pictures"),
        (f"{metrics.test.macro_f1:.1%}", "macro-F1"),
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


def _curves(record: Record) -> str:
    history = record.metrics.history
    loss = line_chart("Loss", {"training": history["loss"], "validation": history["val_loss"]})
    shares = {"training": history["accuracy"], "validation": history["val_accuracy"]}
    accuracy = line_chart("Accuracy", shares, percent=True)
    return (
        f'<div class="charts">{loss}{accuracy}</div><p class="faint">Training values are of randomly changed pictures. '
        f"The weights of epoch {record.metrics.kept_epoch} were kept.</p>"
    )


def _per_class(test: Scores) -> str:
    rows = "".join(
        f"<tr><th>{escape(row.label)}</th><td>{row.precision:.1%}</td><td>{row.recall:.1%}</td>"
        f"<td>{row.f1:.1%}</td><td>{row.pictures}</td></tr>"
        for row in test.per_class
    )
    head = "<tr><th>class</th><th>precision</th><th>recall</th><th>F1</th><th>pictures</th></tr>"
    return f'<div class="sheet"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'


def _confusion(test: Scores) -> str:
    labels = [escape(row.label) for row in test.per_class]
    head = "".join(f"<th>{label}</th>" for label in labels)
    rows = "".join(
        f"<tr><th>{label}</th>{''.join(_cells(row, number))}</tr>"
        for number, (label, row) in enumerate(zip(labels, test.confusion, strict=True))
    )
    return (
        f'<div class="sheet"><table class="confusion"><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody>'
        f'</table></div><p class="faint">Rows are the truth, columns the answer.</p>'
    )


def _cells(row: tuple[int, ...], truth: int) -> Iterator[str]:
    """Blue where right, orange where wrong, the deeper the larger the share of the row."""
    for answer, count in enumerate(row):
        colour = "--hit" if answer == truth else "--miss"
        depth = _PALEST + (_DEEPEST - _PALEST) * count / max(1, sum(row))
        shade = f' style="background: rgba(var({colour}), {depth:.2f})"' if count else ""
        yield f"<td{shade}>{count or ''}</td>"


def _mistakes(mistakes: tuple[Mistake, ...]) -> str:
    if not mistakes:
        return "<p>None on the test split.</p>"
    figures = "".join(
        f'<figure><img alt="{escape(mistake.name)}" src="data:image/png;base64,{b64encode(mistake.png).decode()}">'
        f"<b>{escape(mistake.answer)}</b> {mistake.score:.0%}, is <b>{escape(mistake.truth)}</b><br>"
        f'<span class="faint">{escape(mistake.name)}</span></figure>'
        for mistake in mistakes
    )
    return f'<div class="mistakes">{figures}</div>'


def _data(record: Record) -> str:
    dataset = record.dataset
    head = "".join(f"<th>{escape(label)}</th>" for label in dataset.labels)
    rows = "".join(
        f"<tr><th>{name}</th>{''.join(f'<td>{split.classes[label]}</td>' for label in dataset.labels)}"
        f"<td>{split.pictures}</td></tr>"
        for name, split in dataset.splits.items()
    )
    given = "as the data gives them, missing ones " if dataset.splits_given else ""
    how = f"{given}drawn with seed {dataset.seed}"
    lost = f"{len(dataset.left_out)} copies left out, {len(dataset.unreadable)} unreadable"
    return (
        f'<div class="sheet"><table><thead><tr><th>split</th>{head}<th>all</th></tr></thead><tbody>{rows}</tbody>'
        f'</table></div><p class="faint">{escape(dataset.origin)}; splits {how}; {lost}.</p>'
    )
