"""`tune.html`: one page about a search, with nothing to load from anywhere: the front, what mattered, every trial."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib import resources

from trainer.architecture.predicted_table import predicted_table
from trainer.tuning.outcome import TrialRecord, front

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 640, 320, 52, 16, 14, 40
_TICKS = 5
_STYLE = """
circle { fill: var(--faint); opacity: .7 } circle.front { fill: var(--first); opacity: 1 }
circle.best { fill: var(--second); opacity: 1 } td, th { white-space: nowrap }
td.cause { white-space: normal; text-align: left }
.bar { background: var(--first); height: 10px; border-radius: 3px; min-width: 2px }
"""


def page(found: Sequence[TrialRecord], best: TrialRecord, importances: Mapping[str, float], *, command: str) -> str:
    """The page; every word that came from outside is escaped."""
    style = resources.files("trainer").joinpath("report.css").read_text() + _STYLE
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>tuning</title><style>{style}</style></head>"
        f"<body><main>{''.join(_sections(found, best, importances, command))}</main></body></html>\n"
    )


def _sections(
    found: Sequence[TrialRecord], best: TrialRecord, importances: Mapping[str, float], command: str
) -> Iterator[str]:
    complete = sum(trial.state == "complete" for trial in found)
    over = sum(trial.state == "over budget" for trial in found)
    yield (
        f"<h1>Search</h1><p class='faint'>{sum(trial.counts for trial in found)} trials, {complete} to their end; "
        f"{over} networks refused as over budget before training. {_capital(best.measure)} is of the validation split: "
        "the best of many is flattered, and the test split was not looked at.</p>"
    )
    yield f"<h2>The best: trial {best.number}, {best.accuracy or 0:.1%}</h2>{predicted_table(best.predicted.values())}"
    yield f'<div class="sheet"><pre>{escape(command)}</pre></div>'
    yield f"<h2>{_capital(best.measure)} against latency</h2>{_plot(found, best)}"
    yield f"<h2>What mattered</h2>{_bars(importances)}"
    yield f"<h2>Trials</h2>{_table(found, best.measure)}"


def _capital(measure: str) -> str:
    return measure[:1].upper() + measure[1:] if measure.islower() else measure


def _plot(found: Sequence[TrialRecord], best: TrialRecord) -> str:
    shown = [trial for trial in found if trial.state == "complete" and trial.accuracy is not None]
    right = max(trial.latency_ms for trial in shown) * 1.05 or 1.0
    lowest = min(trial.accuracy or 0.0 for trial in shown)
    floor = max(0.0, lowest - 0.1 * (1 - lowest) - 0.01)
    fronts = front(shown)

    def place(trial: TrialRecord) -> tuple[float, float]:
        x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * trial.latency_ms / right
        y = _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - ((trial.accuracy or 0.0) - floor) / (1 - floor))
        return x, y

    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, fronts))
    marks = "".join(_mark(trial, place(trial), trial in fronts, trial.number == best.number) for trial in shown)
    return (
        f"<figure><figcaption>Validation {best.measure} by predicted milliseconds a frame on the slowest device; the "
        f"line is the front: nothing is both quicker and better</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{best.measure} against latency">{"".join(_grid(right, floor))}<polyline class="line-0" '
        f'points="{points}"/>{marks}</svg></figure>'
    )


def _mark(trial: TrialRecord, at: tuple[float, float], in_front: bool, best: bool) -> str:
    kind = "best" if best else "front" if in_front else "other"
    title = f"trial {trial.number}: {trial.accuracy or 0:.1%}, {trial.latency_ms:g} ms"
    return f'<circle class="{kind}" cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="5"><title>{escape(title)}</title></circle>'


def _grid(right: float, floor: float) -> Iterator[str]:
    for tick in range(_TICKS + 1):
        share = tick / _TICKS
        y = _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - share)
        x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * share
        yield f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{floor + (1 - floor) * share:.0%}</text>'
        yield f'<text x="{x:.1f}" y="{_HEIGHT - 20}" text-anchor="middle">{right * share:.2g}</text>'
    yield f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 4}" text-anchor="middle">ms a frame, predicted</text>'


def _bars(importances: Mapping[str, float]) -> str:
    if not importances:
        return "<p>Too few trials came to their end to tell.</p>"
    rows = "".join(
        f'<tr><th>{escape(name)}</th><td>{share:.0%}</td><td><div class="bar" style="width: {200 * share:.0f}px"></div>'
        "</td></tr>"
        for name, share in importances.items()
    )
    return f'<div class="sheet"><table><tbody>{rows}</tbody></table></div>'


def _table(found: Sequence[TrialRecord], measure: str) -> str:
    names = list(dict.fromkeys(name for trial in found for name in trial.params))
    head = "".join(
        f"<th>{escape(name)}</th>" for name in ("trial", "state", measure, "ms", "MB", *names, "epochs", "why")
    )
    rows = "".join(_row(trial, names) for trial in found)
    return f'<div class="sheet"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _row(trial: TrialRecord, names: Sequence[str]) -> str:
    size = max((found.size_bytes for found in trial.predicted.values()), default=0)
    cells = (
        trial.state,
        "" if trial.accuracy is None else f"{trial.accuracy:.1%}",
        f"{trial.latency_ms:g}",
        f"{size / 1e6:.2f}",
        *(_short(trial.params.get(name, "")) for name in names),
        str(trial.epochs or ""),
    )
    said = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr><th>{trial.number}</th>{said}<td class="cause">{escape(trial.cause)}</td></tr>'


def _short(value: str | float) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
