"""What a machine is, from the small files it describes itself with: its board, system, accelerators, and profile.

Pure over a root: the same code reads the live machine (`/`), a mounted card, or a recorded tree of a board in a test.
Which device-tree names mean which board stands in the catalog, so a new board is a new file there. Nothing is run and
no device is opened; what works on the machine is the doctor's question (`devices/doctor/`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from msgspec import Struct

from devices.processor import architecture as architecture_of
from devices.processor import cores
from devices.profiles import Profile, all_profiles, load_profile
from devices.tree import Tree

MODEL, COMPATIBLE = "proc/device-tree/model", "proc/device-tree/compatible"
L4T = "etc/nv_tegra_release"
CORAL_USB_IDS = {"1a6e:089a": "not used since it was plugged in", "18d1:9302": "in use since it was plugged in"}
"""The stick names another maker once libedgetpu has given it its firmware (google-coral/libedgetpu, debian rules)."""
WITH_CORAL = "coral-usb"
_GENERIC = {"x86_64": "generic-x86_64", "aarch64": "generic-aarch64"}
_NO_32_BIT = "neither LiteRT nor ONNX Runtime publish packages for 32-bit Arm: install a 64-bit system"
_LOADERS = {
    64: ("ld-linux-aarch64.so.1", "ld-linux-x86-64.so.2"),
    32: ("ld-linux-armhf.so.3", "ld-linux.so.3", "ld-linux.so.2"),
}


class Accelerator(Struct, frozen=True, kw_only=True):
    """Hardware beside the processor."""

    kind: Literal["edgetpu"]
    bus: Literal["usb", "pci"]
    evidence: str
    """The file that says so, and what it says."""


class Machine(Struct, frozen=True, kw_only=True):
    """What this machine is, as far as its files say."""

    profile: str | None
    """Bundles for this one suit it; None where no profile does."""
    board: str | None
    """The profile of the board by itself; another than `profile` with a Coral device attached."""
    model: str
    """The board's own name, e.g. `Raspberry Pi 4 Model B Rev 1.4`; empty where it has none."""
    architecture: str
    """As `uname -m` says it."""
    userland_bits: Literal[32, 64] | None
    """Of the programs, which may be fewer than the kernel's; None where the loader is not known."""
    cores: str
    memory_mib: int | None
    system: str
    """The operating system's name, e.g. `Debian GNU/Linux 12 (bookworm)`."""
    image: str
    """Raspberry Pi's image, or Jetson Linux' release, where there is one."""
    accelerators: tuple[Accelerator, ...]
    because: str
    """Which file led to the profile."""
    doubts: tuple[str, ...]
    """Plain words about what does not fit."""


def detect(root: Path = Path("/"), *, architecture: str | None = None) -> Machine:
    """The machine below `root`; `architecture` is that of a live machine, as kernels before 6.1 have no file for it."""
    tree = Tree(root)
    kernel = architecture or architecture_of(tree)
    bits, accelerators = _userland_bits(tree), _accelerators(tree)
    board, because, doubts = _board(tree, kernel)
    if bits == 32 or kernel in ("armv7l", "armv6l"):
        doubts.append(f"its programs are 32-bit, and {_NO_32_BIT}")
    profile, more = _with_accelerators(board, accelerators)
    system = dict(tree.pairs("etc/os-release")).get("PRETTY_NAME", "")
    return Machine(
        profile=profile,
        board=board.name if board else None,
        model=_model(tree),
        architecture=kernel,
        userland_bits=bits,
        cores=cores(tree),
        memory_mib=_memory_mib(tree),
        system=system,
        image=_l4t_words(tree) or tree.text("etc/rpi-issue").partition("\n")[0],
        accelerators=accelerators,
        because=because,
        doubts=(*doubts, *more),
    )


def _board(tree: Tree, kernel: str) -> tuple[Profile | None, str, list[str]]:
    """The board's profile, the file that named it, and doubts."""
    names, model, known = tree.strings(COMPATIBLE), _model(tree), tuple(all_profiles())
    for name in names:  # the most exact name comes first
        if found := [profile for profile in known if name in profile.compatible]:
            board, doubts = _by_release(found, tree, kernel)
            return board, f"/{COMPATIBLE} says {name}", doubts
    for profile in known:
        if model.startswith(profile.models):  # an empty tuple begins nothing
            return profile, f"it calls itself {model}", []
    return _generic(kernel, model, names)


