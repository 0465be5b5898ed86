"""Boards told apart by their own files: `tests/data/boards` has a tree for each."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from devices.detect import detect
from devices.profiles import all_profiles

BOARDS = Path(__file__).parent.parent / "data" / "boards"
EXPECTED = {
    "rpi-zero2w": ("rpi-zero2w", "4x Cortex-A53"),
    "rpi3": ("rpi3", "4x Cortex-A53"),
    "rpi4": ("rpi4", "4x Cortex-A72"),
    "rpi4-32-bit": ("rpi4", "4x Cortex-A72"),
    "rpi4-container": ("rpi4", "4x Cortex-A72"),
    "rpi4-coral-usb": ("coral-usb", "4x Cortex-A72"),
    "rpi5": ("rpi5", "4x Cortex-A76"),
    "rpi5-coral-usb-used": ("coral-usb", "4x Cortex-A76"),
    "coral-dev-board": ("coral-dev-board", "4x Cortex-A53"),
    "jetson-nano": ("jetson-nano", "4x Cortex-A57"),
    "jetson-orin-jp5": ("generic-aarch64", "6x Cortex-A78AE"),
    "jetson-orin-jp6": ("jetson-orin-jp6", "6x Cortex-A78AE"),
    "jetson-orin-jp7": ("jetson-orin-jp7", "6x Cortex-A78AE"),
    "pc": ("generic-x86_64", "4x Intel(R) N100"),
    "unknown-arm": ("generic-aarch64", "4x Cortex-A55 + 4x Cortex-A76"),
    "unknown-armv7": ("generic-aarch64", "4x Arm part 0xc0d"),
}


def test_every_tree_is_expected_to_be_something_and_every_profile_but_the_plain_ones_has_one() -> None:
    assert {folder.name for folder in BOARDS.iterdir() if folder.is_dir()} == set(EXPECTED)
    assert {profile.name for profile in all_profiles()} == {profile for profile, _ in EXPECTED.values()}


@pytest.mark.parametrize("board", sorted(EXPECTED))
def test_a_board_is_known_by_its_files(board: str) -> None:
    machine = detect(BOARDS / board)
    assert (machine.profile, machine.cores) == EXPECTED[board]
    assert machine.memory_mib is not None
    assert machine.system


@pytest.mark.parametrize(("board", "host"), [("rpi4-coral-usb", "rpi4"), ("rpi5-coral-usb-used", "rpi5")])
def test_a_coral_stick_makes_its_host_a_coral_device_and_the_host_stays_known(board: str, host: str) -> None:
    machine = detect(BOARDS / board)
    assert machine.board == host
    (stick,) = machine.accelerators
    assert (stick.kind, stick.bus) == ("edgetpu", "usb")
    assert stick.evidence.startswith("/sys/bus/usb/devices/2-1 is ")
    assert "use" in stick.evidence


def test_a_coral_card_on_pcie_counts_as_well(tmp_path: Path) -> None:
    shutil.copytree(BOARDS / "pc", tmp_path / "pc")
    (tmp_path / "pc/dev").mkdir()
    (tmp_path / "pc/dev/apex_0").touch()
    machine = detect(tmp_path / "pc")
    assert (machine.profile, machine.board) == ("coral-usb", "generic-x86_64")
    assert machine.accelerators[0].bus == "pci"


def test_an_unknown_board_is_generic_with_a_plain_word() -> None:
    assert detect(BOARDS / "unknown-arm").doubts == (
        "no profile knows the board 'Radxa ROCK 5B', so as little as possible is assumed",
    )


@pytest.mark.parametrize("board", ["rpi4-32-bit", "unknown-armv7"])
def test_32_bit_programs_are_a_doubt(board: str) -> None:
    machine = detect(BOARDS / board)
    assert machine.userland_bits == 32
    assert "install a 64-bit system" in machine.doubts[-1]


def test_an_orin_with_another_jetpack_is_served_as_little_as_possible_and_says_which_there_are() -> None:
    (doubt,) = detect(BOARDS / "jetson-orin-jp5").doubts
    assert "r35" in doubt
    assert "r36 (jetson-orin-jp6)" in doubt


def test_an_orin_without_its_release_file_says_so(tmp_path: Path) -> None:
    shutil.copytree(BOARDS / "jetson-orin-jp6", tmp_path / "orin")
    (tmp_path / "orin/etc/nv_tegra_release").unlink()
    machine = detect(tmp_path / "orin")
    assert machine.profile == "generic-aarch64"
    assert "cannot be read from /etc/nv_tegra_release" in machine.doubts[0]


def test_a_dev_board_whose_edge_tpu_is_not_seen_says_so(tmp_path: Path) -> None:
    shutil.copytree(BOARDS / "coral-dev-board", tmp_path / "board")
    (tmp_path / "board/dev/apex_0").unlink()
    machine = detect(tmp_path / "board")
    assert machine.profile == "coral-dev-board"
    assert "/dev/apex_0" in machine.doubts[0]


def test_an_empty_root_is_nothing_we_know_and_nothing_fails(tmp_path: Path) -> None:
    machine = detect(tmp_path)
    assert machine.profile is None
    assert machine.doubts == ("no profile serves this processor",)


def test_rubbish_in_every_file_fails_nowhere(tmp_path: Path) -> None:
    shutil.copytree(BOARDS / "rpi4-coral-usb", tmp_path / "board")
    for file in (tmp_path / "board").rglob("*"):
        if file.is_file():
            file.write_bytes(b"\xff\x00:=\n" * 50)
    assert detect(tmp_path / "board").profile is None


def test_the_architecture_of_a_live_machine_is_the_callers(tmp_path: Path) -> None:
    assert detect(tmp_path, architecture="aarch64").profile == "generic-aarch64"
