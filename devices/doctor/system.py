"""The ground everything stands on: Python, the C library, memory, and room on the disk."""

from __future__ import annotations

import os
import shutil
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from devices.doctor.case import Case
from devices.doctor.finding import Finding, bad, ok, warn
from devices.versions import satisfies

PYTHONS = ">=3.10,<3.14"
"""What edgeferry itself runs on, as pyproject.toml says."""
_GLIBC = ">=2.27"
"""LiteRT's wheels are manylinux_2_27."""
_MIB = 1 << 20
_BESIDE_OUTBOX_MIB = 16
"""What the slot store leaves free for everybody else."""
_ONE_UPDATE_MIB = 128
"""Room for a bundle on its way, without which updates are refused."""


def system_findings(case: Case) -> Iterator[Finding]:
    """Python, userland, C library, memory, disk."""
    yield python_finding(case, ".".join(map(str, sys.version_info[:3])))
    yield userland_finding(struct.calcsize("P") * 8, case.machine.architecture)
    yield glibc_finding(_glibc())
    yield memory_finding(case)
    if case.state_dir is not None:
        yield from _state_findings(case, case.state_dir)


def python_finding(case: Case, version: str) -> Finding:
    """Whether edgeferry and the profile's libraries exist for this interpreter."""
    systems = {system.python: system.name for profile in case.profiles for system in profile.system}
    if not satisfies(version, PYTHONS):
        known = " or ".join(f"{python} ({name})" for python, name in systems.items() if satisfies(python, PYTHONS))
        fix = f"Use Python {known}." if known else "Use a container with Python 3.11."
        return bad("python", f"Python {version} is not among those edgeferry runs on, {PYTHONS}", fix)
    wanting = [
        package.name
        for profile in case.profiles
        for package in profile.package
        if not package.machine and not satisfies(version, package.python)
    ]
    if wanting:
        fix = "Use the Python of the board's current system."
        return warn("python", f"Python {version}, for which there are no wheels of {', '.join(wanting)}", fix)
    ours = next((name for python, name in systems.items() if version.startswith(f"{python}.")), None)
    return ok("python", f"Python {version}" + (f", as {ours} has it" if ours else ""))


def userland_finding(bits: int, architecture: str) -> Finding:
    """Inference libraries are published for 64-bit programs only."""
    if bits == 64:
        return ok("userland", f"64-bit programs on {architecture}")
    what = f"{bits}-bit programs on {architecture}: neither LiteRT nor ONNX Runtime publish packages for them"
    return bad("userland", what, "Write a 64-bit image to the card; tflite-runtime 2.14.0 is all there is otherwise.")


def glibc_finding(version: str | None) -> Finding:
    """`version` is None where the C library is another one."""
    if version is None:
        what = "the C library is not glibc, and the libraries' wheels are built for glibc"
        return bad("glibc", what, "Use a Debian, Raspberry Pi OS or Ubuntu system or container.")
    if satisfies(version, _GLIBC):
        return ok("glibc", f"glibc {version}")
    return bad(
        "glibc", f"glibc {version} is older than the wheels need, {_GLIBC}", "Use a newer system or a container."
    )


def memory_finding(case: Case) -> Finding:
    """Whether agent, vision and inference have the room the profile gives them."""
    total = case.machine.memory_mib
    words = dict(case.tree.pairs("proc/meminfo")).get("MemAvailable", "").split()
    if total is None or not words:
        return warn("memory", "how much memory there is cannot be read", "Look at /proc/meminfo.")
    free, board = int(words[0]) // 1024, case.board or case.profile
    said = f"{free} MiB of {total} MiB are available"
    if board is None or free >= board.memory_budget_mib:
        return ok("memory", said)
    what = f"{said}, and a {board.name} is meant to give the agent {board.memory_budget_mib} MiB"
    return warn("memory", what, "Stop other programs, desktops first, or give the agent a smaller model.")


def _state_findings(case: Case, state_dir: Path) -> Iterator[Finding]:
    assert case.config is not None
    there = next(folder for folder in (state_dir, *state_dir.absolute().parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        what = f"{there} is no folder that {_user()} may write in, and everything the agent keeps lies there"
        yield bad("state folder", what, f"Give it to the agent's user: chown USER {there}")
    elif there != state_dir:
        yield ok("state folder", f"{state_dir} will be made")
    else:
        yield ok("state folder", f"{state_dir} can be written")
    free = shutil.disk_usage(there).free // _MIB
    yield disk_finding(free, there, outbox_mib=case.config.telemetry.outbox_mib)


def disk_finding(free_mib: int, folder: Path, *, outbox_mib: int) -> Finding:
    """Room for the outbox at least; for an update as well is better."""
    needed = outbox_mib + _BESIDE_OUTBOX_MIB
    said = f"{free_mib} MiB are free in {folder}"
    if free_mib < needed:
        what = f"{said}, less than the outbox may need ({outbox_mib} MiB and {_BESIDE_OUTBOX_MIB} to spare)"
        return bad("disk", what, "Make room, or lower telemetry.outbox_mib.")
    if free_mib < needed + _ONE_UPDATE_MIB:
        return warn("disk", f"{said}, and a large update may not fit", "Make room, or use a larger card.")
    return ok("disk", said)


def _glibc() -> str | None:
    """Its version; None for another C library, which does not know the question."""
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (ValueError, OSError):
        return None
    return version if name == "glibc" else None


def _user() -> str:
    return f"user {os.geteuid()}"
