"""A manifest and its members become the bytes of one signed bundle. Layout and envelope are the contract's."""

from __future__ import annotations

import io
from collections.abc import Mapping

from msgspec.structs import replace

from contract.bundle import seal
from contract.codec import to_pretty_json
from contract.digest import digest_of
from contract.dsse import MANIFEST_TYPE, sign
from contract.manifest import Manifest, Member
from devices.keys import Signer


def sealed(manifest: Manifest, members: Mapping[str, bytes], signer: Signer) -> bytes:
    """The whole file, with exactly these members listed: equal arguments give equal bytes."""
    listed = tuple(Member(name=name, sha256=digest_of(data), size_bytes=len(data)) for name, data in members.items())
    promised = replace(manifest, members=listed)
    envelope = sign(MANIFEST_TYPE, to_pretty_json(promised), signer.keyid, signer.sign, detached=True)
    stream = io.BytesIO()
    seal(stream, promised, members, envelope)
    return stream.getvalue()
