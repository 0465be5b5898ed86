"""Whether the update repository vouches for a file: The Update Framework (TUF), from a root pinned at provisioning.

An assignment says what the fleet wants here; this says that the publishers' keys, most of them in a drawer, stand
behind it, today. python-tuf judges, in a short-lived process; files are fetched, and what was accepted is kept, here.
Formats and attacks: theupdateframework.github.io/specification; who may sign what: `docs/trust.md`.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from contract.digest import PREFIX
from contract.errors import ConfigError
from contract.metadata import MOST_BYTES, Policy
from contract.moments import rfc3339
from edge.clock import Anchor, FleetClock
from edge.deadline import Deadline
from edge.durable import Disk
from edge.vouching.cache import Cache
from edge.vouching.errors import ExpiredError, MetadataError
from edge.vouching.process import verdict_on
from edge.vouching.source import PATIENT, Patience, Source, source_at
from edge.vouching.talk import (
    FETCHED,
    PINNED,
    Reply,
    Role,
    RootDocument,
    Target,
    Task,
    Verdict,
    Want,
    role_of,
)

__all__ = ["ExpiredError", "MetadataError", "Repository", "Vouch"]

MOST_FILES = 256
"""In one go. A repository with more new roots than that is followed over several."""
_FILE_NAME = re.compile(r"([0-9a-f]{64})\.(?:bundle|delta)")


class Vouch(Struct, frozen=True, kw_only=True):
    """What the repository's offline keys say about a file, and about all bundles."""

    size_bytes: int
    security_floor: int
    """No bundle with a lower security level may be installed."""
    revoked: frozenset[str]
    """Digests known to be bad, `sha256:…`."""
    signed_until: float
    """Unix seconds; then the first of the roles expires."""


class _RootFile(Struct, frozen=True):
    signed: RootDocument


class Repository:
    """The repository `root` speaks for. `folder` is the state folder. Not for two threads at a time.

    ConfigError where `root`, the pinned `root.json`, cannot be read.
    """

    def __init__(
        self,
        root: Path,
        folder: Path,
        clock: FleetClock,
        disk: Disk,
        *,
        ca_file: str | None = None,
        patience: Patience = PATIENT,
    ) -> None:
        self._pinned, anchor = _read_root(root)
        self._clock, self._cache = clock, Cache(folder, disk)
        self._ca_file, self._patience = ca_file, patience
        clock.follow(anchor)

    def vouch(
        self,
        file_name: str,
        metadata_url: str | Path,
        *,
        deadline: Deadline,
        spend: Callable[[int], None],
        issued_s: float = 0.0,
    ) -> Vouch:
        """What is signed about `HEX.bundle` or `HEX.delta`, HEX being the file's SHA-256, after a refresh.

        `metadata_url` is http, https, or a folder as `file:` address or path. `spend` hears how many bytes came, and
        may raise. `issued_s`, unix seconds, is when the assignment was signed: metadata that had expired by then is
        refused as well. MetadataError and its ExpiredError, DeadlineError, StoppingError, DiskError, and
        ConfigError for `ca_file`.
        """
        digits = _digits_in(file_name)
        source = source_at(
            metadata_url,
            deadline=deadline,
            spend=spend,
            clock=self._clock,
            ca_file=self._ca_file,
            patience=self._patience,
        )
        where = str(metadata_url)
        verdict = self._judged(file_name, source, deadline)
        if self._clock.follow(verdict.anchor):
            # The time it was judged by was the word of a key that has been withdrawn.
            verdict = self._judged(file_name, source, deadline)
        signed_until = self._in_time(verdict, issued_s, where)
        vouch = _vouched(verdict, digits, signed_until, where)
        self._learn(verdict, issued_s, signed_until)
        return vouch

    def _judged(self, file_name: str, source: Source, deadline: Deadline) -> Verdict:
        with tempfile.TemporaryDirectory(prefix="edgeferry-metadata-") as name:
            scratch = Path(name)
            (scratch / PINNED).write_bytes(self._pinned)
            self._cache.lend(scratch)
            asked = 0

            def answer(want: Want) -> Reply:
                nonlocal asked
                asked += 1
                # What was accepted must not be forgotten, whatever becomes of the rest.
                self._cache.keep(scratch)
                return _fetched(want, source, scratch, asked)

            task = Task(folder=name, file_name=file_name, now_s=self._clock.now())
            verdict = verdict_on(task, answer, deadline)
            self._cache.keep(scratch)
            return verdict

    def _in_time(self, verdict: Verdict, issued_s: float, where: str) -> float:
        """When the first role expires; MetadataError where python-tuf, or the time, has something against it."""
        if verdict.problem == "refused":
            raise _refused(verdict.detail, where)
        first = min(verdict.roles, key=lambda role: role.expires_s, default=None)
        believed_s = max(self._clock.now(), issued_s, *(role.signed_s for role in verdict.roles))
        if verdict.problem == "expired" or first is None or first.expires_s <= believed_s:
            raise self._expired(first, verdict.detail, believed_s, where)
        return first.expires_s

    def _expired(self, role: Role | None, detail: str, believed_s: float, where: str) -> ExpiredError:
        which = f"{role.name} {role.version} expired at {rfc3339(role.expires_s)}" if role else detail
        return ExpiredError(
            f"update metadata is out of date: {which}, and it is {rfc3339(believed_s)} or later; {self._clock.words()}",
            where=where,
            fix="Sign the metadata anew or set this device's clock; somebody may be holding back newer metadata.",
        )

    def _learn(self, verdict: Verdict, issued_s: float, signed_until: float) -> None:
        latest = max(verdict.roles, key=lambda role: role.signed_s)
        why = f"{latest.name} {latest.version}" if latest.signed_s >= issued_s else "an assignment"
        self._clock.learn(max(latest.signed_s, issued_s), why, until_s=signed_until)


