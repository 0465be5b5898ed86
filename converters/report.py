"""`--report`: one page a person opens after a conversion, to see what became of the model and why, or why nothing did.

Nothing to load from anywhere: no script, no outside address, and the page forbids itself both; light or dark as the
reader's system has it. Every text is escaped: names come from files somebody made. The page holds what it is given and
measures nothing; whoever fills `ReportPage` says None for what was not measured.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib import resources
from typing import NamedTuple

from msgspec import Struct

from converters.quantities import UNKNOWN, decibels, interval, measure, milliseconds, number, share, size
from converters.scatter import Point, scatter

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


class ArtifactRow(Struct, frozen=True, kw_only=True):
    """One artifact, beside the others."""

    name: str
    """Told apart by it, on the page and in the picture: `tflite-int8`, `onnx-int8 for jetson-nano`."""
    recipe: str
    profiles: tuple[str, ...] = ()
    """Which get it."""
    size_bytes: int
    metric: float | None = None
    low: float | None = None
    high: float | None = None
    """The metric's 95 % interval."""
    agreement: float | None = None
    sqnr_db: float | None = None
    """Infinite where every number is the original's."""
    latency_ms: float | None = None
    """Median of a run on the machine that converted."""
    predicted_ms: float | None = None
    """On the device; see `predicted`."""
    predicted: str = ""
    """What the prediction is for and worth: `rpi4, within 35 % on 14 published models`."""
    passed: bool
    verdict: str
    """`passed`, or in a sentence why not and what helps."""


class StageRow(Struct, frozen=True, kw_only=True):
    """One stage between the original and the kernels that will serve, compared with the original."""

    stage: str
    ran_on: str = ""
    sqnr_db: float | None = None
    correlation: float | None = None
    agreement: float | None = None
    churn: float | None = None
    """Share of pictures whose answer was right and is wrong now, or the other way round."""
    metric: float | None = None
    low: float | None = None
    high: float | None = None
    passed: bool
    verdict: str = "passed"


class LayerRow(Struct, frozen=True, kw_only=True):
    """How far one layer's output lies from the float model's."""

    name: str
    operator: str
    sqnr_db: float | None = None
    share: float | None = None
    """Of all layers' error."""
    kept_float: bool = False


class Disagreement(Struct, frozen=True, kw_only=True):
    """A picture on which original and artifact say different things."""

    name: str
    image: bytes
    """PNG or JPEG."""
    source: str
    """What the original says, e.g. `cat 81 %`."""
    artifact: str
    truth: str = ""
    """Empty where nobody knows."""


class PreflightRow(Struct, frozen=True, kw_only=True):
    """What a device will make of an artifact, as far as can be told without it."""

    artifact: str
    target: str
    operators: int
    mapped: int | None = None
    """None where nothing is handed to an accelerator."""
    left_on_cpu: str = ""
    memory_mib: float | None = None
    passed: bool
    words: tuple[str, ...] = ()
    """Refusals and warnings, each with what to do."""


class ArtifactDetails(Struct, frozen=True, kw_only=True):
    """What is told of one artifact below the table."""

    name: str
    stages: tuple[StageRow, ...] = ()
    layers: tuple[LayerRow, ...] = ()
    """The worst first."""
    disagreements: tuple[Disagreement, ...] = ()
    """The worst first."""
    pictures_differing: int | None = None
    """How many there are in all."""


class ReportPage(Struct, frozen=True, kw_only=True):
    """Everything on the page."""

    title: str
    origin: str
    task: str
    metric: str = "accuracy"
    is_share: bool = True
    """Whether the metric is a share of 1; otherwise a number in a unit of its own."""
    pictures: int
    source: float | None = None
    source_low: float | None = None
    source_high: float | None = None
    made_with: str = ""
    """Libraries and versions."""
    artifacts: tuple[ArtifactRow, ...]
    details: tuple[ArtifactDetails, ...] = ()
    preflights: tuple[PreflightRow, ...] = ()
    notes: tuple[str, ...] = ()


