"""What a device is handed when it is flashed: one folder of files, the same for an image, a boot partition and ssh.

| Path | What |
|---|---|
| `install.sh` | does the work on the device; reads nothing but this folder |
| `config/` | `device.toml` and the keys and certificates it names, all in one flat folder |
| `first.bundle` | the model a new device begins with |
| `requirements.txt`, `constraints.txt`, `wheels/` | the agent itself |
| `systemd/`, `udev/` | the service, and what its accelerator needs |
| `SHA256SUMS` | every other file, as sha256sum(1) reads it: checked on the device before anything is touched |

Nothing is put together before the bundle is known to be signed by a pinned publisher and made for this profile.
Equal settings and files give an equal payload, so a device can tell that there is nothing to do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from contract.bundle import open_bundle
from contract.dsse import MANIFEST_TYPE, verify
from contract.errors import BundleError, ConfigError
from contract.manifest import Manifest
from devices.device_toml import written
from devices.keys import load_verifiers
from devices.packages import constraints, fitting_wheels, requirements
from devices.profiles import Profile, load_profile
from devices.settings import Settings
from devices.unit import service_unit, udev_rules

INSTALLED = "/opt/edgeferry/current"
"""What `install.sh` makes of a payload is found here on the device."""
STATE_DIR = "/var/lib/edgeferry"
SUMS = "SHA256SUMS"
BUNDLE = "first.bundle"
CONFIG_LIMIT_BYTES = 1_000_000
"""All of `config/`: systemd hands no more to a service as credentials (systemd.exec(5), LoadCredential=)."""
_CHUNK_BYTES = 1 << 20


class PayloadFile(NamedTuple):
    """One file, from memory or from this machine's disk."""

    content: bytes | Path
    mode: int = 0o644

    @property
    def size_bytes(self) -> int:
        """Its length."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, a mebibyte at a time at most."""
        if isinstance(self.content, bytes):
            yield self.content
            return
        with self.content.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                yield chunk

    def sha256(self) -> str:
        """64 hexadecimal digits."""
        if isinstance(self.content, bytes):
            return hashlib.sha256(self.content).hexdigest()
        found = self.content.stat()
        return _sha256_of(self.content, found.st_size, found.st_mtime_ns)


@dataclass(frozen=True)
class Payload:
    """Files by their path below the payload's folder (POSIX, relative), and which of them nobody may be shown."""

    files: dict[str, PayloadFile]
    secrets: frozenset[str]

    @property
    def size_bytes(self) -> int:
        """Of all files."""
        return sum(file.size_bytes for file in self.files.values())

    @property
    def id(self) -> str:
        """16 hexadecimal digits; equal for equal files. Where `install.sh` puts them on the device."""
        return self.files[SUMS].sha256()[:16]


def build_payload(settings: Settings, bundle: Path) -> Payload:
    """Everything the device needs.

    SignatureError or BundleError for a bundle it would refuse; ConfigError for settings it could not start with.
    """
    profile = load_profile(settings.profile)
    check_bundle(bundle, settings)
    config, secrets = _config(settings)
    files = {f"config/{name}": PayloadFile(data, 0o600) for name, data in config.items()}
    files[BUNDLE] = PayloadFile(bundle)
    files |= _software(settings, profile)
    files["install.sh"] = PayloadFile(_shipped("install.sh"), 0o755)
    files["systemd/edgeferry-agent.service"] = PayloadFile(service_unit(profile, sorted(config)))
    if (rules := udev_rules(profile)) is not None:
        files["udev/60-edgeferry.rules"] = PayloadFile(rules)
    files = dict(sorted(files.items()))
    files[SUMS] = PayloadFile("".join(f"{file.sha256()}  {name}\n" for name, file in files.items()).encode())
    return Payload(files, frozenset(f"config/{name}" for name in secrets))


def check_bundle(path: Path, settings: Settings) -> Manifest:
    """What the bundle promises, if this device would install it: every member, a publisher's signature, the profile."""
    try:
        with path.open("rb") as stream:
            bundle = open_bundle(stream, where=str(path))
            trusted = load_verifiers(map(Path, settings.publishers))
            verify(bundle.envelope, MANIFEST_TYPE, bundle.manifest_bytes, trusted, where=str(path))
            bundle.verify_members()
    except OSError as problem:
        raise BundleError(
            f"the bundle cannot be read: {problem.strerror}", where=str(path), fix="Check the path."
        ) from problem
    if bundle.manifest.profile != settings.profile:
        raise BundleError(
            f"it is made for {bundle.manifest.profile}, and {settings.device_id} is a {settings.profile}",
            where=str(path),
            fix=f"Convert the model with --for {settings.profile}, or give the right --profile.",
        )
    return bundle.manifest


