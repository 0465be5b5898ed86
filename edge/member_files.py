"""What makes this device a member of its fleet, on disk: `state_dir/identity/`, readable by its owner alone.

| File | What |
|---|---|
| `device.pem` | private key and certificate chain in one file, so that one rename exchanges both |
| `ca.pem` | the fleet's root: whom the broker's certificate must come from |
| `next.key` | a key on its way to a certificate; kept until it has one, so that asking again is the same question |

A line before the key says when the certificate ends: reading that takes no X.509, which an agent spares itself.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from contract.codec import from_json, to_json
from contract.device import Broker, DeviceConfig
from contract.errors import UpdateError
from edge.durable import Disk, disk_error

FOLDER, IDENTITY, AUTHORITIES, NEXT_KEY = "identity", "device.pem", "ca.pem", "next.key"
_RENEW_AT = 2 / 3
_SECRET = 0o600


class MemberTerms(Struct, frozen=True, kw_only=True):
    """About the certificate in `device.pem`; moments in unix seconds."""

    begins_s: float
    ends_s: float
    claim: str = ""
    """Id of the claim code it came by; empty for a renewed one."""

    @property
    def due_s(self) -> float:
        """When it should be renewed: at two thirds of its life."""
        return self.begins_s + (self.ends_s - self.begins_s) * _RENEW_AT


class MemberFiles:
    """Not for two writers at a time. DiskError where the disk refuses."""

    def __init__(self, state_dir: Path, disk: Disk) -> None:
        self.folder, self._disk = state_dir / FOLDER, disk
        self.identity, self.authorities = self.folder / IDENTITY, self.folder / AUTHORITIES
        self._next = self.folder / NEXT_KEY

    def terms(self) -> MemberTerms | None:
        """Of the present certificate; None where there is none that can be read."""
        try:
            line = self.identity.read_bytes().partition(b"\n")[0]
            return from_json(line, MemberTerms, where=str(self.identity), error=UpdateError)
        except (OSError, UpdateError):
            return None

    def identity_pem(self) -> bytes:
        """Key and chain; empty where there is none."""
        return _read(self.identity)

    def next_key(self, purpose: str) -> bytes:
        """The key on its way (PEM), if it was made for this; empty otherwise.

        `purpose` is a claim code's id, or the serial number of the certificate to be renewed. A key that served
        another one may have a certificate already, and none is certified twice.
        """
        line, _, pem = _read(self._next).partition(b"\n")
        return pem if line == purpose.encode() else b""

    def keep_next_key(self, purpose: str, pem: bytes) -> None:
        """It is on the medium when this returns: only then may anybody hear of its other half."""
        self._keep(self._next, purpose.encode() + b"\n" + pem)

    def keep_member(self, key: bytes, chain: bytes, terms: MemberTerms, authorities: bytes | None) -> None:
        """Take over a new certificate. Power may go at any point: either the old one or the new one is whole."""
        if authorities is not None:
            self._keep(self.authorities, authorities)
        self._keep(self.identity, to_json(terms) + b"\n" + key + chain)
        if self._next.exists():
            try:
                self._disk.remove(self._next)
            except OSError as problem:
                raise disk_error("removing a used key", self._next, problem) from problem

    def _keep(self, path: Path, data: bytes) -> None:
        beside = path.with_name(path.name + ".new")
        try:
            if not self.folder.is_dir():
                self._disk.make_folder(self.folder)
                self.folder.chmod(0o700)
            self._disk.sync(self.folder.parent)
            # Empty until it is for its owner alone, so that no key is ever readable by others, not even half of it.
            self._disk.write(beside, b"")
            beside.chmod(_SECRET)
            self._disk.replace_file(path, data)
        except OSError as problem:
            raise disk_error("keeping this device's identity", path, problem) from problem


def broker_of(config: DeviceConfig) -> Broker:
    """The broker with the files of `state_dir/identity`, where `[identity]` is set and no others are named."""
    broker = config.broker
    if config.identity is None:
        return broker
    folder = Path(config.state_dir) / FOLDER
    if broker.cert_file is None:
        broker = replace(broker, cert_file=str(folder / IDENTITY), key_file=str(folder / IDENTITY))
    return broker if broker.ca_file is not None else replace(broker, ca_file=str(folder / AUTHORITIES))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as problem:
        raise disk_error("reading this device's identity", path, problem) from problem
