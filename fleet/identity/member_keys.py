"""The public keys new members are told to believe, as PEM texts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from devices.keys import load_signer, load_verifiers


def public_texts(files: Iterable[Path]) -> tuple[str, ...]:
    """Each file as it is; ConfigError where one is no public key."""
    paths = list(files)
    load_verifiers(paths)
    return tuple(path.read_text() for path in paths)


def public_half(private: Path) -> str:
    """Of the key in a file; ConfigError where it is none."""
    load_signer(private)
    key = serialization.load_pem_private_key(private.read_bytes(), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    text = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return text.decode()
