"""How a person sees training go on: a bar on standard error, plain lines where that is no terminal, or nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol, TextIO

OnEpoch = Callable[[int, Mapping[str, float]], None]
"""Called after each epoch with its number from 1 and `loss`, `accuracy`, `val_loss`, `val_accuracy`."""
_LINES = 10
"""Plain lines a training writes at most: logs are read later, by people."""


class Progress(Protocol):
    """Somebody who wants to know."""

    def say(self, text: str) -> None:
        """One sentence about what comes next."""

    def epochs(self, total: int) -> OnEpoch:
        """Training begins: what to call after each of its epochs, at most `total`."""


class Silent:
    """Nobody wants to know."""

    def say(self, text: str) -> None:
        """Not said."""

    def epochs(self, total: int) -> OnEpoch:
        """Not counted."""
        return _ignore


def _ignore(_epoch: int, _logs: Mapping[str, float]) -> None:
    """Not told."""


class Lines:
    """Plain lines on `stream`, about ten a training."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def say(self, text: str) -> None:
        """One line."""
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def epochs(self, total: int) -> OnEpoch:
        """A line every tenth of the way."""
        every = -(-total // _LINES)

        def tell(epoch: int, logs: Mapping[str, float]) -> None:
            if epoch % every == 0 or epoch == total:
                self.say(f"epoch {epoch}/{total}  {_figures(logs)}")

        return tell


class Bar:
    """A rich progress bar; made by `watching`, which takes it down again."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        text = "[progress.description]{task.description}"
        self.shown = RichProgress(
            TextColumn(text), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"), console=Console(stderr=True),
        )  # fmt: skip

    def say(self, text: str) -> None:
        """A line above the bar."""
        self.shown.console.print(text, highlight=False, markup=False)

    def epochs(self, total: int) -> OnEpoch:
        """The bar moves an epoch at a time."""
        task = self.shown.add_task("training", total=total, figures="")
        return lambda epoch, logs: self.shown.update(task, completed=epoch, figures=_figures(logs))


@contextmanager
def watching(*, quiet: bool) -> Iterator[Progress]:
    """What suits standard error: nothing with `quiet`, a bar on a terminal, lines elsewhere."""
    if quiet:
        yield Silent()
    elif not sys.stderr.isatty():
        yield Lines(sys.stderr)
    else:
        bar = Bar()
        with bar.shown:
            yield bar


def _figures(logs: Mapping[str, float]) -> str:
    return f"loss {logs['loss']:.3f}  validation {logs['val_loss']:.3f}  accuracy {logs['val_accuracy']:.1%}"
