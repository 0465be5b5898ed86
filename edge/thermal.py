"""How warm the processor is and what the firmware does about it, as Linux says it.

Zones and trip points: kernel documentation, driver-api/thermal/sysfs-api. Clocks: admin-guide/pm/cpufreq. Throttle bits
of a Raspberry Pi: its documentation of `vcgencmd get_throttled`; the firmware driver shows the same number in a file.
Every path is below a root, so that a tree recorded on a device replays on any machine. What to do about the heat is
`edge/heat.py`.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

_OF_THE_PROCESSOR = ("cpu", "soc", "x86_pkg")
"""Beginnings of zone types: `cpu-thermal` on a Raspberry Pi, `CPU-therm` on a Jetson, `x86_pkg_temp` on a PC."""
_PI_THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"
_UNDER_VOLTAGE, _SLOWED, _SOFT_LIMIT = 1 << 0, 1 << 1 | 1 << 2, 1 << 3
_SINCE_BOOT = 16
"""The same bits, this much further up, stay set until the next boot."""
_PLAUSIBLE_C = range(-40, 151)
"""Outside of it a sensor is broken; the usual answer of one that is off is 0 K or 0x7fffffff."""
_PLAUSIBLE_TRIP_C = range(41, 131)
"""A trip point of 0 is one that is switched off (`x86_pkg_temp`); a passive one at room temperature is a battery's."""


class Heat(Struct, frozen=True, kw_only=True):
    """One look at the machine's heat; None wherever it has no such file."""

    celsius: float | None = None
    """Of the hottest processor zone, of any zone where none names the processor."""
    limit_c: float | None = None
    """The lowest passive trip point: from here on the kernel slows the processor down."""
    throttled: bool | None = None
    """The firmware holds the clock down at this moment."""
    soft_limited: bool | None = None
    """Of a Raspberry Pi 3 B+: a little slower, above 60 °C."""
    under_voltage: bool | None = None
    """The supply is too weak at this moment; no cooling mends that."""
    throttled_since_boot: bool | None = None
    under_voltage_since_boot: bool | None = None
    frequency_share: float | None = None
    """0..1: the fastest core's clock over the hardware's highest. An idle processor clocks down by itself."""


class HeatSensors:
    """The machine's sensors, looked up once: a reading opens only the files that change."""

    def __init__(self, root: Path = Path("/")) -> None:
        zones = sorted((root / "sys/class/thermal").glob("thermal_zone*"))
        processor = [zone for zone in zones if _text(zone / "type").lower().startswith(_OF_THE_PROCESSOR)]
        self._processor = [zone / "temp" for zone in processor]
        self._others = [zone / "temp" for zone in zones if zone not in processor]
        self.limit_c = min((c for zone in processor for c in _passive_trips_c(zone)), default=None)
        """The lowest passive trip point of the processor's zones."""
        self._throttled = root / _PI_THROTTLED
        self._clocks = list(_clocks(root))

    def celsius(self) -> float | None:
        """Of the hottest processor zone that can be read, else of the hottest other one."""
        processor = _hottest(self._processor)
        return _hottest(self._others) if processor is None else processor

    def read(self) -> Heat:
        """One look; 0.1 ms with one zone and four cores."""
        bits = _number(self._throttled, base=16)
        shares = [now / most for clock, most in self._clocks if (now := _number(clock)) is not None]
        return Heat(
            celsius=self.celsius(),
            limit_c=self.limit_c,
            throttled=_any(bits, _SLOWED),
            soft_limited=_any(bits, _SOFT_LIMIT),
            under_voltage=_any(bits, _UNDER_VOLTAGE),
            throttled_since_boot=_any(bits, _SLOWED << _SINCE_BOOT),
            under_voltage_since_boot=_any(bits, _UNDER_VOLTAGE << _SINCE_BOOT),
            frequency_share=min(1.0, max(shares)) if shares else None,
        )


def temperature_c(root: Path = Path("/")) -> float | None:
    """Degrees Celsius of the hottest processor zone, of any zone where none names the processor, or None."""
    return HeatSensors(root).celsius()


def _passive_trips_c(zone: Path) -> list[float]:
    kinds = [path for path in sorted(zone.glob("trip_point_*_type")) if _text(path) == "passive"]
    trips = [_celsius(path.with_name(path.name.removesuffix("_type") + "_temp")) for path in kinds]
    return [trip for trip in trips if trip is not None and int(trip) in _PLAUSIBLE_TRIP_C]


def _clocks(root: Path) -> list[tuple[Path, int]]:
    """Each policy's file with its clock, and the most the hardware can do: the kernel lowers `scaling_max_freq` itself
    when it is hot, so that is only the second choice.
    """
    found = []
    for policy in sorted((root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq")):
        most = _number(policy / "cpuinfo_max_freq") or _number(policy / "scaling_max_freq")
        if most:
            found.append((policy / "scaling_cur_freq", most))
    return found


def _hottest(zones: list[Path]) -> float | None:
    known = [celsius for zone in zones if (celsius := _celsius(zone)) is not None]
    return max((celsius for celsius in known if int(celsius) in _PLAUSIBLE_C), default=None)


def _celsius(path: Path) -> float | None:
    """The file holds thousandths of a degree; a sensor that is switched off refuses to be read."""
    thousandths = _number(path)
    return None if thousandths is None else thousandths / 1000


def _number(path: Path, *, base: int = 10) -> int | None:
    try:
        return int(_text(path), base)
    except ValueError:
        return None


def _text(path: Path) -> str:
    """Empty where there is no such file, or the driver refuses."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _any(bits: int | None, wanted: int) -> bool | None:
    return None if bits is None else bool(bits & wanted)
