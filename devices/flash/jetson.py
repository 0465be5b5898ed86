"""What a person runs to flash a board whose maker brings the tool: printed, never run: it needs root and a cable.

Jetson: as NVIDIA's Quick Starts say for l4t_initrd_flash.sh (L4T r35, r36) and flash.sh (r32). Names of layout files
and boards changed between releases, so they are looked up where the tool lies when `rootfs` is in its place; where it
does not, compare them with the Quick Start of your release.
Coral Dev Board: mendel-development-tool (`mdt`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from devices.settings import Settings

_BOARDS = {
    "jetson-nano": "jetson-nano-devkit",
    "jetson-orin-jp6": "jetson-orin-nano-devkit",
    "jetson-orin-jp7": "jetson-orin-nano-devkit",
}
_EXTERNAL = ("flash_l4t_t234_nvme.xml", "flash_l4t_external.xml")
"""Newest first: r36 and later, r35."""
_QSPI = ("bootloader/generic/cfg/flash_t234_qspi.xml", "bootloader/t186ref/cfg/flash_t234_qspi.xml")
_RELEASE = re.compile(r"# R(\d+) \(release\), REVISION: ([\d.]+)")
_ADDRESS = "mendel@192.168.100.2"
"""Of a Coral Dev Board on its USB-C data socket."""


def flash_commands(settings: Settings, overlay: Path) -> Iterator[str]:
    """One line each, in order; comments begin with #."""
    if settings.profile == "coral-dev-board":
        yield from _coral()
        return
    tool = _tool(overlay)
    where = quote(str(tool)) if tool is not None else "Linux_for_Tegra"
    if tool is None:
        yield from _into_rootfs(overlay, where)
    yield f"# {release_of(overlay) or 'release unknown'}; recovery mode: FC REC to GND, then power; lsusb shows NVIDIA."
    yield f"cd {where}"
    user = quote(settings.user or "edgeferry")
    yield (
        f"sudo ./tools/l4t_create_default_user.sh -u {user} -p CHOOSE-A-PASSWORD "
        f"-n {quote(settings.host)} --accept-license"
    )
    yield _flash(_BOARDS.get(settings.profile, "BOARD"), tool)


def release_of(rootfs: Path) -> str | None:
    """The L4T release of a root file system, e.g. `L4T r36.4.3`."""
    try:
        found = _RELEASE.search((rootfs / "etc/nv_tegra_release").read_text())
    except OSError:
        return None
    return f"L4T r{found[1]}.{found[2]}" if found else None


def _tool(overlay: Path) -> Path | None:
    """`Linux_for_Tegra`, where the overlay is its very `rootfs`."""
    above = overlay.absolute().parent
    return above if overlay.name == "rootfs" and (above / "flash.sh").is_file() else None


def _into_rootfs(overlay: Path, where: str) -> Iterator[str]:
    source = quote(str(overlay.absolute()))
    if overlay.suffix == ".tar":
        yield f"sudo tar -x -p --numeric-owner -f {source} -C {where}/rootfs"
    else:
        yield f"sudo cp -a --no-preserve=ownership {source}/. {where}/rootfs/"


def _flash(board: str, tool: Path | None) -> str:
    if board == "jetson-nano-devkit":
        return f"sudo ./flash.sh {board} mmcblk0p1"
    external = f"tools/kernel_flash/{_EXTERNAL[0]}"
    qspi = _QSPI[0]
    if tool is not None:
        names = [f"tools/kernel_flash/{name}" for name in _EXTERNAL]
        external = next((name for name in names if (tool / name).is_file()), external)
        qspi = next((name for name in _QSPI if (tool / name).is_file()), qspi)
    return (
        f"sudo ./tools/kernel_flash/l4t_initrd_flash.sh --external-device nvme0n1p1 -c {external} "
        f'-p "-c {qspi}" --showlogs --network usb0 {board} internal'
    )


def _coral() -> Iterator[str]:
    yield "# Mendel is flashed by its own bundle; then the board is set up as any device that runs:"
    yield "mdt wait-for-device"
    yield "mdt pushkey ~/.ssh/id_ed25519.pub"
    yield f"edgeferry flash BUNDLE --to ssh://{_ADDRESS} --profile coral-dev-board --settings SETTINGS"
