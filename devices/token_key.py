"""A private key that never leaves its token: a smart card, a USB key, an HSM, by PKCS#11 (OASIS, version 2.40 or 3).

What it signs is what a key file would sign, bit for bit: Ed25519 is deterministic, so no reader can tell. The library
(python-pkcs11) is imported where a token is asked; nobody else needs it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contract.errors import ConfigError, MissingPartError
from devices.keys import Signer, key_id
from devices.token_uri import TokenKey, parse_token_uri

if TYPE_CHECKING:
    from pkcs11 import Session

PIN = "EDGEFERRY_PIN"
"""The environment's variable for the PIN, where no file holds it."""
_RAW_BYTES = 32
_DER_OCTETS = b"\x04\x20"
"""A DER octet string of 32 bytes: how PKCS#11 2.40 wraps a point. Version 3 leaves it bare; both are met."""


def token_signer(uri: str) -> Signer:
    """The Ed25519 key that `uri` names, tried as far as its PIN: what is wrong shows before a minute of work is spent.

    Raises MissingPartError without python-pkcs11, ConfigError where module, token, key or PIN are not as named.
    """
    key = parse_token_uri(uri)
    pin = _pin(key, uri)
    with _session(key, pin, uri) as session:
        public = _public_key(session, key, uri)
        _the_one(session, key, "private", uri)

    def sign(data: bytes) -> bytes:
        return _signature(key, pin, public, data, uri)

    return Signer(key_id(public), sign)


def token_public_key(uri: str) -> Ed25519PublicKey:
    """The public half of the key that `uri` names, for devices to pin. Raises as `token_signer`."""
    key = parse_token_uri(uri)
    with _session(key, _pin(key, uri), uri) as session:
        return _public_key(session, key, uri)


def _signature(key: TokenKey, pin: str, public: Ed25519PublicKey, data: bytes, uri: str) -> bytes:
    """Checked with the public half: a token may do EdDSA with other parameters than RFC 8032's Ed25519."""
    from pkcs11 import Mechanism

    with _session(key, pin, uri) as session:
        signature = bytes(_the_one(session, key, "private", uri).sign(data, mechanism=Mechanism.EDDSA))
    try:
        public.verify(signature, data)
    except InvalidSignature:
        _refuse("what the token signed is no Ed25519 signature by its public key", uri, "Make the key pair anew.")
    return signature


@contextmanager
def _session(key: TokenKey, pin: str, uri: str) -> Iterator[Session]:
    """Logged in; whatever the token says is told in our words."""
    try:
        import pkcs11
        from pkcs11.exceptions import PKCS11Error
    except ImportError as problem:
        raise MissingPartError(
            "python-pkcs11 is not installed, and a token is asked through it",
            where=_where(uri),
            fix="pip install 'edgeferry[pkcs11]'",
        ) from problem
    _load_apart(key.module)
    try:
        token = pkcs11.lib(str(key.module)).get_token(token_label=key.token, token_serial=_serial(key))
        with token.open(user_pin=pin) as session:
            yield session
    except PKCS11Error as problem:
        reason = f"{type(problem).__name__}{f': {problem}' if str(problem) else ''}"
        _refuse(f"the token refused: {reason}", uri, "Compare with: pkcs11-tool --module MODULE --list-objects")


def _load_apart(module: Path) -> None:
    """Load the token's module so that it calls its own libraries first, whatever this process holds already.

    TensorFlow offers BoringSSL's functions to the whole process under OpenSSL's names; a module bound to those crashes.
    What cannot be loaded is told by python-pkcs11, which opens the same file next.
    """
    with suppress(OSError):
        ctypes.CDLL(str(module), mode=os.RTLD_NOW | os.RTLD_DEEPBIND)


def _the_one(session: Session, key: TokenKey, half: str, uri: str) -> Any:
    """The only object of this name; tokens hand out any of several."""
    from pkcs11 import Attribute, ObjectClass

    wanted: dict[Attribute, object] = {}
    wanted[Attribute.CLASS] = ObjectClass.PRIVATE_KEY if half == "private" else ObjectClass.PUBLIC_KEY
    wanted |= {Attribute.LABEL: key.label} if key.label is not None else {}
    wanted |= {Attribute.ID: key.id} if key.id is not None else {}
    found = list(session.get_objects(wanted))
    if len(found) != 1:
        _refuse(f"{len(found)} {half} keys of this name, and one is needed", uri, "Name it by object and id together.")
    return found[0]


def _public_key(session: Session, key: TokenKey, uri: str) -> Ed25519PublicKey:
    from pkcs11 import Attribute, KeyType

    public = _the_one(session, key, "public", uri)
    if public.key_type != KeyType.EC_EDWARDS:
        _refuse("not an Edwards key", uri, "Make an Ed25519 pair: pkcs11-tool --keypairgen --key-type EC:edwards25519")
    point = bytes(public[Attribute.EC_POINT])
    raw = point.removeprefix(_DER_OCTETS) if len(point) == _RAW_BYTES + len(_DER_OCTETS) else point
    if len(raw) != _RAW_BYTES:
        _refuse(f"a public key of {len(raw)} bytes is not Ed25519", uri, "Make an Ed25519 pair, not Ed448.")
    return Ed25519PublicKey.from_public_bytes(raw)


def _pin(key: TokenKey, uri: str) -> str:
    if key.pin_source is None:
        pin = os.environ.get(PIN, "")
    else:
        try:
            pin = key.pin_source.read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as problem:
            _refuse(f"the PIN's file cannot be read: {problem}", uri, "Check its path and permissions.")
    if not pin:
        _refuse("no PIN", uri, f"Name a file that holds it (pin-source=file:PATH), or set {PIN}.")
    return pin


def _serial(key: TokenKey) -> bytes | None:
    return None if key.serial is None else key.serial.encode()


def _refuse(what: str, uri: str, fix: str) -> NoReturn:
    raise ConfigError(what, where=_where(uri), fix=fix)


def _where(uri: str) -> str:
    return uri.partition("?")[0]
