"""How many bytes updates may still fetch: in this calendar month, and for the assignment at hand.

A metered line is paid by the month, so the count survives restarts in STATE/budget.json. It is written every 256 KiB
and by `flush`: a crash forgets that much at most. Months are those of UTC, and only a later one begins anew: a device
without a battery-backed clock starts in the past each time, and would otherwise have a fresh budget after each start.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from contract.codec import to_pretty_json
from contract.errors import UpdateError
from edge.durable import Disk, disk_error, read_record

log = logging.getLogger(__name__)

FILE_NAME = "budget.json"
SCHEMA = 1
FLUSH_BYTES = 256 * 1024
ASKING_BYTES = 16 * 1024
"""What a download takes beside its file, as long as its line does not break often: `edge/watch.py` counts it."""
_MIB = 1 << 20
_OF_THE_MONTH = (
    "month_mib under [update] in device.toml",
    f"Assign it again next month, or raise month_mib; if the device's clock was once ahead, delete {FILE_NAME} in its "
    "state folder.",
)
_OF_THE_ASSIGNMENT = ("budget_bytes of the assignment", "Assign it again with a larger budget.")


class BudgetError(UpdateError):
    """It would take, or has taken, more bytes than are allowed."""


class Spent(Struct, frozen=True, kw_only=True):
    """What has been fetched so far."""

    schema: int = SCHEMA
    month: str
    """`2026-03`, UTC."""
    month_bytes: int = 0
    counter: int = 0
    """Of the assignment that was fetched for last."""
    assignment_bytes: int = 0
    """All its attempts together."""


class Budget:
    """The count of one device, kept in `folder`. To be used by one thread.

    `month_bytes` is the month's limit, None for none; `clock` gives seconds since 1970. A file that the medium has
    spoilt is set aside as `budget.json.spoilt`, and counting begins anew.
    """

    def __init__(self, folder: Path, disk: Disk, *, month_bytes: int | None, clock: Callable[[], float]) -> None:
        self._path, self._disk, self._limit, self._clock = folder / FILE_NAME, disk, month_bytes, clock
        self._spent = self._load()
        self._unwritten = 0

    @property
    def spent(self) -> Spent:
        """As of now."""
        self._turn_the_month()
        return self._spent

    def allowance(self, assignment_bytes: int | None, *, counter: int) -> Allowance:
        """To be spent on the assignment `counter`, of which all attempts may take `assignment_bytes` together."""
        if counter != self._spent.counter:
            self._spent = replace(self._spent, counter=counter, assignment_bytes=0)
        return Allowance(self, assignment_bytes)

    def left(self) -> int | None:
        """Bytes left this month, 0 or more; None without a limit."""
        return None if self._limit is None else max(0, self._limit - self.spent.month_bytes)

    def add(self, count: int) -> None:
        """So many bytes have been fetched. DiskError where the disk refuses to remember."""
        spent = self.spent
        self._spent = replace(
            spent, month_bytes=spent.month_bytes + count, assignment_bytes=spent.assignment_bytes + count
        )
        self._unwritten += count
        if self._unwritten >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write the count down; nothing happens where it has not changed. DiskError."""
        if not self._unwritten:
            return
        try:
            self._disk.replace_file(self._path, to_pretty_json(self._spent))
        except OSError as problem:
            raise disk_error("keeping the count of fetched bytes", self._path, problem) from problem
        self._unwritten = 0

    def _turn_the_month(self) -> None:
        now = _month(self._clock())
        if now > self._spent.month:
            self._spent = replace(self._spent, month=now, month_bytes=0)

    def _load(self) -> Spent:
        fresh = Spent(month=_month(self._clock()))
        if not self._path.exists():
            return fresh
        try:
            return read_record(self._path, Spent, newest_schema=SCHEMA, without_it="this month's count begins anew")
        except UpdateError as spoilt:
            log.warning("%s It is set aside, and this month's count begins anew.", spoilt)
        try:
            self._disk.rename(self._path, self._path.with_name(FILE_NAME + ".spoilt"))
        except OSError as problem:
            raise disk_error("setting a spoilt file aside", self._path, problem) from problem
        return fresh


class Allowance:
    """What one assignment may take: call it with bytes that have come, and it is the `spend` of a download."""

    def __init__(self, budget: Budget, assignment_bytes: int | None) -> None:
        self._budget, self._limit = budget, assignment_bytes

    def __call__(self, count: int) -> None:
        """Count them; BudgetError, with all of it written down, as soon as a limit is passed."""
        before = self._left()
        self._budget.add(count)
        for left in before:
            if count > left.size_bytes:
                self._budget.flush()
                raise left.error(f"{mib(left.size_bytes)} were left {left.of}, and {mib(count)} more have come")

    def check_room(self, size_bytes: int) -> None:
        """BudgetError where fetching so much would pass a limit: before the first byte.

        16 KiB are added for heads and handshakes, or a budget of just the file's size would end with its last byte.
        """
        for left in self._left():
            if size_bytes and size_bytes + ASKING_BYTES > left.size_bytes:
                raise left.error(
                    f"would take {mib(size_bytes)} and {ASKING_BYTES // 1024} KiB for asking, "
                    f"{mib(left.size_bytes)} are left {left.of}"
                )

    def _left(self) -> list[_Left]:
        """Of each limit there is."""
        month = self._budget.left()
        found = [] if month is None else [_Left(month, "this month", *_OF_THE_MONTH)]
        if self._limit is not None:
            size_bytes = max(0, self._limit - self._budget.spent.assignment_bytes)
            found.append(_Left(size_bytes, "of the assignment's budget", *_OF_THE_ASSIGNMENT))
        return found


class _Left(NamedTuple):
    """What is left of one limit, and whose it is."""

    size_bytes: int
    of: str
    where: str
    fix: str

    def error(self, what: str) -> BudgetError:
        return BudgetError(what, where=self.where, fix=self.fix)


def mib(size_bytes: int) -> str:
    """`5.0 MiB`, or bytes below a tenth of one."""
    return f"{size_bytes / _MIB:.1f} MiB" if size_bytes >= _MIB // 10 else f"{size_bytes} bytes"


def _month(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, timezone.utc).strftime("%Y-%m")
