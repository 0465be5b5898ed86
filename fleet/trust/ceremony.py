"""What a person with an offline key does to the metadata: fetch the present document, continue it, sign, hand it in.

The server keeps the documents, and is not believed: what it hands out is continued only when it bears a signature of
the key at hand, or of the one named as its predecessor. So a server that was taken over cannot have its own entries
signed among others.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import SSlibKey
from tuf.api.metadata import Metadata, Root, Targets

from contract.digest import digest_of_chunks
from contract.errors import BundleError, ConfigError, SignatureError
from contract.metadata import RoleName
from devices.keys import load_signer
from fleet.client import Client
from fleet.trust.documents import Document, read, target_name, to_bytes
from fleet.trust.folder import MetadataFolder
from fleet.trust.keys import public_key
from fleet.trust.names import document_name
from fleet.trust.offline import DAY_S, RootKeys, first_root, first_targets, next_root, next_targets

_CHUNK = 1 << 20
Answer = dict[str, Any]
D = TypeVar("D", Root, Targets)


def begin(
    folder: Path, root: Sequence[Path], targets: Path, online: Sequence[Path], *, root_days: float, targets_days: float
) -> Path:
    """Make version 1 of root and targets in `folder`, and return the root's file, which devices pin.

    `root` and `targets` are private keys, `online` public ones. ConfigError where there is metadata already.
    """
    kept, now_s = MetadataFolder(folder), time.time()
    if kept.newest("root"):
        raise ConfigError("there is metadata already", where=str(folder), fix="Choose another --out folder.")
    keys = RootKeys(_keys(root), _keys([targets]), _keys(online))
    made = first_root(keys, map(load_signer, root), now_s=now_s, expires_s=now_s + root_days * DAY_S)
    listed = first_targets(load_signer(targets), expires_s=now_s + targets_days * DAY_S)
    kept.write(document_name(1, "targets"), to_bytes(listed))
    kept.write(document_name(1, "root"), to_bytes(made))
    return folder / document_name(1, "root")


def sign_targets(
    client: Client,
    key: Path,
    *,
    days: float,
    add: Mapping[str, int] | None = None,
    floor: int | None = None,
    revoke: Sequence[str] = (),
    before: Sequence[Path] = (),
) -> Answer:
    """Continue the server's list with `add` (name to bytes), `floor` and `revoke`, signed by `key` for `days`.

    `before` are public keys of predecessors of `key`; the server's answer is what now counts.
    """
    current = _fetch(client, "targets", Targets)
    _check_ours(current, _keys([key, *before]), "targets")
    expires_s = time.time() + days * DAY_S
    made = next_targets(current, load_signer(key), expires_s=expires_s, add=add, floor=floor, revoke=revoke)
    return client.publish("targets", to_bytes(made))


def sign_root(client: Client, keys: Sequence[Path], chosen: RootKeys, *, days: float) -> Answer:
    """Continue the server's root with the keys `chosen`, signed by all of `keys`, old and new, for `days`."""
    current = _fetch(client, "root", Root)
    _check_ours(current, _keys(keys), "root")
    now_s = time.time()
    made = next_root(current, chosen, map(load_signer, keys), now_s=now_s, expires_s=now_s + days * DAY_S)
    return client.publish("root", to_bytes(made))


def root_keys(root: Sequence[Path], targets: Sequence[Path], online: Sequence[Path]) -> RootKeys:
    """The keys in these files, private or public; an empty sequence changes nothing."""
    return RootKeys(_keys(root), _keys(targets), _keys(online))


def listing(files: Iterable[Path]) -> dict[str, int]:
    """How these bundles and deltas are listed: computed here, where the files are known to be good."""
    return dict(map(_entry, files))


def _entry(path: Path) -> tuple[str, int]:
    try:
        with path.open("rb") as stream:
            digest = digest_of_chunks(iter(lambda: stream.read(_CHUNK), b""))
            return target_name(digest, path.suffix), stream.tell()
    except OSError as problem:
        raise BundleError(
            f"cannot be read: {problem.strerror}", where=str(path), fix="Give the path of a .bundle or .delta file."
        ) from problem


def _keys(paths: Iterable[Path]) -> tuple[SSlibKey, ...]:
    return tuple(map(public_key, paths))


def _fetch(client: Client, role: RoleName, kind: type[D]) -> Metadata[D]:
    """The server's present document of `role`."""
    present = {found["role"]: found["version"] for found in client.trust()["roles"]}
    if role not in present:
        raise ConfigError(
            "the server keeps no metadata", where=role, fix="Make it: edgeferry fleet trust init, then restart it."
        )
    name = document_name(present[role], role)
    return read(client.metadata(name), kind, where=name)


def _check_ours(document: Document, keys: Sequence[SSlibKey], role: RoleName) -> None:
    """Refuse to continue what none of `keys` has signed."""
    if not any(_signed_by(document, key) for key in keys):
        raise SignatureError(
            f"the server's {role} document is not signed by the key you gave",
            where=f"{role} version {document.signed.version}",
            fix="Give the key that signed it; if that should be this one, do not trust this server.",
        )


def _signed_by(document: Document, key: SSlibKey) -> bool:
    signature = document.signatures.get(key.keyid)
    if signature is None:
        return False
    try:
        key.verify_signature(signature, document.signed_bytes)
    except UnverifiedSignatureError:
        return False
    return True