class _Verdict(NamedTuple):
    """A table's cell that says yes or no, with a mark beside the colour."""

    passed: bool
    words: str


def report_page(page: ReportPage) -> str:
    """The page as HTML."""
    style = resources.files("converters").joinpath("report.css").read_text()
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(page.title)}: conversion report</title><style>{style}</style></head>"
        f"<body><main>{''.join(_sections(page))}</main></body></html>\n"
    )


def _sections(page: ReportPage) -> Iterator[str]:
    yield _head(page)
    yield "<h2>Artifacts</h2>" + _artifacts(page)
    yield f"<h2>{escape(page.metric.capitalize())} against size</h2>" + _picture(page)
    if page.preflights:
        yield "<h2>On the device</h2>" + _preflights(page.preflights)
    for details in page.details:
        yield f"<h2>{escape(details.name)}</h2>" + "".join(_details(details, page))
    if page.notes:
        yield "<h2>Notes</h2><ul>" + "".join(f"<li>{escape(note)}</li>" for note in page.notes) + "</ul>"


def _head(page: ReportPage) -> str:
    passed = [row for row in page.artifacts if row.passed]
    figures = [
        (measure(page.source, is_share=page.is_share), f"{page.metric} of the original"),
        (f"{len(passed)} of {len(page.artifacts)}", "artifacts are the same model"),
    ]
    if page.source_low is not None:
        known = interval(page.source_low, page.source_high, is_share=page.is_share)
        figures.insert(1, (known, f"its 95 % interval, {page.pictures} pictures"))
    if passed:
        smallest = min(passed, key=lambda row: row.size_bytes)
        figures.append((size(smallest.size_bytes), f"the smallest of them, {smallest.name}"))
    cells = "".join(
        f'<div><b>{escape(value)}</b><span class="faint">{escape(of)}</span></div>' for value, of in figures
    )
    made = f"; {escape(page.made_with)}" if page.made_with else ""
    return (
        f'<h1>{escape(page.title)}</h1><p class="faint">{escape(page.origin)}, {escape(page.task)}, compared on '
        f'{page.pictures} pictures{made}</p><div class="figures">{cells}</div>'
    )


def _artifacts(page: ReportPage) -> str:
    same = ("size", page.metric, "95 % interval", "same answer", "SQNR", "time here", "on the device", "for")
    head = ("artifact", "verdict", *same)
    rows = [
        (
            row.name,
            _Verdict(row.passed, "passed" if row.passed else "refused"),
            size(row.size_bytes),
            measure(row.metric, is_share=page.is_share),
            interval(row.low, row.high, is_share=page.is_share),
            share(row.agreement),
            decibels(row.sqnr_db),
            milliseconds(row.latency_ms),
            milliseconds(row.predicted_ms),
            ", ".join(row.profiles) or UNKNOWN,
        )
        for row in page.artifacts
    ]
    refusals = "".join(
        f'<p class="refusal"><b>{escape(row.name)}</b> {escape(row.verdict)}</p>'
        for row in page.artifacts
        if not row.passed
    )
    worth = "".join(
        f'<p class="faint">{escape(row.name)}: the time on the device is predicted for {escape(row.predicted)}.</p>'
        for row in page.artifacts
        if row.predicted
    )
    return refusals + _table("all artifacts", head, rows) + worth


def _picture(page: ReportPage) -> str:
    points = [
        Point(row.name, row.size_bytes, row.metric, row.low, row.high, row.passed)
        for row in page.artifacts
        if row.metric is not None
    ]
    if not points:
        return '<p class="sheet">Nobody said what is on the pictures, so there is nothing to draw.</p>'
    drawn = scatter(points, metric=page.metric, source=page.source, is_share=page.is_share)
    key = '<span class="key-passed">passed</span><span class="key-refused">refused</span>'
    return f'{_scrolling("the picture", drawn)}<p class="faint">{key} Bars are 95 % intervals.</p>'


