"""A search as it goes on, on standard error: a table on a terminal, a line a trial elsewhere, or nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from trainer.progress import Lines, OnEpoch, OnStep, Progress, Silent
from trainer.tuning.outcome import TrialRecord

_ROWS = 20
"""The newest trials a table shows."""


@contextmanager
def watching_trials(*, quiet: bool) -> Iterator[tuple[Progress, Callable[[TrialRecord], None]]]:
    """Who is told what comes next, and who is told of each trial."""
    if quiet:
        yield Silent(), _ignore
    elif not sys.stderr.isatty():
        lines = Lines(sys.stderr)
        yield lines, lambda trial: lines.say(line(trial))
    else:
        from rich.console import Console
        from rich.live import Live

        with Live(console=Console(stderr=True), auto_refresh=False) as live:
            table = _Table(live)
            yield table, table.add


def _ignore(_trial: TrialRecord) -> None:
    """Not told."""


def line(trial: TrialRecord) -> str:
    """A trial in one line."""
    params = " ".join(f"{name}={_short(value)}" for name, value in trial.params.items())
    accuracy = "" if trial.accuracy is None else f" {trial.accuracy:.1%}"
    why = f" ({trial.cause})" if trial.cause else ""
    return f"trial {trial.number} {trial.state}{accuracy}, {trial.latency_ms:g} ms: {params}{why}"


class _Table:
    """A rich table that grows; also a Progress, whose sentences stand above it."""

    def __init__(self, live: Any) -> None:
        self._live, self._trials = live, list[TrialRecord]()

    def say(self, text: str) -> None:
        """A line above the table."""
        self._live.console.print(text, highlight=False, markup=False)

    def epochs(self, total: int) -> OnEpoch:
        """The training of the best is not counted out."""
        return Silent().epochs(total)

    def steps(self, total: int) -> OnStep:
        """Nor are its steps."""
        return Silent().steps(total)

    def add(self, trial: TrialRecord) -> None:
        """One more row, the best marked."""
        from rich.table import Table
        from rich.text import Text

        self._trials.append(trial)
        best = max((known.accuracy or 0.0 for known in self._trials), default=0.0)
        table = Table("trial", "state", trial.measure, "ms", "settings")
        for known in self._trials[-_ROWS:]:
            accuracy = "" if known.accuracy is None else f"{known.accuracy:.1%}"
            settings = " ".join(f"{name}={_short(value)}" for name, value in known.params.items())
            row = (str(known.number), known.state, accuracy, f"{known.latency_ms:g}", settings)
            table.add_row(*map(Text, row), style="bold" if known.accuracy == best and accuracy else None)
        self._live.update(table, refresh=True)


def _short(value: str | float) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
