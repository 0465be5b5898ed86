"""The device's half of enrolment in a few lines, free to do it wrongly."""

from __future__ import annotations

import base64

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from contract import claim_code
from contract.codec import from_json
from contract.enrolment import ClaimRequest, Membership, RenewRequest, renewal_words
from contract.errors import LinkError
from fleet.identity import authority
from fleet.identity.registrar import Registrar

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def csr_of(key: PrivateKey, common_name: str = "") -> str:
    """A request, perhaps with a name of its own choice."""
    names = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    made = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name(names))
        .add_extension(x509.BasicConstraints(ca=True, path_length=3), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def claim_request(code: str, csr: str) -> ClaimRequest:
    """As a device that holds the code."""
    keys = claim_code.keys_of(code)
    return ClaimRequest(claim=keys.id, csr=csr, proof=claim_code.request_proof(keys.key, csr))


class Member:
    """A board that enrolled."""

    def __init__(self, registrar: Registrar, code: str, key: ec.EllipticCurvePrivateKey | None = None) -> None:
        self.key = key or authority.new_key()
        self.code = code
        csr = csr_of(self.key, "somebody-else")
        answer = registrar.claim(claim_request(code, csr))
        assert answer.proof == claim_code.answer_proof(claim_code.keys_of(code).key, csr, answer.membership)
        self.membership = from_json(answer.membership.encode(), Membership, where="answer", error=LinkError)
        self.chain = x509.load_pem_x509_certificates(self.membership.chain.encode())

    @property
    def certificate(self) -> x509.Certificate:
        return self.chain[0]


def renew_request(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, new_key: PrivateKey) -> RenewRequest:
    """Signed by `key`."""
    pem, csr = authority.pem(certificate), csr_of(new_key, "somebody-else")
    signature = key.sign(renewal_words(pem, csr), ec.ECDSA(hashes.SHA256()))
    return RenewRequest(certificate=pem, csr=csr, signature=base64.b64encode(signature).decode())
