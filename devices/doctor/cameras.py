"""Whether the cameras of the configuration, or any at all, are there and may be opened. None is opened."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

from contract.device import Camera
from devices.doctor.case import Case
from devices.doctor.finding import Finding, bad, ok, warn
from devices.doctor.permission import refusal

_NODE = re.compile(r"(?:/dev/video)?(\d+)")
_PIPE = "pipe:"


def camera_findings(case: Case) -> Iterator[Finding]:
    """One finding a configured camera that is attached here, or one for what is attached."""
    if case.config is None:
        yield _attached(case)
        return
    for camera in case.config.cameras:
        yield _configured(case, camera)


def _configured(case: Case, camera: Camera) -> Finding:
    check, source = f"camera {camera.name}", camera.source
    if node := _NODE.fullmatch(source):
        return _node(case, check, f"dev/video{node[1]}")
    if source.startswith(_PIPE):
        return _program(check, source.removeprefix(_PIPE))
    if "://" in source or source.startswith("synthetic:"):
        return ok(check, f"{source.partition(':')[0]}: is not attached here, so there is nothing to look at")
    path = case.path(source)
    if path.exists():
        return ok(check, f"{path} is there")
    return bad(check, f"there is no {path}", "Correct camera.source in device.toml.")


def _attached(case: Case) -> Finding:
    names = case.tree.names("dev", "video[0-9]*")
    if not names:
        what = "no /dev/video* is there; a camera on a ribbon cable is read through pipe:rpicam-vid and needs none"
        return warn("camera", what, "Plug a camera in, or name another source in device.toml.")
    return _node(case, "camera", f"dev/{names[0]}", others=len(names) - 1)


def _node(case: Case, check: str, path: str, *, others: int = 0) -> Finding:
    more = f", and {others} more" if others else ""
    try:
        group = refusal(case.tree.root / path)
    except OSError as problem:
        there = ", ".join(f"/dev/{name}" for name in case.tree.names("dev", "video[0-9]*")) or "no camera"
        return bad(check, f"/{path}: {problem.strerror}; attached is {there}", "Plug it in, or correct camera.source.")
    if group is None:
        return ok(check, f"/{path} may be opened{more}")
    fix = f"Put the agent's user into the group: usermod -aG {group} USER" if group else f"Let its group open /{path}."
    return bad(check, f"/{path} may not be opened by this user{more}", fix)


def _program(check: str, command: str) -> Finding:
    try:
        words = shlex.split(command)
    except ValueError as problem:
        return bad(check, f"the command cannot be read: {problem}", "Close the quotes in camera.source.")
    if not words or shutil.which(words[0]) is None:
        name = words[0] if words else "no program"
        fix = "apt install rpicam-apps" if name.startswith("rpicam-") else f"Install {Path(name).name}."
        return bad(check, f"{name} is not installed, and the camera is read through it", fix)
    return ok(check, f"{words[0]} is installed")
