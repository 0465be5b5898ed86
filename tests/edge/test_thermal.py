from __future__ import annotations

from pathlib import Path

from edge.thermal import temperature_c


def zone(root: Path, number: int, kind: str, millidegrees: str) -> None:
    folder = root / "sys" / "class" / "thermal" / f"thermal_zone{number}"
    folder.mkdir(parents=True)
    (folder / "type").write_text(kind + "\n")
    (folder / "temp").write_text(millidegrees + "\n")


def test_the_hottest_processor_zone_counts_and_a_hotter_battery_does_not(tmp_path: Path) -> None:
    zone(tmp_path, 0, "cpu-thermal", "51540")
    zone(tmp_path, 1, "CPU-therm", "53000")
    zone(tmp_path, 2, "battery", "90000")
    assert temperature_c(tmp_path) == 53.0


def test_any_zone_is_better_than_none_and_a_sensor_that_is_off_is_passed_over(tmp_path: Path) -> None:
    zone(tmp_path, 0, "acpitz", "20000")
    zone(tmp_path, 1, "iwlwifi", "")
    assert temperature_c(tmp_path) == 20.0


def test_without_sensors_there_is_no_temperature(tmp_path: Path) -> None:
    assert temperature_c(tmp_path) is None
