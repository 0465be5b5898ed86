"""Watchman and sender together, as long as a server runs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

from fleet.alerts.sender import Sender
from fleet.alerts.settings import AlertSettings
from fleet.alerts.watchman import Watchman
from fleet.store import Store


@contextlib.contextmanager
def watching(
    fleet: str,
    store: Store,
    settings: AlertSettings,
    *,
    connected: Callable[[], bool],
    expiries_s: Callable[[], Mapping[str, float]],
    url: str,
) -> Iterator[Sender]:
    """Both at work; the sender is who can say whether a channel works."""
    sender = Sender(fleet, store, settings, url)
    watchman = Watchman(fleet, store, settings, connected=connected, expiries_s=expiries_s, url=url)
    watchman.on_told = sender.wake
    watchman.start()
    sender.start()
    try:
        yield sender
    finally:
        watchman.close()
        sender.close()
