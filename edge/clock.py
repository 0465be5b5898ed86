"""The time a device believes: its own clock, but never earlier than what signed metadata has proved.

A board without a battery wakes up in 1970, where nothing has expired yet. What was signed at a moment proves that this
moment has passed; the latest such moment is the floor, kept in `clock.json`. Whoever may sign could also lie about the
future, and a device that believed it would find everything expired. Three rules keep a liar from stranding it:

- nothing is believed beyond `until_s`, the moment at which the newest trusted metadata expires anyway;
- without trusted metadata nothing is believed at all, but the root of trust itself;
- when a newer root takes a key away, the floor falls back to that root's own moment, because the key may have lied.

TUF recovers from fast-forwarded versions in the same way (specification 5.3.11). Where the evidence comes from is
`edge/metadata.py`'s matter.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from contract.codec import to_pretty_json
from contract.errors import UpdateError
from contract.moments import rfc3339
from edge.durable import Disk, disk_error, read_record

log = logging.getLogger(__name__)

SCHEMA = 1
FILE_NAME = "clock.json"
_LATEST_S = 253402300799.0
"""The last second of the year 9999: `datetime` knows no later one."""
_SLACK_S = 60.0
"""Two clocks in good order may differ by so much."""
Moment = Annotated[float, Meta(ge=0, le=_LATEST_S)]


class Anchor(Struct, frozen=True, kw_only=True):
    """What the root of trust says about time."""

    version: int = 0
    signed_s: Moment = 0.0
    """When this root was signed, unix seconds; 0 where it does not say."""
    keys: tuple[str, ...] = ()
    """Ids of the keys whose moments count under it."""


class _Record(Struct, frozen=True, kw_only=True):
    schema: int = SCHEMA
    floor_s: Moment = 0.0
    why: str = ""
    until_s: Moment = 0.0
    anchor: Anchor = Anchor()


class FleetClock:
    """For any thread. `folder` holds `clock.json`; `system` is the wall clock in unix seconds."""

    def __init__(
        self,
        folder: Path,
        disk: Disk,
        *,
        system: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._disk = folder / FILE_NAME, disk
        self._system, self._monotonic = system, monotonic
        self._lock = threading.Lock()
        self._record = self._load()
        self._base_s, self._base_at = self._record.floor_s, monotonic()

    def now(self) -> float:
        """Unix seconds: the wall clock, or the floor and the time since it was learnt, whichever is later."""
        return max(self._wall(), self._proved())

    @property
    def behind(self) -> bool:
        """Whether the wall clock shows a moment that has certainly passed."""
        return self._wall() < self._proved() - _SLACK_S

    def words(self) -> str:
        """What is believed and why, for a person."""
        if self.behind:
            return f"this device's clock shows {rfc3339(self._wall())}, but it is at least {rfc3339(self.now())}"
        return f"this device's clock shows {rfc3339(self._wall())}"

    def learn(self, unix_s: float, why: str, *, until_s: float | None = None) -> None:
        """`unix_s` has passed, says `why`, a few words about who signed it; the floor rises to it and never falls.

        `until_s` is when newly trusted metadata expires; without it the last one holds, and what lies beyond is cut.
        DiskError where it cannot be kept; it then counts until the next restart.
        """
        with self._lock:
            unix_s = min(unix_s, _LATEST_S)
            bound = self._record.until_s if until_s is None else min(until_s, _LATEST_S)
            if unix_s > bound:
                log.warning("time: %s says %s, believed up to %s", why, rfc3339(unix_s), rfc3339(bound))
            record = replace(self._record, until_s=bound)
            self._keep(_risen(record, min(unix_s, bound), why))

    def follow(self, anchor: Anchor) -> bool:
        """Take over a verified root; whether the floor fell because the new root took a key away.

        An older root than the last one changes nothing. DiskError as for `learn`.
        """
        with self._lock:
            before = self._record
            if anchor.version <= before.anchor.version:
                return False
            signed_s = max(anchor.signed_s, before.anchor.signed_s)
            record = replace(before, anchor=replace(anchor, signed_s=signed_s))
            if set(before.anchor.keys) - set(anchor.keys):
                record = replace(record, floor_s=0.0, why="", until_s=0.0)
            self._keep(_risen(record, signed_s, f"root {anchor.version}"))
            return self._record.floor_s < before.floor_s

    def _wall(self) -> float:
        return min(self._system(), _LATEST_S)

    def _proved(self) -> float:
        with self._lock:
            return self._base_and_since()

    def _base_and_since(self) -> float:
        return self._base_s + self._monotonic() - self._base_at if self._base_s else 0.0

    def _keep(self, record: _Record) -> None:
        if record == self._record:
            return
        fell = record.floor_s < self._record.floor_s
        # What has passed since an earlier floor was learnt may already be beyond a newly learnt one.
        self._base_s = record.floor_s if fell else max(record.floor_s, self._base_and_since())
        self._base_at = self._monotonic()
        self._record = record
        try:
            self._disk.replace_file(self._path, to_pretty_json(record))
        except OSError as problem:
            raise disk_error("keeping the time", self._path, problem) from problem

    def _load(self) -> _Record:
        if not self._path.exists():
            return _Record()
        try:
            return read_record(
                self._path, _Record, newest_schema=SCHEMA, without_it="the time is then learnt from the next update"
            )
        except UpdateError as problem:
            log.warning("%s It is set aside.", problem)
            self._set_aside()
            return _Record()

    def _set_aside(self) -> None:
        try:
            self._disk.rename(self._path, self._path.with_name(FILE_NAME + ".unreadable"))
        except OSError as problem:
            log.warning("%s", disk_error("setting an unreadable record aside", self._path, problem))


def _risen(record: _Record, unix_s: float, why: str) -> _Record:
    return replace(record, floor_s=unix_s, why=why) if unix_s > record.floor_s else record