def _by_release(found: list[Profile], tree: Tree, kernel: str) -> tuple[Profile | None, list[str]]:
    """The one for the installed Jetson Linux, where boards of one name run several."""
    if all(profile.l4t_release is None for profile in found):
        return found[0], []
    release = _l4t(tree)
    for profile in found:
        if release is not None and release[0] == profile.l4t_release:
            return profile, []
    known = ", ".join(f"r{profile.l4t_release} ({profile.name})" for profile in found)
    says = f"is r{release[0]}" if release else f"cannot be read from /{L4T}, as in a container without it"
    generic, _, _ = _generic(kernel, "", ())
    return generic, [f"Jetson Linux {says}; there are profiles for {known}. Until then it is served on the CPU"]


def _generic(kernel: str, model: str, names: tuple[str, ...]) -> tuple[Profile | None, str, list[str]]:
    name = _GENERIC.get(kernel) or ("generic-aarch64" if kernel.startswith("arm") else None)
    who = model or (names[0] if names else "")
    doubts = [f"no profile knows the board {who!r}, so as little as possible is assumed"] if who else []
    if name is None:
        return None, f"the processor is {kernel or 'unknown'}", [*doubts, "no profile serves this processor"]
    return load_profile(name), f"the processor is {kernel}, and no file names a board of the catalog", doubts


def _with_accelerators(board: Profile | None, found: tuple[Accelerator, ...]) -> tuple[str | None, list[str]]:
    """The profile for bundles: a Coral device makes a computer without accelerator one of its hosts."""
    if board is None or not found or board.accelerator == "edgetpu":
        lost = board is not None and board.accelerator == "edgetpu" and not found
        words = ["its Edge TPU is not seen at /dev/apex_0: the kernel module is missing, or this is a container"]
        return (board.name if board else None), words if lost else []
    if board.accelerator == "none":
        return WITH_CORAL, []  # on PCIe too: the bundles are the same
    return board.name, [f"an Edge TPU is attached as well; bundles for {board.name} do not use it"]


def _accelerators(tree: Tree) -> tuple[Accelerator, ...]:
    devices = "sys/bus/usb/devices"
    found = []
    for name in tree.names(devices):
        ids = f"{tree.text(f'{devices}/{name}/idVendor')}:{tree.text(f'{devices}/{name}/idProduct')}"
        if ids in CORAL_USB_IDS:
            evidence = f"/{devices}/{name} is {ids}, {CORAL_USB_IDS[ids]}"
            found.append(Accelerator(kind="edgetpu", bus="usb", evidence=evidence))
    found += [
        Accelerator(kind="edgetpu", bus="pci", evidence=f"/dev/{name}") for name in tree.names("dev", "apex_[0-9]*")
    ]
    return tuple(found)


def _model(tree: Tree) -> str:
    """The device tree's word, or Raspberry Pi's line in cpuinfo, which containers show too."""
    return tree.text(MODEL) or dict(tree.pairs("proc/cpuinfo")).get("Model", "")


def _l4t(tree: Tree) -> tuple[int, str] | None:
    """Major release and revision, e.g. (36, "4.3"), of `# R36 (release), REVISION: 4.3, GCID: …`."""
    found = re.match(r"#\s*R(\d+)\s*\(release\),\s*REVISION:\s*([\d.]+)", tree.text(L4T))
    return (int(found[1]), found[2]) if found else None


def _l4t_words(tree: Tree) -> str:
    release = _l4t(tree)
    return f"Jetson Linux r{release[0]}.{release[1]}" if release else ""


def _userland_bits(tree: Tree) -> Literal[32, 64] | None:
    """By the dynamic loaders there are; a 64-bit one beside a 32-bit one counts."""
    folders = ("lib", "usr/lib", "lib64", "usr/lib64")
    if tree.has(*(f"{folder}/{loader}" for folder in folders for loader in _LOADERS[64])):
        return 64
    return 32 if tree.has(*(f"{folder}/{loader}" for folder in folders for loader in _LOADERS[32])) else None


def _memory_mib(tree: Tree) -> int | None:
    words = dict(tree.pairs("proc/meminfo")).get("MemTotal", "").split()
    return int(words[0]) // 1024 if words and words[0].isdigit() else None
