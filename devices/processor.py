"""What `/proc/cpuinfo` says the processor is: the architecture and the names of its cores."""

from __future__ import annotations

from collections import Counter

from devices.tree import Tree

CPUINFO = "proc/cpuinfo"
_ARM = "0x41"
_ARM_PARTS = {
    "0xd03": "Cortex-A53",
    "0xd05": "Cortex-A55",
    "0xd07": "Cortex-A57",
    "0xd08": "Cortex-A72",
    "0xd09": "Cortex-A73",
    "0xd0b": "Cortex-A76",
    "0xd0c": "Neoverse-N1",
    "0xd41": "Cortex-A78",
    "0xd42": "Cortex-A78AE",
    "0xc07": "Cortex-A7",
}
"""Part numbers of Arm's own cores (Linux, arch/arm64/include/asm/cputype.h; util-linux, sys-utils/lscpu-arm.c)."""


def cores(tree: Tree) -> str:
    """For example `4x Cortex-A72`; empty where the file does not say."""
    counted = Counter(_names(tree))
    return " + ".join(f"{count}x {name}" for name, count in counted.items())


def architecture(tree: Tree) -> str:
    """As `uname -m` says it: the kernel's own word (Linux 6.1 and later), else by the look of cpuinfo; or empty."""
    if said := tree.text("proc/sys/kernel/arch"):
        return said
    keys = dict(tree.pairs(CPUINFO))
    if "vendor_id" in keys:
        return "x86_64" if "lm" in keys.get("flags", "").split() else "i686"
    features = keys.get("Features", "").split()
    if "asimd" in features:  # the 64-bit kernel's name for what a 32-bit one calls neon
        return "aarch64"
    return "armv7l" if features else ""


def _names(tree: Tree) -> list[str]:
    """One a core."""
    found, maker = [], ""
    for key, value in tree.pairs(CPUINFO):
        if key == "CPU implementer":
            maker = value
        elif key == "CPU part":
            found.append(_ARM_PARTS.get(value, f"Arm part {value}") if maker == _ARM else f"{maker} part {value}")
        elif key == "model name" and "ARM" not in value:  # 32-bit Arm kernels say "ARMv7 Processor" beside the part
            found.append(value)
    return found
