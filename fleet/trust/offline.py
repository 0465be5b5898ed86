"""What people with offline keys write: roots, and lists of targets. Bytes and keys in, signed documents out.

Nothing here looks at what the server may have changed: `ceremony.py` has verified a document before it is continued.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
from securesystemslib.signer import SSlibKey
from tuf.api.metadata import Metadata, Root, TargetFile, Targets

from contract.errors import ConfigError
from contract.metadata import POLICY, SIGNED_AT, Policy
from contract.moments import rfc3339
from devices.keys import Signer
from fleet.trust.documents import digest_of_target, moment, policy_of, sign

DAY_S = 86400.0
ONLINE = ("snapshot", "timestamp")


class RootKeys(NamedTuple):
    """Who may sign what; one valid signature is enough for each, so that a second key may lie in a safe."""

    root: tuple[SSlibKey, ...] = ()
    targets: tuple[SSlibKey, ...] = ()
    online: tuple[SSlibKey, ...] = ()
    """For snapshot and timestamp: the server's own."""


def first_root(keys: RootKeys, signers: Iterable[Signer], *, now_s: float, expires_s: float) -> Metadata[Root]:
    """Version 1, which devices pin. A device that wakes up in 1970 knows from it that `now_s` has passed."""
    root = Root(expires=moment(expires_s), consistent_snapshot=True)
    root.unrecognized_fields[SIGNED_AT] = rfc3339(now_s)
    _set_keys(root, keys)
    return sign(Metadata(root), signers)


def next_root(
    current: Metadata[Root], keys: RootKeys, signers: Iterable[Signer], *, now_s: float, expires_s: float
) -> Metadata[Root]:
    """The version after `current`: roles for which `keys` names some have these and no others, the rest keep theirs."""
    root = Root.from_dict(current.signed.to_dict())
    root.version += 1
    root.unrecognized_fields[SIGNED_AT] = rfc3339(now_s)
    root.expires = moment(expires_s)
    _set_keys(root, keys)
    return sign(Metadata(root), signers)


def first_targets(signer: Signer, *, expires_s: float) -> Metadata[Targets]:
    """Version 1: nothing may be installed."""
    fields = {POLICY: msgspec.to_builtins(Policy())}
    return sign(Metadata(Targets(expires=moment(expires_s), unrecognized_fields=fields)), [signer])


def next_targets(
    current: Metadata[Targets],
    signer: Signer,
    *,
    expires_s: float,
    add: Mapping[str, int] | None = None,
    floor: int | None = None,
    revoke: Sequence[str] = (),
) -> Metadata[Targets]:
    """The version after `current`: with the files `add` (name to bytes), a higher `floor`, digests nobody may install.

    A revoked file leaves the list and never comes back; ConfigError for one that tries, and for a floor that sinks.
    """
    targets = Targets.from_dict(current.signed.to_dict())
    policy = policy_of(targets, where="targets")
    if floor is not None and floor < policy.security_floor:
        raise ConfigError(
            f"the security floor is {policy.security_floor} already",
            where="targets",
            fix="Devices never let it sink: name a higher one.",
        )
    policy = Policy(
        security_floor=policy.security_floor if floor is None else floor,
        revoked=tuple(dict.fromkeys((*policy.revoked, *revoke))),
    )
    for name, size_bytes in (add or {}).items():
        targets.targets[name] = TargetFile(size_bytes, {"sha256": name.partition(".")[0]}, name)
    banned = [name for name in targets.targets if digest_of_target(name) in policy.revoked]
    if returning := [name for name in banned if name in (add or {})]:
        raise ConfigError(f"{returning[0]} is revoked", where="targets", fix="Release it anew, with another version.")
    for name in banned:
        del targets.targets[name]
    targets.unrecognized_fields[POLICY] = msgspec.to_builtins(policy)
    targets.version += 1
    targets.expires = moment(expires_s)
    return sign(Metadata(targets), [signer])


def _set_keys(root: Root, keys: RootKeys) -> None:
    """Give each role its keys, and drop those no role names any more."""
    for roles, chosen in ((("root",), keys.root), (("targets",), keys.targets), (ONLINE, keys.online)):
        for role in roles if chosen else ():
            for keyid in list(root.roles[role].keyids):
                root.revoke_key(keyid, role)
            for key in chosen:
                root.add_key(key, role)
    offline = {*root.roles["root"].keyids, *root.roles["targets"].keyids}
    if offline & {keyid for role in ONLINE for keyid in root.roles[role].keyids}:
        raise ConfigError(
            "the server's key must not be an offline key too",
            where="root",
            fix="Make another: edgeferry keys new FILE",
        )
