"""Which disks may be overwritten, on made-up /proc and /sys."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ConfigError
from devices.flash.disks import check_disk

SECTORS = 62333952


class Machine:
    """A root folder with disks in it."""

    def __init__(self, root: Path) -> None:
        self.root, self._minor = root, 0
        (root / "proc/self").mkdir(parents=True)
        self.mounts: list[str] = []
        (root / "proc/swaps").write_text("Filename Type Size Used Priority\n")

    def disk(self, name: str, *, parts: int = 2, removable: bool = True, kind: str | None = None) -> None:
        """With partitions called as the kernel does."""
        self._block(name, f"sys/block/{name}")
        folder = self.root / "sys/block" / name
        (folder / "size").write_text(f"{SECTORS}\n")
        (folder / "removable").write_text(f"{int(removable)}\n")
        if kind is not None:
            (folder / "device").mkdir()
            (folder / "device/type").write_text(f"{kind}\n")
        for number in range(1, parts + 1):
            part = f"{name}p{number}" if name[-1].isdigit() else f"{name}{number}"
            self._block(part, f"sys/block/{name}/{part}")
            (folder / part / "partition").write_text(f"{number}\n")

    def holder(self, part: str, name: str) -> None:
        """Something built on a partition, as dm-crypt is."""
        self._block(name, f"sys/block/{name}")
        (self.root / "sys/class/block" / part / "holders" / name).mkdir(parents=True)

    def mount(self, name: str, at: str, *, number: str | None = None) -> None:
        """In mountinfo's words."""
        number = number or (self.root / "sys/class/block" / name / "dev").read_text().strip()
        self.mounts.append(f"36 35 {number} / {at} rw,noatime master:1 - ext4 /dev/{name} rw")
        (self.root / "proc/self/mountinfo").write_text("\n".join(self.mounts) + "\n")

    def swap(self, name: str) -> None:
        """In use as swap."""
        with (self.root / "proc/swaps").open("a") as file:
            file.write(f"/dev/{name} partition 1024 0 -2\n")

    def _block(self, name: str, path: str) -> None:
        self._minor += 1
        folder = self.root / path
        folder.mkdir(parents=True)
        (folder / "dev").write_text(f"8:{self._minor}\n")
        link = self.root / "sys/class/block" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(folder)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Its system is on nvme0n1."""
    found = Machine(tmp_path)
    found.disk("nvme0n1", removable=False)
    found.mount("nvme0n1p2", "/")
    return found


def test_a_card_in_a_usb_reader_may_be_overwritten(machine: Machine) -> None:
    machine.disk("sdb")
    assert check_disk(Path("/dev/sdb"), root=machine.root) == SECTORS * 512


def test_an_sd_card_in_a_slot_may_and_a_soldered_one_only_by_force(machine: Machine) -> None:
    machine.disk("mmcblk0", removable=False, kind="SD")
    machine.disk("mmcblk1", removable=False, kind="MMC")
    check_disk(Path("/dev/mmcblk0"), root=machine.root)
    with pytest.raises(ConfigError, match="built in"):
        check_disk(Path("/dev/mmcblk1"), root=machine.root)
    check_disk(Path("/dev/mmcblk1"), root=machine.root, fixed_disk=True)


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("at", ["/", "/boot", "/boot/firmware", "/usr", "/home"])
@pytest.mark.parametrize("name", ["sda", "mmcblk0", "vda"])
def test_the_system_s_disk_is_never_overwritten(name: str, at: str, force: bool, machine: Machine) -> None:
    machine.disk(name, kind="SD")
    machine.mount(f"{name}p1" if name[-1].isdigit() else f"{name}1", at)
    with pytest.raises(ConfigError, match="running system is on this disk"):
        check_disk(Path(f"/dev/{name}"), root=machine.root, fixed_disk=force)


def test_the_system_may_be_behind_encryption_or_told_by_name_alone(machine: Machine) -> None:
    machine.disk("sda")
    machine.holder("sda2", "dm-0")
    machine.holder("dm-0", "dm-1")
    machine.mount("dm-1", "/")
    machine.disk("sdc")
    machine.mount("sdc1", "/home", number="0:42")
    for name in ("sda", "sdc"):
        with pytest.raises(ConfigError, match="running system is on this disk"):
            check_disk(Path(f"/dev/{name}"), root=machine.root, fixed_disk=True)


@pytest.mark.parametrize("force", [False, True])
def test_a_mounted_or_swapping_card_is_refused_by_name(force: bool, machine: Machine) -> None:
    machine.disk("sdb")
    machine.disk("sdc")
    machine.mount("sdb1", "/media/a\\040card")
    machine.swap("sdc2")
    with pytest.raises(ConfigError, match="mounted at /media/a card"):
        check_disk(Path("/dev/sdb"), root=machine.root, fixed_disk=force)
    with pytest.raises(ConfigError, match="swaps to this disk"):
        check_disk(Path("/dev/sdc"), root=machine.root, fixed_disk=force)


def test_a_partition_or_an_unknown_name_is_no_disk(machine: Machine) -> None:
    machine.disk("sdb")
    with pytest.raises(ConfigError, match="this is a partition"):
        check_disk(Path("/dev/sdb1"), root=machine.root)
    with pytest.raises(ConfigError, match="no disk this system knows"):
        check_disk(Path("/dev/sdx"), root=machine.root)