def _preflights(rows: Sequence[PreflightRow]) -> str:
    head = ("artifact", "verdict", "target", "operators", "mapped", "left on the CPU", "memory")
    cells = [
        (
            row.artifact,
            _Verdict(row.passed, "fits" if row.passed else "refused"),
            row.target,
            str(row.operators),
            UNKNOWN if row.mapped is None else str(row.mapped),
            row.left_on_cpu or UNKNOWN,
            UNKNOWN if row.memory_mib is None else f"{number(row.memory_mib)} MiB",
        )
        for row in rows
    ]
    words = "".join(
        f"<li><b>{escape(row.artifact)} on {escape(row.target)}</b>: {escape(one)}</li>"
        for row in rows
        for one in row.words
    )
    return _table("pre-flight", head, cells) + (f"<ul>{words}</ul>" if words else "")


def _details(details: ArtifactDetails, page: ReportPage) -> Iterator[str]:
    if details.stages:
        yield _stages(details.stages, page)
    if details.layers:
        yield "<h3>Layers, the worst first</h3>" + _layers(details.layers)
    if details.pictures_differing is not None:
        count = details.pictures_differing
        yield f"<h3>Pictures answered otherwise: {count} of {page.pictures}</h3>"
    yield _disagreements(details.disagreements)


def _stages(stages: Iterable[StageRow], page: ReportPage) -> str:
    same = ("SQNR", "correlation", "same answer", "churn", page.metric, "95 % interval", "run by")
    head = ("stage", "verdict", *same)
    rows = [
        (
            row.stage,
            _Verdict(row.passed, row.verdict),
            decibels(row.sqnr_db),
            UNKNOWN if row.correlation is None else f"{row.correlation:.4f}",
            share(row.agreement),
            share(row.churn),
            measure(row.metric, is_share=page.is_share),
            interval(row.low, row.high, is_share=page.is_share),
            row.ran_on or UNKNOWN,
        )
        for row in stages
    ]
    return _table("stages", head, rows)


def _layers(layers: Iterable[LayerRow]) -> str:
    rows = [
        (row.name, row.operator, decibels(row.sqnr_db), share(row.share), "in float" if row.kept_float else "8 bits")
        for row in layers
    ]
    return _table("layers", ("layer", "operator", "SQNR", "of all error", "stored"), rows)


def _disagreements(found: Sequence[Disagreement]) -> str:
    if not found:
        return ""
    figures = "".join(
        f'<figure><img alt="{escape(one.name)}" src="data:image/{_kind(one.image)};base64,'
        f'{b64encode(one.image).decode()}"><span class="faint">original</span> <b>{escape(one.source)}</b><br>'
        f'<span class="faint">artifact</span> <b>{escape(one.artifact)}</b><br>{_truth(one)}'
        f'<span class="faint">{escape(one.name)}</span></figure>'
        for one in found
    )
    return f'<div class="pictures">{figures}</div>'


def _truth(one: Disagreement) -> str:
    return f'<span class="faint">is</span> <b>{escape(one.truth)}</b><br>' if one.truth else ""


def _kind(image: bytes) -> str:
    return "png" if image.startswith(b"\x89PNG") else "jpeg"


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str | _Verdict]]) -> str:
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(f"<tr>{''.join(_cells(row))}</tr>" for row in rows)
    return _scrolling(title, f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>")


def _cells(row: Sequence[str | _Verdict]) -> Iterator[str]:
    for column, cell in enumerate(row):
        if isinstance(cell, _Verdict):
            kind, mark = ("passed", "✓") if cell.passed else ("refused", "✗")
            yield f'<td class="{kind}"><span aria-hidden="true">{mark}</span> {escape(cell.words)}</td>'
        else:
            yield f'<th scope="row">{escape(cell)}</th>' if column == 0 else f"<td>{escape(cell)}</td>"


def _scrolling(title: str, content: str) -> str:
    """On a phone the content moves inside its frame, by finger or by arrow keys, and the page stays."""
    return f'<div class="sheet" role="region" aria-label="{escape(title)}" tabindex="0">{content}</div>'
