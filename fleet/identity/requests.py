"""Certificate signing requests of strangers (PKCS#10, RFC 2986): only the key counts, and only a good one.

Subject, extensions and attributes are ignored: who a device is, the claim code or its present certificate says.
"""

from __future__ import annotations

import hashlib

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from contract.enrolment import LIMIT_BYTES
from contract.errors import ConfigError


def key_of(csr: str) -> ec.EllipticCurvePublicKey:
    """The P-256 key that asks, and has signed the request itself; ConfigError for anything else."""
    if len(csr) > LIMIT_BYTES:
        raise _refused("the request is too large")
    try:
        request = x509.load_pem_x509_csr(csr.encode())
        key = request.public_key()
        proved = request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise _refused("this is no certificate signing request") from problem
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _refused("only P-256 keys are certified")
    if not proved:
        raise _refused("the request is not signed by its own key")
    return key


def key_digest(key: ec.EllipticCurvePublicKey) -> str:
    """64 hexadecimal digits, of the SubjectPublicKeyInfo."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def _refused(what: str) -> ConfigError:
    return ConfigError(what, where="csr", fix="Let `edgeferry enroll` make the key and the request.")
