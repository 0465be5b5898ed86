"""A publisher's word put on a bundle that exists already: another signature, and not one other byte.

The manifest and the members stay as they are, those of a newer version too. The development key's signature goes, as it
says nothing; others stay, so that a fleet can change from one publisher's key to the next.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from contract.bundle import Bundle, open_bundle, wrap
from contract.codec import to_pretty_json
from contract.digest import digest_of
from contract.dsse import MANIFEST_TYPE, Envelope, countersigned, sign
from contract.errors import ConfigError
from converters.out_file import check_out, write_out
from devices.keys import Signer, development_signer, load_verifiers
from edge.bundles import UNVERIFIED, check_bundle, read_file


class SignReport(Struct, frozen=True, kw_only=True):
    """What `edgeferry bundle sign --json` prints."""

    path: str
    digest: str
    """Of the signed bundle: another file than before, so another digest."""
    bytes: int
    release: str
    profile: str
    keyid: str
    kept: tuple[str, ...]
    """Keys whose signatures were there before and still are."""
    removed: tuple[str, ...]


def sign_bundle(
    path: Path, signer: Signer, out: Path, *, trust: Sequence[Path] = (), replace: bool = False
) -> SignReport:
    """Write the bundle in `path` to `out`, signed by `signer` too; by it alone with `replace`.

    Every byte is checked before. With `trust`, one of these public keys must have signed it already: what lay on a
    server may be anybody's, and a signature gives it to devices. Raises BundleError for what is damaged, SignatureError
    for what nobody trusted signed, ConfigError for an impossible `out`.
    """
    check_out(out, path)
    data = read_file(path)
    checked = check_bundle(data, load_verifiers(trust) if trust else UNVERIFIED, where=str(path))
    bundle = open_bundle(io.BytesIO(data), where=str(path))
    envelope = _envelope(bundle, signer, replace)
    signed = _with_envelope(bundle, envelope)
    check_bundle(signed, UNVERIFIED, where=str(out))
    write_out(out, signed)
    before, after = (tuple(one.keyid for one in it.signatures) for it in (bundle.envelope, envelope))
    return SignReport(
        path=str(out),
        digest=digest_of(signed),
        bytes=len(signed),
        release=checked.manifest.release,
        profile=checked.manifest.profile,
        keyid=signer.keyid,
        kept=tuple(keyid for keyid in after if keyid != signer.keyid),
        removed=tuple(keyid for keyid in before if keyid not in after),
    )


def _envelope(bundle: Bundle, signer: Signer, replace: bool) -> Envelope:
    added = sign(MANIFEST_TYPE, bundle.manifest_bytes, signer.keyid, signer.sign, detached=True)
    if replace:
        return added
    try:
        return countersigned(bundle.envelope, added, without=(development_signer().keyid,))
    except ValueError as problem:
        raise ConfigError(
            str(problem), where=bundle.where, fix="Sign with --replace: only this key stays."
        ) from problem


def _with_envelope(bundle: Bundle, envelope: Envelope) -> bytes:
    stream = io.BytesIO()
    members = ((member.name, bundle.read(member.name)) for member in bundle.manifest.members)
    wrap(stream, bundle.manifest_bytes, members, to_pretty_json(envelope))
    return stream.getvalue()
