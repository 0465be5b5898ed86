"""Our keys as TUF knows keys and signatures.

A key keeps its one name everywhere: TUF's key id is our digest of the raw public bytes without its prefix. TUF lets a
repository choose (TAP 12); python-tuf's client compares nothing but equality.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.signer import Signature, SSlibKey

from contract.digest import hex_of
from devices.keys import Signer, key_id_of_file

_KIND = "ed25519"


def tuf_id(signer: Signer) -> str:
    """What TUF's documents call the key of `signer`."""
    return hex_of(signer.keyid)


def signature(signer: Signer, payload: bytes) -> Signature:
    """By `signer`, under the id its key has in TUF's documents."""
    return Signature(tuf_id(signer), signer.sign(payload).hex())


def public_key(path: Path) -> SSlibKey:
    """The public half of the key in `path`, which may hold either; ConfigError where it is no key."""
    from cryptography.hazmat.primitives import serialization

    name, data = key_id_of_file(path), path.read_bytes()
    if b"PRIVATE KEY" in data:
        private = serialization.load_pem_private_key(data, password=None)
        assert isinstance(private, Ed25519PrivateKey)
        key = private.public_key()
    else:
        loaded = serialization.load_pem_public_key(data)
        assert isinstance(loaded, Ed25519PublicKey)
        key = loaded
    return SSlibKey(hex_of(name), _KIND, _KIND, {"public": key.public_bytes_raw().hex()})
