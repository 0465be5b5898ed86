"""Sends what is in the outbox, on a thread of its own: a slow receiver must not keep anybody from watching."""

from __future__ import annotations

import logging
import threading
import time

import msgspec
from sqlalchemy.exc import OperationalError

from contract.errors import FerryError, LinkError
from contract.moments import rfc3339
from fleet.alerts import mail, outbox, webhook
from fleet.alerts.answers import Delivery
from fleet.alerts.grouping import Notice
from fleet.alerts.outbox import Letter
from fleet.alerts.settings import AlertSettings, Webhook
from fleet.store import Store

LOG = logging.getLogger(__name__)
_TICK_S = 2.0


class Sender:
    """`start` and `close` once; `wake` it when something was put into the outbox."""

    def __init__(self, fleet: str, store: Store, settings: AlertSettings, url: str = "") -> None:
        self._url, self._fleet, self._store, self._settings = url, fleet, store, settings
        self._channels = {channel.name: channel for channel in settings.channels}
        self._wake, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="alerts-sender")

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def close(self) -> None:
        """Stop after the one under way."""
        self._closing.set()
        self._wake.set()
        self._thread.join()

    def wake(self) -> None:
        """Look now."""
        self._wake.set()

    def send_due(self, now_s: float) -> int:
        """One try for each channel that has something due; returns how many were delivered."""
        with self._store.reading() as connection:
            letters = outbox.due(connection, now_s)
        return sum(self._send(letter, now_s) for letter in letters)

    def trial(self, channel: str | None, now_s: float) -> tuple[Delivery, ...]:
        """A trial message to one channel or all, now; nothing of it is kept."""
        notice = trial_notice(self._fleet, now_s, self._url)
        named = [name for name in self._channels if channel in (None, name)]
        return tuple(self._try(name, notice, f"{self._fleet}-trial-{int(now_s)}") for name in named)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.clear()
            try:
                while self.send_due(time.time()) and not self._closing.is_set():
                    pass
            except OperationalError as problem:
                LOG.warning("notifications wait for the store: %s", problem.orig)
            self._wake.wait(_TICK_S)

    def _send(self, letter: Letter, now_s: float) -> bool:
        with self._store.writing() as connection:
            if not outbox.claim(connection, letter, now_s):
                return False
        notice = msgspec.json.decode(letter.body, type=Notice)
        done = self._try(letter.channel, notice, f"{self._fleet}-{letter.id}")
        with self._store.writing() as connection:
            if done.ok:
                outbox.sent(connection, letter, time.time())
                return True
            give_up_s = 3600 * self._settings.give_up_hours
            again = outbox.failed(connection, letter, done.detail, time.time(), give_up_s)
        LOG.warning("%s%s", done.detail, "" if again else " (given up)")
        return False

    def _try(self, name: str, notice: Notice, delivery: str) -> Delivery:
        try:
            self._deliver(name, notice, delivery)
        except FerryError as problem:
            return Delivery(channel=name, ok=False, detail=str(problem))
        return Delivery(channel=name, ok=True, detail="taken")

    def _deliver(self, name: str, notice: Notice, delivery: str) -> None:
        channel = self._channels.get(name)
        if channel is None:
            raise LinkError(
                "no such channel any more",
                where=f"channel {name}",
                fix="Name it in alerts.toml, or let it be given up.",
            )
        if isinstance(channel, Webhook):
            webhook.post(channel, msgspec.json.encode(notice), delivery)
        else:
            mail.send(channel, mail.written(channel, notice, delivery))


def trial_notice(fleet: str, now_s: float, url: str) -> Notice:
    """What is sent to see whether it arrives."""
    return Notice(
        fleet=fleet,
        kind="test",
        state="open",
        severity="info",
        text="This is a trial: alerts of this fleet arrive here.",
        at=rfc3339(now_s),
        count=0,
        sites={},
        alerts=(),
        url=url,
    )
