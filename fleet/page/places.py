"""Where devices are, for the map: pure, from devices with a place to at most some hundred points with counts.

What a screen shows as one circle is decided in the browser (`map.js`), which knows its size and how far it is zoomed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TypedDict

from fleet.page.roster import Entry

MOST = 500
"""Points sent to a browser; more are put together at coarser degrees."""
_DIGITS = (4, 3, 2, 1, 0)
"""Of a degree: about 11 m, 110 m, 1.1 km, 11 km, 111 km at the equator."""


class Spot(TypedDict):
    """Devices that stand at one place."""

    lat: float
    lon: float
    name: str
    """Their site, or how many sites."""
    online: int
    quiet: int
    offline: int
    edge: float
    """Half the side of the square its devices were put together from, in degrees."""


def spots(entries: Iterable[Entry], now_s: float, *, most: int = MOST) -> list[Spot]:
    """Every place once, from north to south; those without one are left out."""
    placed = [(entry, entry.place) for entry in entries if entry.place is not None]
    digits, found = _DIGITS[0], dict[tuple[float, float], list[Entry]]()
    for digits in _DIGITS:
        found.clear()
        for entry, (lat, lon) in placed:
            found.setdefault((round(lat, digits), round(lon, digits)), []).append(entry)
        if len(found) <= most:
            break
    return [_spot(place, here, now_s, 0.5 * 10.0**-digits) for place, here in sorted(found.items(), reverse=True)]


def _spot(place: tuple[float, float], here: list[Entry], now_s: float, edge: float) -> Spot:
    states = Counter(entry.presence(now_s) for entry in here)
    sites = sorted({entry.site for entry in here} - {""})
    return {
        "lat": place[0],
        "lon": place[1],
        "name": sites[0] if len(sites) == 1 else (f"{len(sites)} sites" if sites else ""),
        "online": states["online"],
        "quiet": states["quiet"],
        "offline": states["offline"],
        "edge": edge * 1.001,
    }
