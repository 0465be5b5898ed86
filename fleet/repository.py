"""Bundles and deltas on disk, named by their digest, and the tables that say what they are.

A file is received into a file beside its place, checked from the first byte to the last, and renamed: a reader of
the folder sees whole files only. One release, NAME@VERSION, has one bundle a profile, and a version is never reused.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from contract import dsse
from contract.bundle import SUFFIX, Bundle, open_bundle
from contract.codec import to_json
from contract.delta import SUFFIX as DELTA_SUFFIX
from contract.digest import digest_of_chunks
from contract.dsse import MANIFEST_TYPE, Verifier
from contract.errors import ConfigError
from fleet import deltas, tables
from fleet.durable import sync
from fleet.refusals import ConflictError
from fleet.releases import bundle_name
from fleet.store import Store

_CHUNK = 1 << 20
_INCOMING = ".incoming-"
_NAME = re.compile(rf"[0-9a-f]{{64}}(?:{re.escape(SUFFIX)}|{re.escape(DELTA_SUFFIX)})")
_LARGEST_VERSION = 999_999_999


class Added(NamedTuple):
    """What became of an upload."""

    digest: str
    new: bool
    """False where the very file was there already."""


class Repository:
    """One folder of bundles and deltas.

    `trusted` are publishers' keys; without any, a signature is recorded and not judged.
    """

    def __init__(self, folder: Path, store: Store, trusted: Mapping[str, Verifier] | None) -> None:
        self.folder, self._store, self._trusted = folder, store, trusted
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for leftover in folder.glob(f"{_INCOMING}*"):
                leftover.unlink()
        except OSError as problem:
            raise _unwritable(folder, problem) from problem

    def path_of(self, name: str) -> Path | None:
        """The file `HEX.bundle` or `HEX.delta`, if there is one."""
        path = self.folder / name
        return path if _NAME.fullmatch(name) and path.is_file() else None

    def size_of(self, name: str) -> int | None:
        """Its bytes; what has such a name was found to have that digest when it came."""
        path = self.path_of(name)
        return None if path is None else path.stat().st_size

    @contextlib.contextmanager
    def incoming(self) -> Iterator[tuple[IO[bytes], Path]]:
        """A file to receive an upload into; gone when the block ends unless `adopt` took it."""
        try:
            handle, name = tempfile.mkstemp(prefix=_INCOMING, dir=self.folder)
        except OSError as problem:
            raise _unwritable(self.folder, problem) from problem
        path = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file, path
        except OSError as problem:
            raise _unwritable(self.folder, problem) from problem
        finally:
            path.unlink(missing_ok=True)

    def adopt(self, path: Path, *, where: str) -> Added:
        """Check the received bundle at `path` and make it part of a release.

        Raises BundleError, SignatureError or ConflictError, and then nothing has changed.
        """
        with path.open("rb") as stream:
            bundle = open_bundle(stream, where=where)
            _check_columns(bundle)
            bundle.verify_members()
            verified = self._signed_by_trusted(bundle)
        digest = _digest(path)
        with self._store.writing() as connection:
            if not _is_new(connection, bundle, digest):
                return Added(digest, False)
            size_bytes = path.stat().st_size
            self._keep(path, bundle_name(digest))
            connection.execute(tables.RELEASES.insert().values(_row(bundle, digest, size_bytes, verified)))
        return Added(digest, True)

    def adopt_delta(self, path: Path, *, where: str) -> Added:
        """Check the received delta at `path` and keep it for devices that hold its base.

        Raises DeltaError, NotFoundError, ConflictError or ConfigError, and then nothing has changed.
        """
        header, digest = deltas.read_header(path, where=where), _digest(path)
        with self._store.writing() as connection:
            new = deltas.add(connection, header, digest, path.stat().st_size, time.time(), where=where)
            if new:
                self._keep(path, deltas.delta_name(digest))
        return Added(digest, new)

    def _signed_by_trusted(self, bundle: Bundle) -> bool:
        if self._trusted is None:
            return False
        dsse.verify(bundle.envelope, MANIFEST_TYPE, bundle.manifest_bytes, self._trusted, where=bundle.where)
        return True

    def _keep(self, path: Path, name: str) -> None:
        """Give the checked bytes their name, and be sure they outlast a power cut before the table names them."""
        sync(path)
        path.chmod(0o644)
        path.replace(self.folder / name)
        sync(self.folder)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return digest_of_chunks(iter(lambda: stream.read(_CHUNK), b""))


def _check_columns(bundle: Bundle) -> None:
    """Refuse what a manifest may say and the table of releases cannot hold."""
    manifest = bundle.manifest
    if manifest.version > _LARGEST_VERSION or not 1 <= len(manifest.profile) <= 63:
        raise ConfigError(
            f"version {manifest.version} for profile {manifest.profile[:80]!r} cannot be released",
            where=bundle.where,
            fix=f"Use versions up to {_LARGEST_VERSION} and profiles of at most 63 characters.",
        )


def _is_new(connection: Connection, bundle: Bundle, digest: str) -> bool:
    """False for the very bundle again; ConflictError for another one under the same name."""
    table, manifest = tables.RELEASES, bundle.manifest
    same = (
        (table.c.name == manifest.name) & (table.c.version == manifest.version) & (table.c.profile == manifest.profile)
    )
    known = connection.scalar(sa.select(table.c.digest).where(same))
    if known is not None and known != digest:
        raise ConflictError(
            f"{manifest.release} for {manifest.profile} is another bundle already, {known[:19]}…",
            where=bundle.where,
            fix="A version is never reused: convert with the next --version.",
        )
    return known is None


def _row(bundle: Bundle, digest: str, size_bytes: int, verified: bool) -> dict[str, object]:
    manifest = bundle.manifest
    return {
        "digest": digest,
        "name": manifest.name,
        "version": manifest.version,
        "profile": manifest.profile,
        "format": manifest.format,
        "task": manifest.task,
        "size_bytes": size_bytes,
        "keyid": bundle.envelope.signatures[0].keyid if bundle.envelope.signatures else "",
        "verified": verified,
        "evidence": to_json(manifest.evidence).decode(),
        "note": manifest.note,
        "added_s": time.time(),
    }


def _unwritable(folder: Path, problem: OSError) -> ConfigError:
    return ConfigError(
        f"the repository cannot be used: {problem.strerror}",
        where=str(folder),
        fix="Give --repository a folder this user may write, on a disk with room.",
    )