def _read_root(path: Path) -> tuple[bytes, Anchor]:
    try:
        data = path.read_bytes()
        return data, msgspec.json.decode(data, type=_RootFile).signed.anchor()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, ValueError) as problem:
        raise ConfigError(
            f"this is no root of an update repository: {problem}",
            where=str(path),
            fix="Copy the repository's root.json here once more; `trust.root` names it.",
        ) from problem


def _digits_in(file_name: str) -> str:
    match = _FILE_NAME.fullmatch(file_name)
    if match is None:
        raise MetadataError(
            "no file of an update repository is called so",
            where=file_name,
            fix="Name files by their digest: 64 digits and .bundle or .delta.",
        )
    return match[1]


def _fetched(want: Want, source: Source, scratch: Path, asked: int) -> Reply:
    role = role_of(want.name)
    if role is None or asked > MOST_FILES:
        raise _refused(
            f"it leads to {want.name}" if role is None else f"it leads to over {MOST_FILES} files", want.name
        )
    data = source.read(want.name, min(want.at_most_bytes, MOST_BYTES[role]))
    if data is not None:
        (scratch / FETCHED).write_bytes(data)
    return Reply(found=data is not None)


def _vouched(verdict: Verdict, digits: str, signed_until: float, where: str) -> Vouch:
    """What the accepted metadata says about the file; MetadataError where that is nothing, or nothing good."""
    try:
        policy = msgspec.convert(verdict.policy if verdict.policy is not None else {}, Policy)
    except msgspec.ValidationError as problem:
        raise _refused(f"x-edgeferry in targets: {problem}", where) from problem
    target: Target | None = verdict.target
    if target is None:
        raise _not_vouched("it does not name this file", digits, where)
    if target.sha256 != digits:
        raise _not_vouched(f"it names another content for it, {target.sha256 or 'without a SHA-256'}", digits, where)
    if PREFIX + digits in policy.revoked:
        raise _not_vouched("it has withdrawn this file", digits, where)
    return Vouch(
        size_bytes=target.size_bytes,
        security_floor=policy.security_floor,
        revoked=frozenset(policy.revoked),
        signed_until=signed_until,
    )


def _not_vouched(why: str, digits: str, where: str) -> MetadataError:
    return MetadataError(
        f"the update repository does not vouch for {digits[:12]}…: {why}",
        where=where,
        fix="Release the bundle in the repository, with the offline keys, before it is assigned.",
    )


def _refused(why: str, where: str) -> MetadataError:
    return MetadataError(
        f"update metadata is refused: {why}",
        where=where,
        fix="Find out who else writes to this server; have the repository sign anew.",
    )
