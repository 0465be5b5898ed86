"""How a person sees training go on: a bar on standard error, plain lines where that is no terminal, or nothing."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import TaskID

OnEpoch = Callable[[int, Mapping[str, float]], None]
"""Called after each epoch with its number from 1 and `loss`, `accuracy`, `val_loss`, `val_accuracy` (for detectors
`loss` and `val_map`, NaN before it was measured), and where known `learning_rate`."""
OnStep = Callable[[int, float, Mapping[str, float]], None]
"""Called now and then within an epoch with its number from 1, the share of it that is done, and `loss`, `accuracy`,
`learning_rate` so far."""
_LINES = 10
"""Plain lines a training writes about its epochs at most: logs are read later, by people."""
_SILENCE = 60.0
"""Seconds after which a line is written even in the middle of an epoch."""
_MEMORY = 600.0
"""Seconds over which the speed is averaged for the time that remains: long epochs end seldom."""


class Progress(Protocol):
    """Somebody who wants to know."""

    def say(self, text: str) -> None:
        """One sentence about what comes next."""

    def epochs(self, total: int) -> OnEpoch:
        """Training begins: what to call after each of its epochs, at most `total`."""

    def steps(self, total: int) -> OnStep:
        """What to call within the epochs of the training that `epochs` began."""


class Silent:
    """Nobody wants to know."""

    def say(self, text: str) -> None:
        """Not said."""

    def epochs(self, total: int) -> OnEpoch:
        """Not counted."""
        return _ignore

    def steps(self, total: int) -> OnStep:
        """Not counted."""
        return _ignore_step


def _ignore(_epoch: int, _logs: Mapping[str, float]) -> None:
    """Not told."""


def _ignore_step(_epoch: int, _share: float, _logs: Mapping[str, float]) -> None:
    """Not told."""


class Lines:
    """Plain lines on `stream`, about ten a training, and one a minute while an epoch takes longer."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._said = clock()

    def say(self, text: str) -> None:
        """One line."""
        self._stream.write(f"{text}\n")
        self._stream.flush()
        self._said = self._clock()

    def epochs(self, total: int) -> OnEpoch:
        """A line every tenth of the way."""
        every = -(-total // _LINES)

        def tell(epoch: int, logs: Mapping[str, float]) -> None:
            if epoch % every == 0 or epoch == total:
                self.say(f"epoch {epoch}/{total}  {_figures(logs)}")

        return tell

    def steps(self, total: int) -> OnStep:
        """A line where nothing was said for a minute."""
        begun: list[tuple[float, float]] = []

        def tell(epoch: int, share: float, logs: Mapping[str, float]) -> None:
            done, now = epoch - 1 + share, self._clock()
            begun[:] = begun or [(now, done)]
            if now - self._said >= _SILENCE:
                since, before = begun[0]
                left = (total - done) * (now - since) / max(done - before, 1e-9)
                self.say(f"epoch {epoch}/{total}, {share:.0%} of it  {_so_far(logs)}  {_left(left)}")

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
            TextColumn("{task.fields[figures]}"), console=Console(stderr=True), speed_estimate_period=_MEMORY,
        )  # fmt: skip
        self._task: TaskID | None = None

    def say(self, text: str) -> None:
        """A line above the bar."""
        self.shown.console.print(text, highlight=False, markup=False)

    def epochs(self, total: int) -> OnEpoch:
        """The bar stands at whole epochs."""
        task = self._task = self.shown.add_task("training", total=total, figures="")
        return lambda epoch, logs: self.shown.update(task, completed=epoch, figures=_figures(logs))

    def steps(self, total: int) -> OnStep:
        """The bar moves between them."""
        task = self._task if self._task is not None else self.shown.add_task("training", total=total, figures="")

        def move(epoch: int, share: float, logs: Mapping[str, float]) -> None:
            self.shown.update(task, completed=epoch - 1 + share, figures=_so_far(logs))

        return move


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
    if "val_map" in logs:  # a detector, whose validation split is looked at now and then
        looked = f"  validation mAP50-95 {logs['val_map']:.3f}" if not math.isnan(logs["val_map"]) else ""
        return f"loss {logs['loss']:.3f}{looked}" + _rate(logs)
    text = f"loss {logs['loss']:.3f}  validation {logs['val_loss']:.3f}  accuracy {logs['val_accuracy']:.1%}"
    return text + _rate(logs)


def _so_far(logs: Mapping[str, float]) -> str:
    return f"loss {logs['loss']:.3f}" + _rate(logs)


def _rate(logs: Mapping[str, float]) -> str:
    return f"  rate {logs['learning_rate']:.1e}" if "learning_rate" in logs else ""


def _left(seconds: float) -> str:
    """A rough word about the time that remains."""
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"about {seconds / length:.0f} {unit} left"
    return f"about {seconds:.0f} s left"
