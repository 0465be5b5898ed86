"""Many devices at once: each row of a form through the same function, several at a time, none stopping the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import Literal

from msgspec import Struct

from contract.errors import FerryError
from devices.flash_journal import Done, FlashJournal
from devices.fleet_form import Row
from devices.payload import Payload, build_payload

Say = Callable[[str], None]
FlashOne = Callable[[Row, Payload, Say], Literal["installed", "unchanged"]]
"""Blocks until one device is done; FerryError where it could not be."""


class Verdict(Struct, frozen=True, kw_only=True):
    """What became of one row."""

    line: int
    device_id: str
    to: str
    result: Literal["installed", "unchanged", "done-before", "failed"]
    payload: str = ""
    what: str = ""
    where: str = ""
    fix: str = ""

    def words(self) -> str:
        """For a person."""
        if self.result == "failed":
            return f"{self.device_id}: FAILED: {self.what} [{self.where}] {self.fix}"
        return f"{self.device_id}: {self.result.replace('-', ' ')}"


def flash_fleet(
    rows: Sequence[Row], flash: FlashOne, journal: FlashJournal, *, jobs: int, say: Say, stop: Callable[[], None]
) -> list[Verdict]:
    """Flash every row, `jobs` at a time; a verdict a row, in their order.

    Every bundle and key is checked before the first device is touched: the first FerryError there is raised. `stop`
    is called when this very call is interrupted, so that what `flash` has begun comes to an end.
    """
    payloads = [build_payload(row.settings, row.bundle) for row in rows]
    pool = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="flash")
    try:
        flashing = [
            pool.submit(_one, row, payload, flash, journal, say) for row, payload in zip(rows, payloads, strict=True)
        ]
        _tell_progress(flashing, say)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        stop()
        raise
    finally:
        pool.shutdown()
    return [future.result() for future in flashing]


def _one(row: Row, payload: Payload, flash: FlashOne, journal: FlashJournal, say: Say) -> Verdict:
    name = row.settings.device_id
    done = Done(device_id=name, to=row.to, payload=payload.id)

    def verdict(result: Literal["installed", "unchanged", "done-before"]) -> Verdict:
        return Verdict(line=row.line, device_id=name, to=row.to, result=result, payload=payload.id)

    if done in journal:
        return verdict("done-before")
    try:
        result = flash(row, payload, lambda words: say(f"{name}: {words}"))
        journal.add(done)
    except FerryError as error:
        return Verdict(
            line=row.line,
            device_id=name,
            to=row.to,
            result="failed",
            what=error.what,
            where=error.where,
            fix=error.fix,
        )
    return verdict(result)


def _tell_progress(flashing: Sequence[Future[Verdict]], say: Say) -> None:
    for count, future in enumerate(as_completed(flashing), 1):
        say(f"[{count}/{len(flashing)}] {future.result().words()}")
