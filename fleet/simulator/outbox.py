"""What a simulated device owes the collector: the agent's outbox without its file.

Same numbering, same batches, same answer to an acknowledgement; `tests/fleet/simulator/test_outbox.py` holds both
beside each other. In memory it survives what a virtual process survives: a crash begins a new boot and keeps the rest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Literal, NamedTuple

from contract.flight import Place
from contract.messages import Batch, Event, Reported, Telemetry, spans_of

Kind = Literal["telemetry", "events", "reported"]
Kept = Telemetry | Event | Reported


class Parcel(NamedTuple):
    """One batch, ready for its topic."""

    kind: Kind
    batch: Batch
    last: Place


class _Row(NamedTuple):
    sequence: int
    kind: Kind
    message: Kept


class _Boot:
    """One boot's messages, oldest first, and the numbers that were given up."""

    def __init__(self, name: str) -> None:
        self.name, self.last = name, 0
        self.rows: deque[_Row] = deque()
        self.gone: deque[int] = deque()
        """Ascending."""

    @property
    def settled(self) -> bool:
        return not self.rows and not self.gone


class Outbox:
    """Messages of this boot and of earlier ones; at most `limit` are kept, then the oldest are given up."""

    def __init__(self, boot: str, limit: int = 20_000) -> None:
        self.limit, self.waiting, self.lost = limit, 0, 0
        self._boots = [_Boot(boot)]

    @property
    def boot(self) -> str:
        """The present one."""
        return self._boots[-1].name

    @property
    def last(self) -> int:
        """The highest number of this boot."""
        return self._boots[-1].last

    def begin_boot(self, boot: str) -> None:
        """The process starts anew; what waits stays."""
        self._boots = [*(one for one in self._boots if not one.settled), _Boot(boot)]

    def put(self, kind: Kind, build: Callable[[int], Kept]) -> int:
        """Number a message and keep it; returns its number."""
        boot = self._boots[-1]
        boot.last += 1
        boot.rows.append(_Row(boot.last, kind, build(boot.last)))
        self.waiting += 1
        if self.waiting > self.limit:
            self._give_up_oldest()
        return boot.last

    def next_batch(self, after: Place | None = None, *, max_count: int = 100) -> Parcel | None:
        """What comes after `after`: messages of one boot and kind, and which numbers around them are gone."""
        begin = 0 if after is None else next((i for i, b in enumerate(self._boots) if b.name == after.boot), None)
        place = after.sequence if after is not None and begin is not None else 0
        for number, boot in enumerate(self._boots[begin or 0 :]):
            parcel = _parcel(boot, place if number == 0 else 0, max_count)
            if parcel is not None:
                return parcel
        return None

    def acknowledge(self, boot: str, sequence: int, refused: tuple[int, ...] = ()) -> int:
        """The collector is done with everything of `boot` up to `sequence`: forget it, return how many."""
        mine = next((one for one in self._boots if one.name == boot), None)
        if mine is None:
            return 0
        forgotten = set()
        while mine.rows and mine.rows[0].sequence <= sequence:
            forgotten.add(mine.rows.popleft().sequence)
        while mine.gone and mine.gone[0] <= sequence:
            mine.gone.popleft()
        self.lost += len(forgotten.intersection(refused))
        self.waiting -= len(forgotten)
        self._boots = [*(one for one in self._boots[:-1] if not one.settled), self._boots[-1]]
        return len(forgotten)

    def _give_up_oldest(self) -> None:
        """Readings and events; an outcome is said once and stays."""
        for boot in self._boots:
            for place, row in enumerate(boot.rows):
                if row.kind != "reported":
                    del boot.rows[place]
                    boot.gone = deque(sorted({*boot.gone, row.sequence}))
                    self.waiting -= 1
                    self.lost += 1
                    return


def _parcel(boot: _Boot, place: int, max_count: int) -> Parcel | None:
    rows = _run(boot, place, max_count)
    end = rows[-1].sequence if rows else place
    following = next((row.sequence for row in _after(boot, end)), None)
    numbers = [n for n in boot.gone if n > place and (following is None or n < following)]
    if not rows and not numbers:
        return None
    kind: Kind = rows[0].kind if rows else "telemetry"
    end = max([end, *numbers[-1:]])
    oldest = boot.rows[0].sequence if boot.rows else end + 1
    above = tuple(span for span in spans_of(numbers) if span.first > oldest)
    messages = {kind: tuple(row.message for row in rows)}
    batch = Batch(boot=boot.name, oldest=oldest, gone=above, **messages)  # type: ignore[arg-type]
    return Parcel(kind, batch, Place(boot.name, end))


def _run(boot: _Boot, place: int, max_count: int) -> list[_Row]:
    """The rows behind `place` that are of one kind."""
    run: list[_Row] = []
    for row in islice(_after(boot, place), max_count):
        if run and row.kind != run[0].kind:
            break
        run.append(row)
    return run


def _after(boot: _Boot, place: int) -> Iterator[_Row]:
    """Rows numbered above `place`. Numbers ascend without many holes, so the start is found by counting."""
    if not boot.rows:
        return iter(())
    begin = max(0, min(len(boot.rows), place - boot.rows[0].sequence + 1))
    while begin > 0 and boot.rows[begin - 1].sequence > place:
        begin -= 1
    return islice(boot.rows, begin, None)
