"""How often somebody may knock, counted in this process by the `limits` library with moving windows.

A login is limited by name and address together, by address alone, and by name alone. The last would let a stranger
keep somebody out, so it does not count for the address from which that name last came in; and nothing outlasts
an hour. Addresses of IPv6 count by their /64, which is what one household has.
"""

from __future__ import annotations

import ipaddress
import threading
import time

import limits
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

_PAIR = limits.parse_many("5/minute; 20/hour")
_ADDRESS = limits.parse_many("30/minute; 200/hour")
_NAME = limits.parse_many("100/hour")
CALLS, STRANGERS = "3000/minute", "600/minute"
_LONGEST_WAIT_S = 60 * 60


class Knocks:
    """One process's counts. Threads may share it."""

    def __init__(self, *, calls: str = CALLS, strangers: str = STRANGERS) -> None:
        """How often somebody known, and an address nobody knows, may call, as `limits` writes it."""
        self._calls, self._strangers = limits.parse_many(calls), limits.parse_many(strangers)
        self._windows = MovingWindowRateLimiter(MemoryStorage())
        self._counting = threading.Lock()

    def login(self, name: str, address: str, *, usual: bool) -> int | None:
        """Count one try; seconds to wait where it is one too many. `usual`: the name last came in from there."""
        counted = [(_PAIR, ("pair", name, bucket(address))), (_ADDRESS, ("address", bucket(address)))]
        if not usual:
            counted.append((_NAME, ("name", name)))
        return self._hit(counted)

    def came_in(self, name: str, address: str) -> None:
        """The name's tries from there are forgiven."""
        for limit in _PAIR:
            self._windows.clear(limit, "pair", name, bucket(address))

    def call(self, who: str) -> int | None:
        """Count one call of somebody known; seconds to wait where it is one too many."""
        return self._hit([(self._calls, ("calls", who))])

    def stranger(self, address: str) -> int | None:
        """The same for an address nobody has logged in from."""
        return self._hit([(self._strangers, ("stranger", bucket(address)))])

    def _hit(self, counted: list[tuple[list[limits.RateLimitItem], tuple[str, ...]]]) -> int | None:
        """Every window is asked first and counted only where all have room: refusing must not prolong the wait.

        One thread at a time: a hundred tries sent at once must not all be asked before the first is counted.
        """
        with self._counting:
            return self._count(counted)

    def _count(self, counted: list[tuple[list[limits.RateLimitItem], tuple[str, ...]]]) -> int | None:
        full = [(limit, key) for many, key in counted for limit in many if not self._windows.test(limit, *key)]
        if full:
            resets = [self._windows.get_window_stats(limit, *key).reset_time for limit, key in full]
            return self._wait_s(max(resets))
        for many, key in counted:
            for limit in many:
                self._windows.hit(limit, *key)
        return None

    def _wait_s(self, reset_s: float) -> int:
        return max(1, min(_LONGEST_WAIT_S, int(reset_s - time.time()) + 1))


def bucket(address: str) -> str:
    """What counts as one address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if found.version == 4:
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
