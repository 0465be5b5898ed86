"""Whether a block device may be overwritten: never one in use, and a built-in disk only when that is said.

Read from /proc and /sys (Documentation/ABI/stable/sysfs-block; proc(5), mountinfo and swaps).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from contract.errors import ConfigError

_SYSTEM = frozenset(("/", "/boot", "/boot/efi", "/boot/firmware", "/usr", "/var", "/home"))
_ESCAPE = re.compile(r"\\([0-7]{3})")


def check_disk(path: Path, *, fixed_disk: bool = False, root: Path = Path("/")) -> int:
    """Its size in bytes, if it may be overwritten; otherwise ConfigError.

    `fixed_disk` allows disks that say they cannot be taken out. Nothing allows one that is mounted.
    """
    name = path.resolve().name if root == Path("/") else path.name
    block = root / "sys/block" / name
    if not block.is_dir():
        whole = "a partition" if any((root / "sys/block").glob(f"*/{name}")) else "no disk this system knows"
        raise ConfigError(f"this is {whole}", where=str(path), fix="Name the whole disk, e.g. /dev/sdb: lsblk")
    names = set(_names(root, name))
    _refuse_in_use(path, names, {_text(root, f"sys/class/block/{each}/dev") for each in names}, root)
    if not (fixed_disk or _can_be_taken_out(block)):
        raise ConfigError(
            "this disk is built in, as far as the system knows",
            where=str(path),
            fix="Look again (lsblk); if it is the right one, add --force-fixed-disk.",
        )
    return int((block / "size").read_text()) * 512


def _names(root: Path, name: str) -> Iterator[str]:
    """The disk, its partitions, and whatever is built on them (encryption, volumes, RAID)."""
    yield name
    folder = root / "sys/class/block" / name
    parts = [part.name for part in (root / "sys/block" / name).glob(f"{name}*") if (part / "partition").exists()]
    holders = [held.name for held in (folder / "holders").glob("*")]
    for other in (*parts, *holders):
        yield from _names(root, other)


def _refuse_in_use(path: Path, names: set[str], numbers: set[str], root: Path) -> None:
    at = [mount for number, source, mount in _mounts(root) if number in numbers or source in names]
    if any(mount in _SYSTEM for mount in at):
        raise ConfigError("the running system is on this disk", where=str(path), fix="Name the card: lsblk")
    if at:
        raise ConfigError(f"it is mounted at {at[0]}", where=str(path), fix=f"umount {at[0]}, if it is the right disk.")
    swaps = {line.split()[0].rpartition("/")[2] for line in _text(root, "proc/swaps").splitlines()[1:]}
    if swaps & names:
        raise ConfigError("the running system swaps to this disk", where=str(path), fix="Name the card: lsblk")


def _mounts(root: Path) -> Iterator[tuple[str, str, str]]:
    """(major:minor, name of the device, where) of each; btrfs tells the device only by its name."""
    for line in _text(root, "proc/self/mountinfo").splitlines():
        fields, _, behind = line.partition(" - ")
        number, mount = fields.split()[2], fields.split()[4]
        source = behind.split()[1] if len(behind.split()) > 1 else ""
        yield number, source.rpartition("/")[2], _ESCAPE.sub(lambda found: chr(int(found[1], 8)), mount)


def _can_be_taken_out(block: Path) -> bool:
    """USB readers say so; a slot of the board says which kind of card is in it: SD can be, MMC is soldered."""
    kind = block / "device/type"
    return (block / "removable").read_text().strip() == "1" or (kind.is_file() and kind.read_text().strip() == "SD")


def _text(root: Path, path: str) -> str:
    try:
        return (root / path).read_text().strip()
    except OSError:
        return ""
