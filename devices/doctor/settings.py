"""Whether `device.toml` can be read and fits this machine, and whether the files it names are there and kept close."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from contract.device import DeviceConfig, parse_device_config
from contract.errors import ConfigError
from devices.detect import Machine
from devices.doctor.case import Case
from devices.doctor.finding import Finding, bad, ok, warn
from devices.keys import load_verifiers
from devices.profiles import load_profile

_OTHERS = 0o077
_PEM = b"-----BEGIN "


def read_settings(path: Path) -> tuple[DeviceConfig | None, Finding]:
    """The configuration, or None, and what to say about it."""
    try:
        config = parse_device_config(path.read_bytes(), where=str(path))
        load_profile(config.profile)
    except OSError as problem:
        fix = "Check the path; edgeferry flash writes such a file."
        return None, bad("device.toml", f"{path} cannot be read: {problem.strerror}", fix)
    except ConfigError as problem:
        return None, bad("device.toml", f"{problem.where}: {problem.what}", problem.fix)
    return config, ok("device.toml", f"{config.fleet}/{config.device}, a {config.profile}")


def profile_finding(case: Case) -> Finding:
    """Whether the configured profile, or the one found, suits the machine."""
    machine, check = case.machine, "profile"
    if case.profile is None:
        return bad(check, f"no profile serves this machine: {machine.because}", "See edgeferry devices list.")
    if case.config is None or case.profile.name in (machine.profile, machine.board):
        said = f"{case.profile.name}: {machine.because}"
        doubts = "; ".join(machine.doubts)
        return warn(check, f"{said}; {doubts}", "See edgeferry devices show NAME.") if doubts else ok(check, said)
    what = f"device.toml says {case.profile.name}, and this looks like {machine.profile or 'nothing known'}"
    fix = f'Write profile = "{machine.profile}" and assign bundles for it.' if machine.profile else "Check the board."
    if _other_processor(case, machine):
        return bad(check, f"{what}: its processor is another one ({machine.architecture})", fix)
    return warn(check, f"{what} ({machine.because})", fix)


def file_findings(case: Case) -> Iterator[Finding]:
    """Keys and certificates that the configuration names; secrets must be nobody else's to read."""
    assert case.config is not None
    trust, broker = case.config.trust, case.config.broker
    if not trust.publishers:
        what = "no publisher's key is pinned, so no bundle could ever be trusted"
        yield bad("trust", what, "Name the public key of whoever signs your bundles under trust.publishers.")
    for name, paths in (("publishers", trust.publishers), ("fleet", trust.fleet)):
        for path in paths:
            yield _public_key(f"trust.{name}", case.path(path))
    if trust.root:
        yield _file("trust.root", case.path(trust.root), b"{")
    for name, text, secret in (
        ("ca_file", broker.ca_file, False),
        ("cert_file", broker.cert_file, False),
        ("key_file", broker.key_file, True),
    ):
        if text:
            yield _file(f"broker.{name}", case.path(text), _PEM, secret=secret)
    if broker.password_file:
        yield _file("broker.password_file", case.path(broker.password_file), b"", secret=True)


def _other_processor(case: Case, machine: Machine) -> bool:
    assert case.profile is not None
    return case.profile.architecture not in ("any", machine.architecture)


def _public_key(check: str, path: Path) -> Finding:
    try:
        (keyid,) = load_verifiers([path])
    except ConfigError as problem:
        return bad(check, f"{problem.where}: {problem.what}", problem.fix)
    return ok(check, f"{path} is the key {keyid[:19]}…")


def _file(check: str, path: Path, begins: bytes, *, secret: bool = False) -> Finding:
    """Whether the file can be read, is not empty, and is nobody else's if it is a secret."""
    try:
        data, mode = path.read_bytes(), stat.S_IMODE(path.stat().st_mode)
    except OSError as problem:
        return bad(check, f"{path} cannot be read: {problem.strerror}", "Copy it there, readable for the agent's user.")
    if not data.strip() or begins not in data:
        looks = "is empty" if not data.strip() else "does not look like such a file"
        return bad(check, f"{path} {looks}", "Copy the right file there.")
    if secret and mode & _OTHERS:
        return warn(check, f"{path} has mode {mode:04o}, so others may read it", f"chmod 600 {path}")
    return ok(check, f"{path} can be read")
