"""What stands in a bundle, and whose word it is: for people who were handed a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from contract.dsse import Verifier
from contract.manifest import Manifest
from devices.keys import development_signer, development_verifier, load_verifiers
from edge.bundles import UNVERIFIED, CheckedBundle, read_bundle


class Inspection(Struct, frozen=True, kw_only=True):
    """What `edgeferry bundle inspect --json` and `bundle verify --json` print."""

    path: str
    digest: str
    bytes: int
    signer: str | None
    """Key id of the trusted signature; None where nobody's trust was asked for."""
    development: bool
    """Whether that is the key everybody knows."""
    manifest: Manifest


def inspect(path: Path) -> Inspection:
    """Layout, digests and manifest of the bundle at `path`; signatures are not looked at. BundleError if damaged."""
    return _inspection(path, read_bundle(path, UNVERIFIED), None)


def verify(path: Path, trust: Sequence[Path]) -> Inspection:
    """The same, and the signature must be by one of the public keys in `trust`, or by the development key if none.

    Raises SignatureError otherwise, ConfigError for a file that is no public key.
    """
    checked = read_bundle(path, trusted_keys(trust))
    return _inspection(path, checked, checked.keyid)


def trusted_keys(paths: Iterable[Path]) -> dict[str, Verifier]:
    """The public keys in `paths`, or the development key where there are none."""
    return load_verifiers(paths) or development_verifier()


def _inspection(path: Path, checked: CheckedBundle, signer: str | None) -> Inspection:
    return Inspection(
        path=str(path),
        digest=checked.digest,
        bytes=path.stat().st_size,
        signer=signer,
        development=signer == development_signer().keyid,
        manifest=checked.manifest,
    )
