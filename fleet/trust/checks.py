"""What the server demands of a root or a list of targets before it publishes it: pure, from bytes to a document.

Devices check all of this again, and believe nothing the server says about it. Refusing early keeps a slip from
locking them out: each document must fit the one published before, as a client that follows will see it.
"""

from __future__ import annotations

from collections.abc import Callable

from tuf.api.metadata import Metadata, Root, TargetFile, Targets

from contract.errors import ConfigError, SignatureError
from contract.metadata import MOST_BYTES, RoleName
from fleet.refusals import ConflictError
from fleet.trust.documents import (
    TARGET,
    Document,
    digest_of_target,
    is_signed,
    moment,
    policy_of,
    read,
)
from fleet.trust.offline import ONLINE

WHERE = "upload"
Held = Callable[[str], int | None]
"""Bytes of the repository's file of that name; None where there is none."""


def check_targets(
    data: bytes, root: Metadata[Root], current: Metadata[Targets], held: Held, now_s: float
) -> Metadata[Targets]:
    """The list in `data`, fit to follow `current`; SignatureError or ConflictError where it is not."""
    _check_size(data, "targets")
    targets = read(data, Targets, where=WHERE)
    if not is_signed(targets, "targets", root.signed):
        raise _foreign("targets", f"root version {root.signed.version}")
    _check_follows(targets, current, "targets", now_s)
    if targets.signed.delegations is not None:
        raise SignatureError("it hands work to further roles", where=WHERE, fix="List every file in it directly.")
    policy, before = policy_of(targets.signed, where=WHERE), policy_of(current.signed, where="targets")
    if policy.security_floor < before.security_floor:
        raise ConflictError(
            f"the security floor would sink from {before.security_floor} to {policy.security_floor}",
            where=WHERE,
            fix="Devices never let it sink: name a higher one.",
        )
    for name, file in targets.signed.targets.items():
        _check_file(name, file, held)
        if digest_of_target(name) in policy.revoked:
            raise ConflictError(f"it lists {name} and revokes it", where=WHERE, fix="Leave it out of the list.")
    return targets


def check_root(
    data: bytes, current: Metadata[Root], targets: Metadata[Targets], online: str, now_s: float
) -> Metadata[Root]:
    """The root in `data`, fit to follow `current`; `online` is the id of the server's own key.

    It must vouch for what is published at this moment: keys are exchanged by first naming both, then signing with
    the new one, then leaving the old one out, so that every step is whole for a device that looks.
    """
    _check_size(data, "root")
    root = read(data, Root, where=WHERE)
    for version, judge in ((current.signed.version, current), (root.signed.version, root)):
        if not is_signed(root, "root", judge.signed):
            raise _foreign("root", f"root version {version}")
    _check_follows(root, current, "root", now_s)
    if not root.signed.consistent_snapshot:
        raise SignatureError("it does not ask for consistent snapshots", where=WHERE, fix="Set consistent_snapshot.")
    check_online(root, online, where=WHERE)
    if not is_signed(targets, "targets", root.signed):
        raise ConflictError(
            "it names no key that signed the present targets",
            where=WHERE,
            fix="Name both keys, sign the targets with the new one, then leave the old one out.",
        )
    return root


def check_online(root: Metadata[Root], online: str, *, where: str) -> None:
    """ConfigError where `root` does not know the server's own key."""
    if not all(online in root.signed.roles[role].keyids for role in ONLINE):
        raise ConfigError(
            f"root version {root.signed.version} does not name this server's key sha256:{online[:8]}…",
            where=where,
            fix="Start the server with a --key it names, or add this one: edgeferry fleet trust rotate-root --online.",
        )


def _check_size(data: bytes, role: RoleName) -> None:
    if len(data) > MOST_BYTES[role]:
        raise SignatureError(
            f"{len(data)} bytes, and devices read {MOST_BYTES[role]} at most", where=WHERE, fix="Revoke old files."
        )


def _check_follows(document: Document, current: Document, role: RoleName, now_s: float) -> None:
    """The next version, and good for a while."""
    due = current.signed.version + 1
    if document.signed.version != due:
        raise ConflictError(
            f"it is version {document.signed.version} of the {role}, and {due} is due",
            where=WHERE,
            fix="Somebody else may have signed meanwhile: begin again from the present one.",
        )
    if document.signed.is_expired(moment(now_s)):
        raise SignatureError(
            f"the {role} expired at {document.signed.expires:%Y-%m-%d %H:%M} UTC", where=WHERE, fix="Sign it anew."
        )


def _check_file(name: str, file: TargetFile, held: Held) -> None:
    match = TARGET.fullmatch(name)
    if match is None or file.hashes != {"sha256": match["hex"]}:
        raise SignatureError(
            f"{name[:80]!r} is not named by its sha256", where=WHERE, fix="Name it HEX.bundle or HEX.delta."
        )
    if held(name) != file.length:
        raise ConflictError(
            f"the repository has no {name[:12]}….{name.rpartition('.')[2]} of {file.length} bytes",
            where=WHERE,
            fix="Upload it first: edgeferry fleet release FILE",
        )


def _foreign(role: RoleName, judge: str) -> SignatureError:
    return SignatureError(f"the {role} is not signed by a key of {judge}", where=WHERE, fix="Sign it with that key.")
