from __future__ import annotations

from pathlib import Path

import pytest

from edge.thermal import Heat, HeatSensors, temperature_c


def zone(root: Path, number: int, kind: str, millidegrees: str, trips: dict[str, str] | None = None) -> None:
    folder = root / "sys" / "class" / "thermal" / f"thermal_zone{number}"
    folder.mkdir(parents=True)
    (folder / "type").write_text(kind + "\n")
    (folder / "temp").write_text(millidegrees + "\n")
    for at, (trip, where) in enumerate((trips or {}).items()):
        (folder / f"trip_point_{at}_type").write_text(trip.split()[0] + "\n")
        (folder / f"trip_point_{at}_temp").write_text(where + "\n")


def clock(root: Path, core: int, **khz: int) -> None:
    folder = root / f"sys/devices/system/cpu/cpu{core}/cpufreq"
    folder.mkdir(parents=True)
    for name, value in khz.items():
        (folder / name).write_text(f"{value}\n")


def pi_bits(root: Path, text: str) -> None:
    file = root / "sys/devices/platform/soc/soc:firmware/get_throttled"
    file.parent.mkdir(parents=True)
    file.write_text(text)


def test_the_hottest_processor_zone_counts_and_a_hotter_battery_does_not(tmp_path: Path) -> None:
    zone(tmp_path, 0, "cpu-thermal", "51540")
    zone(tmp_path, 1, "CPU-therm", "53000")
    zone(tmp_path, 2, "battery", "90000")
    assert temperature_c(tmp_path) == 53.0


def test_any_zone_is_better_than_none_and_a_sensor_that_is_off_is_passed_over(tmp_path: Path) -> None:
    zone(tmp_path, 0, "acpitz", "20000")
    zone(tmp_path, 1, "iwlwifi", "")
    assert temperature_c(tmp_path) == 20.0


def test_freezing_point_is_a_temperature_and_absolute_zero_is_a_broken_sensor(tmp_path: Path) -> None:
    zone(tmp_path, 0, "cpu-thermal", "0")
    zone(tmp_path, 1, "soc-thermal", "-273000")
    zone(tmp_path, 2, "acpitz", "40000")
    assert temperature_c(tmp_path) == 0.0


def test_without_sensors_there_is_no_temperature_and_nothing_else(tmp_path: Path) -> None:
    assert temperature_c(tmp_path) is None
    assert HeatSensors(tmp_path).read() == Heat()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0\n", (False, False, False, False, False)),
        ("50005", (True, False, True, True, True)),
        ("0x2", (True, False, False, False, False)),
        ("8", (False, True, False, False, False)),
        ("e0008\n", (False, True, False, True, False)),
        ("not a number", (None,) * 5),
    ],
)
def test_the_bits_of_a_raspberry_pi(tmp_path: Path, text: str, expected: tuple[bool | None, ...]) -> None:
    pi_bits(tmp_path, text)
    heat = HeatSensors(tmp_path).read()
    assert expected == (
        heat.throttled,
        heat.soft_limited,
        heat.under_voltage,
        heat.throttled_since_boot,
        heat.under_voltage_since_boot,
    )


def test_the_limit_is_the_lowest_passive_trip_of_a_processor_zone(tmp_path: Path) -> None:
    zone(tmp_path, 0, "CPU-therm", "40000", {"active": "50000", "passive 1": "99000", "passive 2": "97000"})
    zone(tmp_path, 1, "x86_pkg_temp", "40000", {"passive": "0", "critical": "100000"})
    zone(tmp_path, 2, "battery", "40000", {"passive": "45000"})
    assert HeatSensors(tmp_path).read().limit_c == 97.0


def test_the_clock_is_compared_with_the_hardware_not_with_what_the_kernel_allows_just_now(tmp_path: Path) -> None:
    clock(tmp_path, 0, scaling_cur_freq=600_000, scaling_max_freq=1_000_000, cpuinfo_max_freq=1_500_000)
    clock(tmp_path, 1, scaling_cur_freq=900_000, scaling_max_freq=1_000_000, cpuinfo_max_freq=1_500_000)
    assert HeatSensors(tmp_path).read().frequency_share == pytest.approx(0.6)
    clock(tmp_path / "old", 0, scaling_cur_freq=600_000, scaling_max_freq=1_200_000)
    assert HeatSensors(tmp_path / "old").read().frequency_share == pytest.approx(0.5)
