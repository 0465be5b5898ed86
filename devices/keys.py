"""Ed25519 keys (RFC 8032) as PEM files: made, loaded, and turned into signers and verifiers.

They live in this room because every other may import it: converters sign bundles, the fleet signs assignments, a
device pins the public halves. The private half is PKCS#8 with mode 0600, the public half SubjectPublicKeyInfo.
A key is named by the digest of its raw 32 public bytes. PEM parsing is imported where a file is read or made: a
device that starts with the development key spares itself 20 ms.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from contract.digest import digest_of
from contract.dsse import Verifier
from contract.errors import ConfigError

PUBLIC_SUFFIX = ".pub"
_DEVELOPMENT_SEED = b"edgeferry development key, open!"
"""Public knowledge, so that anyone may try the kit before making keys; a fleet pins its own."""

_REFUSALS = (ValueError, UnsupportedAlgorithm, InternalError)
"""What `cryptography` raises for a file that is no key: not PEM, not one of its kinds, not bytes OpenSSL can take."""


@dataclass(frozen=True)
class Signer:
    """A private key, ready to sign."""

    keyid: str
    sign: Callable[[bytes], bytes]


def make_key(path: Path) -> str:
    """Write a new private key to `path` and its public half to `path` + `.pub`; returns the key id.

    An existing file is never overwritten.
    """
    from cryptography.hazmat.primitives import serialization

    if not path.name:
        raise ConfigError("this names no file", where=str(path), fix="Give the key a name: edgeferry keys new FILE")
    public_path = path.with_name(path.name + PUBLIC_SUFFIX)
    for taken in (path, public_path):
        if taken.exists():
            raise ConfigError("there is a file already", where=str(taken), fix="Choose another name, or move it away.")
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write_new({path: (secret, 0o600), public_path: (_public_pem(key.public_key()), 0o644)})
    return key_id(key.public_key())


def load_signer(path: Path) -> Signer:
    """The private key in `path`."""
    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except (*_REFUSALS, TypeError) as problem:
        raise _not_a_key(path, "private") from problem
    if not isinstance(key, Ed25519PrivateKey):
        raise _not_a_key(path, "private")
    return Signer(key_id(key.public_key()), key.sign)


def named_signer(text: str) -> Signer:
    """The private key a person names: a file, or `pkcs11:…` for one in a token (`devices/token_uri.py`)."""
    if text.startswith("pkcs11:"):
        from devices.token_key import token_signer

        return token_signer(text)
    return load_signer(Path(text))


def write_public(path: Path, key: Ed25519PublicKey) -> None:
    """The public half in a file of its own, as devices pin it; an existing file is never overwritten."""
    if path.exists():
        raise ConfigError("there is a file already", where=str(path), fix="Choose another name, or move it away.")
    _write_new({path: (_public_pem(key), 0o644)})


def development_signer() -> Signer:
    """The key everybody knows: for trying things out, never for a fleet."""
    key = Ed25519PrivateKey.from_private_bytes(_DEVELOPMENT_SEED)
    return Signer(key_id(key.public_key()), key.sign)


def development_verifier() -> dict[str, Verifier]:
    """Trust in the key everybody knows."""
    return _entry(Ed25519PrivateKey.from_private_bytes(_DEVELOPMENT_SEED).public_key())


def load_verifiers(paths: Iterable[Path]) -> dict[str, Verifier]:
    """The public keys in `paths`, by key id: whom `contract.dsse.verify` may believe."""
    from cryptography.hazmat.primitives import serialization

    trusted: dict[str, Verifier] = {}
    for path in paths:
        try:
            key = serialization.load_pem_public_key(_read(path))
        except _REFUSALS as problem:
            raise _not_a_key(path, "public") from problem
        if not isinstance(key, Ed25519PublicKey):
            raise _not_a_key(path, "public")
        trusted |= _entry(key)
    return trusted


def key_id_of_file(path: Path) -> str:
    """The id of the key in `path`, be it the private or the public half; ConfigError where it is neither."""
    if b"PRIVATE KEY" in _read(path):
        return load_signer(path).keyid
    return next(iter(load_verifiers([path])))


def key_id(key: Ed25519PublicKey) -> str:
    """`sha256:…` of the raw public bytes."""
    return digest_of(key.public_bytes_raw())


def _public_pem(key: Ed25519PublicKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _entry(key: Ed25519PublicKey) -> dict[str, Verifier]:
    def made_by_this_key(signed: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, signed)
        except InvalidSignature:
            return False
        return True

    return {key_id(key): made_by_this_key}


def _write_new(files: Mapping[Path, tuple[bytes, int]]) -> None:
    """Write every file (content, mode) or none; what is there already stays as it is."""
    written: list[Path] = []
    try:
        for path, (data, mode) in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                written.append(path)
                file.write(data)
    except OSError as problem:
        for path in written:
            path.unlink()
        where = str(problem.filename or path)
        raise ConfigError(
            f"the key cannot be written: {problem.strerror}", where=where, fix="Choose another folder."
        ) from problem


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise ConfigError(
            f"the key cannot be read: {problem.strerror}", where=str(path), fix="Make one: edgeferry keys new FILE"
        ) from problem


def _not_a_key(path: Path, half: str) -> ConfigError:
    return ConfigError(
        f"not an Ed25519 {half} key in PEM form", where=str(path), fix="Make one: edgeferry keys new FILE"
    )
