"""A bundle's file turned into things a device may use: every byte digested, every member checked, the signer known.

The layout itself is `contract/bundle.py`'s; whose keys are trusted is the caller's.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import Struct

from contract.bundle import LIMIT_BYTES, Bundle, open_bundle
from contract.digest import digest_of, digest_of_chunks
from contract.dsse import MANIFEST_TYPE, Verifier, verify
from contract.errors import BundleError
from contract.manifest import Manifest

UNVERIFIED: Final = None
"""Instead of trusted keys: read without asking who signed. For inspecting, never for installing."""
_CHUNK_BYTES = 256 * 1024


class CheckedBundle(Struct, frozen=True):
    """A bundle all of whose bytes were checked."""

    manifest: Manifest
    digest: str
    """`sha256:…` of the file."""
    keyid: str | None
    """The trusted key that signed it; None when it was read UNVERIFIED."""
    members: dict[str, bytes]
    """By name, without the manifest and the signature."""

    @property
    def model(self) -> bytes:
        """The model file."""
        return self.members[self.manifest.model]


class OpenBundle(NamedTuple):
    """A bundle's file whose layout and signer are known; its members are checked as they are read."""

    bundle: Bundle
    digest: str
    """`sha256:…` of the file."""
    size_bytes: int


@contextmanager
def opened_bundle(path: Path, trusted: Mapping[str, Verifier] | None) -> Iterator[OpenBundle]:
    """The bundle in `path`, never in memory as a whole. BundleError, SignatureError."""
    try:
        stream = path.open("rb")
    except OSError as problem:
        raise _unreadable(path, problem) from problem
    with stream:
        bundle = open_bundle(stream, where=str(path))
        if trusted is not None:
            _signer(bundle, trusted)
        stream.seek(0)
        digest = digest_of_chunks(iter(lambda: stream.read(_CHUNK_BYTES), b""))
        yield OpenBundle(bundle, digest, stream.tell())


def read_bundle(path: Path, trusted: Mapping[str, Verifier] | None) -> CheckedBundle:
    """The bundle in `path`, or BundleError (damaged or hostile) or SignatureError (by nobody in `trusted`).

    The file is read once and everything is checked on those bytes, so nobody can change it between two looks.
    """
    return check_bundle(read_file(path), trusted, where=str(path))


def read_file(path: Path) -> bytes:
    """All of a file that may be a bundle, unchecked; BundleError where it is too large for one or cannot be read."""
    try:
        size_bytes = path.stat().st_size
        if size_bytes > LIMIT_BYTES:
            raise BundleError(f"{size_bytes} bytes are not a bundle", where=str(path), fix="Check the path.")
        return path.read_bytes()
    except OSError as problem:
        raise _unreadable(path, problem) from problem


def check_bundle(data: bytes, trusted: Mapping[str, Verifier] | None, *, where: str) -> CheckedBundle:
    """The same for bytes in memory."""
    bundle = open_bundle(io.BytesIO(data), where=where)
    keyid = None if trusted is None else _signer(bundle, trusted)
    members = {member.name: bundle.read(member.name) for member in bundle.manifest.members}
    return CheckedBundle(bundle.manifest, digest_of(data), keyid, members)


def _signer(bundle: Bundle, trusted: Mapping[str, Verifier]) -> str:
    return verify(bundle.envelope, MANIFEST_TYPE, bundle.manifest_bytes, trusted, where=bundle.where)


def _unreadable(path: Path, problem: OSError) -> BundleError:
    return BundleError(
        f"the bundle cannot be read: {problem.strerror}", where=str(path), fix="Check the path and its permissions."
    )
