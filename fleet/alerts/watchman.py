"""Looks at the fleet every few seconds, writes what has changed, and puts what people must know into the outbox.

Alerts, what is told of them, and the lease are one transaction: a crash leaves the state before. Whenever something
goes wrong with the store, the memory is thrown away and read anew, so it can never be ahead of what is written; what
only was on its way to becoming an alert begins anew then.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from fleet.alerts import book, facts, grouping, lease, noting, outbox, silences, tallies
from fleet.alerts.book import Entry
from fleet.alerts.grouping import Group, Notice
from fleet.alerts.mind import Mind
from fleet.alerts.settings import AlertSettings
from fleet.alerts.silences import Silence, silenced_until_s
from fleet.store import Store

LOG = logging.getLogger(__name__)
_SAVE_S = 60.0
"""Between two savings of tallies; a crash costs nothing but the counting again."""
_TIDY_S = 3600.0
_LATE_S = 900.0
"""A reading is in the store at most so long after it came; any later, and the next one is looked at."""


class Watchman:
    """`start` and `close` once."""

    def __init__(
        self,
        fleet: str,
        store: Store,
        settings: AlertSettings,
        *,
        connected: Callable[[], bool],
        expiries_s: Callable[[], Mapping[str, float]],
        url: str = "",
    ) -> None:
        """`connected` says whether the server has its broker, `expiries_s` when its metadata ends, by role."""
        self.on_told: Callable[[], None] = lambda: None
        self.settings = settings
        self._fleet, self._store, self._url = fleet, store, url
        self._connected, self._expiries_s = connected, expiries_s
        self._holder = secrets.token_hex(8)
        self._mind: Mind | None = None
        self._last_s: dict[Group, float] = {}
        self._saved_s = self._tidied_s = float("-inf")
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchman")

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Save what was counted, and let another server begin at once."""
        self._closing.set()
        self._thread.join()
        if self._mind is not None:
            try:
                with self._store.writing() as connection:
                    if lease.take(connection, self._holder, time.time()):
                        self._save_tallies(connection, self._mind)
                        lease.give_up(connection, self._holder)
            except DBAPIError as problem:
                LOG.warning("what was counted lately is counted again at the next start: %s", problem.orig)

    @property
    def watches(self) -> bool:
        """Whether it is this process that does."""
        return self._mind is not None

    def look(self, now_s: float) -> bool:
        """One look at everything; False where another server watches."""
        try:
            return self._look(now_s)
        except DBAPIError as problem:
            self._mind = None
            LOG.warning("nobody watches while the store is away: %s", problem.orig)
            return False

    def _look(self, now_s: float) -> bool:
        with self._store.reading() as connection:
            left_s = lease.remaining_s(connection, self._holder, now_s)
            if left_s is None:
                self._mind = None
                return False
            since_s = 0.0 if self._mind is None else now_s - _LATE_S
            found = facts.read(connection, connected=self._connected(), expiries_s=self._expiries_s(), since_s=since_s)
            quiet = silences.in_force(connection, now_s)
        if (left_s == 0.0 or self._mind is None) and not self._begin(now_s):
            return False
        assert self._mind is not None
        self._mind.look(found, now_s)
        groups = self._groups(self._mind, quiet, now_s)
        changed = any(entry.changed for entry in self._mind.book.entries.values())
        if groups or changed or left_s < lease.LEASE_S / 2 or now_s - self._saved_s >= _SAVE_S:
            return self._write(self._mind, groups, now_s)
        return True

    def _begin(self, now_s: float) -> bool:
        """Become the one who watches, with everything the one before knew."""
        with self._store.writing() as connection:
            if not lease.take(connection, self._holder, now_s):
                self._mind = None
                return False
            entries = book.load(connection, now_s, self.settings.quiet_s)
            causes = {cause for outcome, cause in tallies.totals(connection) if outcome == "dropped"}
            self._mind = Mind(self.settings, entries, tallies.load(connection), causes)
        self._last_s = {}
        for entry in entries.entries.values():
            if entry.told and entry.told_s is not None:
                key = entry.about.kind, entry.told
                self._last_s[key] = max(self._last_s.get(key, entry.told_s), entry.told_s)
        self._saved_s = now_s
        LOG.info("watching the fleet: %d alerts are open", len(entries.open_entries()))
        return True

    def _groups(self, mind: Mind, quiet: tuple[Silence, ...], now_s: float) -> list[list[Entry]]:
        return grouping.ready(
            mind.book.entries.values(),
            self._last_s,
            lambda entry: silenced_until_s(quiet, **_traits(entry)) is not None,
            now_s,
            self.settings,
        )

    def _write(self, mind: Mind, groups: list[list[Entry]], now_s: float) -> bool:
        """Everything that has changed, if the lease is still held."""
        with self._store.writing() as connection:
            if not lease.take(connection, self._holder, now_s):
                self._mind = None
                return False
            for entry in (entry for group in groups for entry in group):
                entry.told, entry.told_s, entry.changed = entry.state, now_s, True
            book.save(connection, mind.book)
            notices = [grouping.notice(group, self._fleet, now_s, self._url) for group in groups]
            outbox.put(connection, notices, self.settings.channels, now_s)
            noting.note(connection, notices)
            if now_s - self._saved_s >= _SAVE_S:
                self._save_tallies(connection, mind)
                self._saved_s = now_s
            if now_s - self._tidied_s >= _TIDY_S:
                book.delete_old(connection, now_s - 86_400 * self.settings.keep_days)
                self._tidied_s = now_s
        self._told(notices, now_s)
        mind.book.forget(now_s, self.settings.quiet_s)
        return True

    def _told(self, notices: list[Notice], now_s: float) -> None:
        for notice in notices:
            self._last_s[notice.kind, notice.state] = now_s
            LOG.warning("alert %s: %s", notice.state, notice.text)
        if notices:
            self.on_told()

    def _save_tallies(self, connection: Connection, mind: Mind) -> None:
        mind.count()
        tallies.save(connection, mind.fresh, {device: mind.memories[device] for device in mind.read}, mind.known)
        mind.saved()

    def _run(self) -> None:
        while not self._closing.is_set():
            self.look(time.time())
            self._closing.wait(self.settings.every_s)


def _traits(entry: Entry) -> dict[str, object]:
    about = entry.about
    return {
        "alert": entry.id,
        "kind": about.kind,
        "device": about.device,
        "site": entry.site,
        "profile": entry.profile,
        "tags": entry.tags,
    }
