"""How often anybody may ask for a certificate: enough for a pallet of new devices, too little for a guesser.

A code has 75 random bits, so guessing is hopeless at any rate; the limits keep the store and the log out of it.
Counted in memory, by the address that connects: behind a reverse proxy all share the proxy's.
"""

from __future__ import annotations

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.exceptions import HTTPException

FAILURES = "30 per minute"
"""From one address, until it is let in again."""
REQUESTS = "50 per second"
"""From everybody together."""
_PAUSE_S = 60


class Knocking:
    """One door."""

    def __init__(self, failures: str = FAILURES, requests: str = REQUESTS) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._failures, self._requests = parse(failures), parse(requests)

    def check(self, address: str) -> None:
        """HTTPException 429 where it is too often."""
        if not self._limiter.test(self._failures, address):
            raise _too_often(_PAUSE_S)
        if not self._limiter.hit(self._requests):
            raise _too_often(1)

    def failed(self, address: str) -> None:
        """A request from `address` was refused."""
        self._limiter.hit(self._failures, address)


def _too_often(pause_s: int) -> HTTPException:
    return HTTPException(429, "too many requests for certificates", {"Retry-After": str(pause_s)})
