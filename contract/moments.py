"""The one way a moment is written: UTC, RFC 3339 with milliseconds, ending in `Z`."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import lru_cache


def rfc3339(unix_s: float) -> str:
    """`2026-03-01T12:00:00.250Z` for seconds since 1970 in UTC; what is below a millisecond is cut off.

    A device writes this for every frame, so the part that changes once a second is kept (0.8 us instead of 4).
    """
    second, microsecond = divmod(round(unix_s * 1e6), 1_000_000)
    return f"{_second(second)}.{microsecond // 1000:03d}Z"


@lru_cache(maxsize=8)
def _second(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, timezone.utc).replace(tzinfo=None).isoformat()


def unix_s(text: str) -> float:
    """Seconds since 1970 of an RFC 3339 moment; ValueError where `text` is none, or names no zone.

    Python 3.10 reads `+00:00` and not `Z`, hence the exchange.
    """
    moment = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    return moment.timestamp()
