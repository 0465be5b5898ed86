"""What stands in a bundle, and whose word it is: for people who were handed a file."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from contract.bundle import open_bundle
from contract.dsse import Verifier
from contract.manifest import Manifest
from converters.evidence_lines import unsaid
from devices.keys import development_signer, development_verifier, load_verifiers
from edge.bundles import UNVERIFIED, check_bundle, read_file


class Inspection(Struct, frozen=True, kw_only=True):
    """What `edgeferry bundle inspect --json` and `bundle verify --json` print."""

    path: str
    digest: str
    bytes: int
    signer: str | None
    """Key id of the trusted signature; None where nobody's trust was asked for."""
    development: bool
    """Whether that is the key everybody knows."""
    signatures: tuple[str, ...]
    """Key ids of all that claim to have signed it, trusted or not."""
    unsaid: tuple[str, ...]
    """What bundles say today and this one does not."""
    manifest: Manifest


def inspect(path: Path) -> Inspection:
    """Layout, digests and manifest of the bundle at `path`; signatures are not looked at. BundleError if damaged."""
    return _inspection(path, UNVERIFIED)


def verify(path: Path, trust: Sequence[Path]) -> Inspection:
    """The same, and the signature must be by one of the public keys in `trust`, or by the development key if none.

    Raises SignatureError otherwise, ConfigError for a file that is no public key.
    """
    return _inspection(path, trusted_keys(trust))


def trusted_keys(paths: Iterable[Path]) -> dict[str, Verifier]:
    """The public keys in `paths`, or the development key where there are none."""
    return load_verifiers(paths) or development_verifier()


def _inspection(path: Path, trusted: Mapping[str, Verifier] | None) -> Inspection:
    data = read_file(path)
    checked = check_bundle(data, trusted, where=str(path))
    envelope = open_bundle(io.BytesIO(data), where=str(path)).envelope
    return Inspection(
        path=str(path),
        digest=checked.digest,
        bytes=len(data),
        signer=checked.keyid,
        development=checked.keyid == development_signer().keyid,
        signatures=tuple(signature.keyid for signature in envelope.signatures),
        unsaid=unsaid(checked.manifest),
        manifest=checked.manifest,
    )