def _config(settings: Settings) -> tuple[dict[str, bytes], set[str]]:
    """Contents of `config/` by name, and which of them are secrets."""
    named: dict[str, str | None] = {
        "broker-password": settings.broker_password_file,
        "ca.pem": settings.ca,
        "device.key": settings.device_key,
        "device.crt": settings.device_cert,
        "enroll-ca.pem": settings.enroll_ca,
        "root.json": settings.tuf_root,
        "scene.toml": settings.scene,
    }
    publishers = {f"publisher-{n}.pub": path for n, path in enumerate(settings.publishers, 1)}
    fleet = {f"fleet-{n}.pub": path for n, path in enumerate(settings.fleet_keys, 1)}
    load_verifiers(map(Path, settings.fleet_keys))
    found = {name: path for name, path in (named | publishers | fleet).items() if path is not None}
    data = {name: _read(path, name) for name, path in found.items()}
    data["device.toml"] = _device_toml(settings, set(found), tuple(publishers), tuple(fleet))
    if (size := sum(map(len, data.values()))) > CONFIG_LIMIT_BYTES:
        raise ConfigError(
            f"{size} bytes of keys and certificates, and a service is handed at most {CONFIG_LIMIT_BYTES}",
            where=settings.device_id,
            fix="Name a smaller file of certificate authorities (ca).",
        )
    secrets = {"broker-password", "device.key"} & set(data)
    return data, secrets | ({"device.toml"} if settings.claim is not None else set())


def _device_toml(settings: Settings, names: set[str], publishers: tuple[str, ...], fleet: tuple[str, ...]) -> bytes:
    """The agent's configuration; its paths are names in its own folder, which systemd hands over as a whole."""

    def there(name: str) -> str | None:
        return name if name in names else None

    broker = {
        "url": settings.broker,
        "username": settings.broker_username,
        "password_file": there("broker-password"),
        "ca_file": there("ca.pem"),
        "cert_file": there("device.crt"),
        "key_file": there("device.key"),
    }
    identity = {"server": settings.enroll_server, "ca_file": there("enroll-ca.pem"), "claim": settings.claim}
    data, _ = written(
        {
            "fleet": settings.fleet,
            "device": settings.device_id,
            "profile": settings.profile,
            "state_dir": STATE_DIR,
            "bundle": f"{INSTALLED}/{BUNDLE}",
            "site": settings.site or None,
            "broker": broker,
            "trust": {"publishers": publishers, "fleet": fleet, "root": there("root.json")},
            "identity": None if settings.enroll_server is None else identity,
            "camera": {"source": settings.camera, "scene": there("scene.toml")},
            "pictures": {"share": True} if settings.pictures == "shared" else None,
        },
        where=f"device.toml of {settings.device_id}",
    )
    return data


def _software(settings: Settings, profile: Profile) -> dict[str, PayloadFile]:
    files = {
        "requirements.txt": PayloadFile(requirements(settings, profile)),
        "constraints.txt": PayloadFile(constraints(profile)),
    }
    if settings.wheelhouse is not None:
        wheels = fitting_wheels(Path(settings.wheelhouse), profile.architecture)
        files |= {f"wheels/{path.name}": PayloadFile(path) for path in wheels}
    return files


@lru_cache(maxsize=512)
def _sha256_of(path: Path, _size_bytes: int, _mtime_ns: int) -> str:
    """Once a file, not once a device: a fleet's wheels are some hundred megabytes."""
    running = hashlib.sha256()
    for chunk in PayloadFile(path).chunks():
        running.update(chunk)
    return running.hexdigest()


def _read(path: str, name: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as problem:
        raise ConfigError(
            f"what becomes {name} cannot be read: {problem.strerror}", where=path, fix="Check the path."
        ) from problem


def _shipped(name: str) -> bytes:
    return (resources.files("devices") / "install" / name).read_bytes()
