"""`report.html`: one page a person opens after a training, with nothing to load from anywhere.

No script, no outside address; light or dark as the reader's system has it. Names come from folders somebody made, so
every one of them is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib import resources

from contract.run import Scores
from trainer.architecture.predicted_table import predicted_table
from trainer.charts import line_chart
from trainer.record import Record
from trainer.report_sections import looks
from trainer.report_sections.confusion import confusion
from trainer.report_sections.evaluated import evaluated
from trainer.report_sections.figures import figures
from trainer.report_sections.goals import goals
from trainer.retraining.comparison_section import as_html
from trainer.settings import to_toml


def report(record: Record) -> str:
    """The page."""
    return page(record.settings.name, "".join(_sections(record)))


def page(name: str, body: str) -> str:
    """A whole page around `body`, which is HTML already; `name` is not."""
    style = resources.files("trainer").joinpath("report.css").read_text()
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(name)}: training report</title><style>{style}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )


def _sections(record: Record) -> Iterator[str]:
    test, evaluation = record.metrics.test, record.metrics.evaluation
    yield _head(record)
    if evaluation is None:
        yield "<h2>Class by class</h2>" + _per_class(test) + confusion(test)
    else:
        yield goals(evaluation.goals) + figures(evaluation)
        yield from evaluated(evaluation, test)
    yield looks.mistakes(record.mistakes) + looks.right(record.right)
    yield as_html(record.comparison)
    yield "<h2>How it learnt</h2>" + _curves(record)
    if record.metrics.predicted:
        yield "<h2>What it would cost</h2>" + predicted_table(record.metrics.predicted.values())
    yield "<h2>Data</h2>" + _data(record)
    yield f'<h2>Settings</h2><div class="sheet"><pre>{escape(to_toml(record.settings).decode())}</pre></div>'


def _head(record: Record) -> str:
    metrics, settings = record.metrics, record.settings
    low, high = metrics.accuracy_range
    width, height = settings.preprocessing.size_wh
    facts: tuple[tuple[str, str], ...] = (
        (f"{metrics.test.accuracy:.1%}", "accuracy on the test split"),
        (f"{low:.0%} to {high:.0%}", f"its 95 % interval, {metrics.test.pictures} pictures"),
        (f"{metrics.test.macro_f1:.1%}", "macro-F1"),
        (f"{metrics.parameters:,}", "parameters"),
        (f"{metrics.seconds:.0f} s", f"for {metrics.epochs} epochs, {metrics.pictures_per_s:.0f} pictures/s"),
    )
    if metrics.evaluation is not None:
        facts = facts[3:]  # the others stand below with their intervals
    cells = "".join(f'<div><b>{value}</b><span class="faint">{meaning}</span></div>' for value, meaning in facts)
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
