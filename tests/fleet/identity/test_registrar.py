"""Who gets a certificate, and who does not, on both kinds of store."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from msgspec.structs import replace

from contract.errors import ConfigError, FerryError
from fleet.identity import authority, claims, folder, ledger
from fleet.identity.claims import MOST_TRIES, Code, Wish
from fleet.identity.overview import overview
from fleet.identity.registrar import Registrar, Terms
from fleet.refusals import ConflictError, NotAdmittedError, NotFoundError
from fleet.store import Store
from tests.fleet.identity.member import Member, claim_request, csr_of, renew_request
from tests.fleet.simulated import FLEET

DAY_S = 86400.0


class Office:
    """A registrar with a clock of its own."""

    def __init__(self, store: Store, place: Path) -> None:
        if not (place / "ca").exists():
            folder.begin(place / "ca", FLEET, root_days=4000, issuing_days=3000)
        self.store, self.now_s = store, folder.now().timestamp()
        terms = Terms(ca=place / "ca", broker="mqtts://broker.example", device_days=90, grace_days=365)
        self.registrar = Registrar(FLEET, store, terms, root=lambda: "{}", clock=lambda: self.now_s)

    def codes(self, *devices: str, replaces: bool = False, life_s: float = DAY_S) -> list[Code]:
        with self.store.writing() as connection:
            wishes = [Wish(device, "rpi4", "hall", {"row": "7"}) for device in devices]
            return claims.make(connection, wishes, replaces=replaces, life_s=life_s, now_s=self.now_s, by="ann")

    def code(self, device: str, **how: bool | float) -> str:
        return self.codes(device, **how)[0].code  # type: ignore[arg-type]

    def member(self, device: str) -> Member:
        return Member(self.registrar, self.code(device))

    def issued(self, device: str) -> list[str]:
        with self.store.reading() as connection:
            return [row.serial for row in ledger.standing(connection, device)]

    def revoked(self) -> set[int]:
        crl = folder.read_crl(self.registrar.terms.ca)
        return {entry.serial_number for entry in crl or ()}


@pytest.fixture
def office(store: Store, tmp_path: Path) -> Office:
    return Office(store, tmp_path)


@pytest.fixture
def either_office(either_store: Store, tmp_path: Path) -> Office:
    return Office(either_store, tmp_path)


def test_a_code_makes_a_member(either_office: Office) -> None:
    member = either_office.member("cam-1")
    said, leaf = member.membership, member.certificate
    assert (said.fleet, said.device, said.profile, said.site, said.tags) == (
        FLEET,
        "cam-1",
        "rpi4",
        "hall",
        {"row": "7"},
    )
    assert (said.broker, said.root) == ("mqtts://broker.example", "{}")
    assert authority.common_name(leaf) == "cam-1"
    assert leaf.public_key() == member.key.public_key()
    root = x509.load_pem_x509_certificate(said.authorities.encode())
    member.chain[0].verify_directly_issued_by(member.chain[1])
    member.chain[1].verify_directly_issued_by(root)
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_the_same_board_may_ask_again_even_after_the_codes_end(either_office: Office) -> None:
    member = either_office.member("cam-1")
    either_office.now_s += 5 * DAY_S
    again = Member(either_office.registrar, member.code, member.key)
    assert again.certificate == member.certificate
    assert len(either_office.issued("cam-1")) == 1


def test_a_used_code_is_refused_to_any_other_board(either_office: Office) -> None:
    member = either_office.member("cam-1")
    with pytest.raises(ConflictError, match="used already"):
        Member(either_office.registrar, member.code)
    assert len(either_office.issued("cam-1")) == 1


def test_two_boards_with_one_code_at_once_make_one_member(either_office: Office) -> None:
    code, outcomes = either_office.code("cam-1"), []
    begin = threading.Barrier(4)

    def board() -> None:
        begin.wait()
        try:
            outcomes.append(Member(either_office.registrar, code).membership.device)
        except FerryError as refusal:
            outcomes.append(type(refusal).__name__)

    boards = [threading.Thread(target=board) for _ in range(4)]
    for one in boards:
        one.start()
    for one in boards:
        one.join()
    assert sorted(outcomes) == ["ConflictError"] * 3 + ["cam-1"]
    assert len(either_office.issued("cam-1")) == 1


def test_guessing_finds_no_code_and_ends_a_known_one_after_ten_tries(either_office: Office) -> None:
    code = either_office.code("cam-1")
    request = claim_request(code, csr_of(authority.new_key()))
    with pytest.raises(NotFoundError):
        either_office.registrar.claim(replace(request, claim="0" * 16))
    for _ in range(MOST_TRIES):
        with pytest.raises(NotAdmittedError):
            either_office.registrar.claim(replace(request, proof="0" * 64))
    with pytest.raises(ConflictError, match="too often"):
        either_office.registrar.claim(request)
    assert either_office.issued("cam-1") == []


def test_a_proof_counts_for_its_own_request_alone(office: Office) -> None:
    request = claim_request(office.code("cam-1"), csr_of(authority.new_key()))
    with pytest.raises(NotAdmittedError):
        office.registrar.claim(replace(request, csr=csr_of(authority.new_key())))


def test_codes_end_by_time_and_by_a_newer_one(office: Office) -> None:
    first, second = office.code("cam-1"), office.code("cam-1", life_s=3600)
    with pytest.raises(ConflictError, match="withdrawn, or a newer one"):
        Member(office.registrar, first)
    office.now_s += 3600
    with pytest.raises(ConflictError, match="expired"):
        Member(office.registrar, second)


def test_no_name_of_a_program_and_no_pattern_becomes_a_device(office: Office) -> None:
    for bad in ("fleet-server", "fleet-collector-1", "+", "#", "cam/1", "a b", "", "x" * 64):
        with pytest.raises(ConfigError):
            office.codes(bad)
    with pytest.raises(ConfigError):
        office.codes("cam-1", "+")
    with office.store.reading() as connection:
        assert claims.open_claims(connection, now_s=office.now_s) == []


def weak_keys() -> dict[str, str]:
    return {
        "RSA 1024": csr_of(rsa.generate_private_key(65537, 1024)),
        "RSA 2048": csr_of(rsa.generate_private_key(65537, 2048)),
        "P-192": csr_of(ec.generate_private_key(ec.SECP192R1())),
        "secp256k1": csr_of(ec.generate_private_key(ec.SECP256K1())),
        "no request": "hello",
        "oversized": csr_of(authority.new_key()) + "x" * 20_000,
    }


def test_only_a_p256_key_that_signed_its_request_is_certified(office: Office) -> None:
    code = office.code("cam-1")
    for csr in weak_keys().values():
        with pytest.raises(ConfigError, match=r"P-256|no certificate signing request|too large"):
            office.registrar.claim(claim_request(code, csr))
    good = csr_of(authority.new_key())
    body = good.splitlines()
    body[-2] = ("A" if body[-2][0] != "A" else "B") + body[-2][1:]
    with pytest.raises(ConfigError):
        office.registrar.claim(claim_request(code, "\n".join(body)))
    assert Member(office.registrar, code).membership.device == "cam-1"


def test_no_key_is_certified_for_two_devices(office: Office) -> None:
    member = office.member("cam-1")
    with pytest.raises(ConflictError, match="this key"):
        Member(office.registrar, office.code("cam-2"), member.key)


def test_a_board_in_the_place_of_another_ends_the_others_certificate(either_office: Office) -> None:
    old = either_office.member("cam-1")
    with pytest.raises(ConflictError, match="has a certificate already"):
        either_office.code("cam-1")
    new = Member(either_office.registrar, either_office.code("cam-1", replaces=True))
    assert either_office.issued("cam-1") == [ledger.serial_text(new.certificate.serial_number)]
    assert either_office.revoked() == {old.certificate.serial_number}
    with pytest.raises(NotAdmittedError, match="revoked"):
        either_office.registrar.renew(renew_request(old.certificate, old.key, authority.new_key()))


def test_a_certificate_is_renewed_at_two_thirds_of_its_life(either_office: Office) -> None:
    member, new_key = either_office.member("cam-1"), authority.new_key()
    request = renew_request(member.certificate, member.key, new_key)
    early = either_office.registrar.renew(request)
    assert early.chain == ""
    assert early.renew_in_s == pytest.approx(60 * DAY_S, abs=3600)
    either_office.now_s += 60 * DAY_S
    renewed = either_office.registrar.renew(request)
    leaf = x509.load_pem_x509_certificates(renewed.chain.encode())[0]
    assert leaf.public_key() == new_key.public_key()
    assert authority.common_name(leaf) == "cam-1"
    assert len(either_office.issued("cam-1")) == 2


def test_a_renewal_sent_again_brings_the_same_certificate_and_no_other(either_office: Office) -> None:
    member, new_key = either_office.member("cam-1"), authority.new_key()
    either_office.now_s += 70 * DAY_S
    request = renew_request(member.certificate, member.key, new_key)
    first = either_office.registrar.renew(request)
    either_office.now_s += 5 * DAY_S
    assert either_office.registrar.renew(request).chain == first.chain
    assert len(either_office.issued("cam-1")) == 2


def test_a_copied_card_cannot_renew_what_was_renewed(either_office: Office) -> None:
    member = either_office.member("cam-1")
    either_office.now_s += 70 * DAY_S
    either_office.registrar.renew(renew_request(member.certificate, member.key, authority.new_key()))
    with pytest.raises(ConflictError, match="copied"):
        either_office.registrar.renew(renew_request(member.certificate, member.key, authority.new_key()))
    assert len(either_office.issued("cam-1")) == 2


def test_an_ended_certificate_is_renewed_within_the_grace_and_not_after(office: Office) -> None:
    member = office.member("cam-1")
    office.now_s += (90 + 364) * DAY_S
    assert office.registrar.renew(renew_request(member.certificate, member.key, authority.new_key())).chain
    other = office.member("cam-2")
    office.now_s += (90 + 366) * DAY_S
    with pytest.raises(NotAdmittedError, match="too long ago"):
        office.registrar.renew(renew_request(other.certificate, other.key, authority.new_key()))


def test_a_renewal_is_signed_by_the_present_key(office: Office) -> None:
    member, thief = office.member("cam-1"), authority.new_key()
    office.now_s += 70 * DAY_S
    with pytest.raises(NotAdmittedError):
        office.registrar.renew(renew_request(member.certificate, thief, thief))
    good = renew_request(member.certificate, member.key, authority.new_key())
    with pytest.raises(NotAdmittedError):
        office.registrar.renew(replace(good, csr=csr_of(thief)))
    forged = authority.issue_device(
        authority.make_issuing(authority.make_root(FLEET, now=folder.now()), now=folder.now()),
        "cam-1",
        thief.public_key(),
        now=folder.now(),
    )
    with pytest.raises(NotAdmittedError, match="none of ours"):
        office.registrar.renew(renew_request(forged, thief, authority.new_key()))
    for weak in (rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP192R1())):
        with pytest.raises(ConfigError):
            office.registrar.renew(renew_request(member.certificate, member.key, weak))


def test_a_revoked_device_neither_renews_nor_enrols_again(either_office: Office) -> None:
    member = either_office.member("cam-1")
    either_office.now_s += 70 * DAY_S
    request = renew_request(member.certificate, member.key, authority.new_key())
    renewed = x509.load_pem_x509_certificates(either_office.registrar.renew(request).chain.encode())[0]
    waiting = either_office.code("cam-1", replaces=True)
    either_office.registrar.revoke("cam-1", reason="stolen", by="ann")
    assert either_office.revoked() == {member.certificate.serial_number, renewed.serial_number}
    with pytest.raises(NotAdmittedError, match="revoked"):
        either_office.registrar.renew(request)
    with pytest.raises(NotAdmittedError, match="revoked"):
        Member(either_office.registrar, member.code, member.key)
    with pytest.raises(ConflictError, match="withdrawn"):
        Member(either_office.registrar, waiting)
    with pytest.raises(NotFoundError):
        either_office.registrar.revoke("cam-1", reason="again", by="ann")
    assert either_office.registrar.revocations()[1] == ["cam-1"]
    back = Member(either_office.registrar, either_office.code("cam-1"))
    assert either_office.registrar.revocations()[1] == []
    assert back.certificate.serial_number not in either_office.revoked()


def test_revocations_outlast_the_server_and_its_folder_of_files(office: Office, tmp_path: Path) -> None:
    member = office.member("cam-1")
    office.registrar.revoke("cam-1", reason="stolen", by="ann")
    (tmp_path / "ca" / "crl.pem").unlink()
    assert Office(office.store, tmp_path).revoked() == {member.certificate.serial_number}


def test_people_see_states_and_are_warned(office: Office) -> None:
    for name in ("cam-1", "cam-2", "cam-3"):
        office.member(name)
    office.registrar.revoke("cam-3", reason="stolen", by="ann")
    office.now_s += 80 * DAY_S
    young = office.member("cam-4")
    waiting = office.codes("cam-5")
    with office.store.reading() as connection:
        found = overview(office.registrar, connection, now_s=office.now_s)
    assert {one.name: one.state for one in found.devices} == {
        "cam-1": "expiring",
        "cam-2": "expiring",
        "cam-3": "revoked",
        "cam-4": "good",
    }
    assert {one.name: one.reason for one in found.devices}["cam-3"] == "stolen"
    assert found.devices[-1].serial == ledger.serial_text(young.certificate.serial_number)
    assert [one.device for one in found.claims] == [waiting[0].device]
    assert found.warnings == ("certificates of 2 devices did not renew in time, and end soon: cam-1, cam-2",)
    assert [one.name for one in found.own] == ["root", "issuing"]


def test_an_authority_of_another_fleet_is_refused(store: Store, tmp_path: Path) -> None:
    folder.begin(tmp_path / "ca", "stable", root_days=10, issuing_days=5)
    with pytest.raises(ConfigError, match="'stable'"):
        Registrar(FLEET, store, Terms(ca=tmp_path / "ca", broker="mqtts://x"))


def test_a_thousand_numbered_names() -> None:
    assert claims.numbered("cam", 1) == ["cam"]
    assert claims.numbered("cam", 12)[-1] == "cam-012"
    assert claims.numbered("cam", 1000)[0] == "cam-0001"
