"""How warm the processor is, as Linux says it (kernel documentation, driver-api/thermal/sysfs-api)."""

from __future__ import annotations

from pathlib import Path

_OF_THE_PROCESSOR = ("cpu", "soc", "x86_pkg")
"""Beginnings of zone types: `cpu-thermal` on a Raspberry Pi, `CPU-therm` on a Jetson, `x86_pkg_temp` on a PC."""


def temperature_c(root: Path = Path("/")) -> float | None:
    """Degrees Celsius of the hottest processor zone, of any zone where none names the processor, or None."""
    zones = [(_type(zone), _celsius(zone)) for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*"))]
    known = [(kind, celsius) for kind, celsius in zones if celsius is not None]
    processor = [celsius for kind, celsius in known if kind.startswith(_OF_THE_PROCESSOR)]
    return max(processor or [celsius for _, celsius in known], default=None)


def _type(zone: Path) -> str:
    try:
        return (zone / "type").read_text().strip().lower()
    except OSError:
        return ""


def _celsius(zone: Path) -> float | None:
    """The file holds thousandths of a degree; a sensor that is switched off refuses to be read."""
    try:
        return int((zone / "temp").read_text()) / 1000
    except (OSError, ValueError):
        return None
