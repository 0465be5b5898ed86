"""All checks in turn: from the machine and its ground over the libraries to what the configuration names."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from contract.device import DeviceConfig
from devices.detect import Machine, detect
from devices.doctor.broker import broker_findings
from devices.doctor.cameras import camera_findings
from devices.doctor.case import Case
from devices.doctor.clock import clock_findings
from devices.doctor.coral import coral_findings
from devices.doctor.finding import Finding
from devices.doctor.libraries import library_findings
from devices.doctor.settings import file_findings, profile_finding, read_settings
from devices.doctor.system import system_findings
from devices.profiles import Profile, load_profile
from devices.tree import Tree

LIVE = Path("/")
DEADLINE_S = 60.0
"""Of one library: onnxruntime takes several seconds to import on a Pi Zero 2 W that does something else as well."""


class Report(Struct, frozen=True, kw_only=True):
    """What was found."""

    ready: bool
    """Nothing is bad."""
    profile: str | None
    machine: Machine
    findings: tuple[Finding, ...]
    seconds: float


def examine(config_file: Path | None = None, *, root: Path = LIVE, deadline_s: float = DEADLINE_S) -> Report:
    """Look at everything. `root` stands in for the machine's own files; libraries and Python are always the live ones.

    `deadline_s` is what each library may take.
    """
    began = time.monotonic()
    findings: list[Finding] = []
    config = None
    if config_file is not None:
        config, finding = read_settings(config_file)
        findings.append(finding)
    case = _case(config, config_file, root)
    findings += _findings(case, deadline_s)
    return Report(
        ready=all(finding.status != "bad" for finding in findings),
        profile=case.profile.name if case.profile else None,
        machine=case.machine,
        findings=tuple(findings),
        seconds=round(time.monotonic() - began, 2),
    )


def _case(config: DeviceConfig | None, config_file: Path | None, root: Path) -> Case:
    machine = detect(root, architecture=os.uname().machine if root == LIVE else None)
    return Case(
        machine=machine,
        profile=_profile(config.profile if config else machine.profile),
        board=_profile(machine.board),
        config=config,
        folder=config_file.resolve().parent if config_file else Path.cwd(),
        tree=Tree(root),
    )


def _profile(name: str | None) -> Profile | None:
    return load_profile(name) if name else None


def _findings(case: Case, deadline_s: float) -> Iterator[Finding]:
    yield profile_finding(case)
    yield from system_findings(case)
    yield from clock_findings()
    yield from library_findings(case, deadline_s=deadline_s)
    yield from coral_findings(case, deadline_s=deadline_s)
    yield from camera_findings(case)
    if case.config is not None:
        yield from file_findings(case)
        yield from broker_findings(case)
