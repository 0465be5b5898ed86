"""What the server refuses to publish, and in which words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contract.digest import digest_of
from contract.errors import ConfigError, FerryError, SignatureError
from contract.metadata import MOST_BYTES
from fleet.refusals import ConflictError
from fleet.trust.checks import check_root, check_targets
from fleet.trust.documents import policy_of, read, to_bytes
from fleet.trust.keys import signature, tuf_id
from fleet.trust.offline import next_targets
from tests.fleet.trust.office import NOW_S, Office, Targets, target

DAY_S = 86400.0


def check(office: Office, data: bytes, now_s: float = NOW_S) -> Any:
    return check_targets(data, office.root(), office.targets(), office.held.get, now_s)


def forged(office: Office, data: bytes, **changes: Any) -> bytes:
    """The list with other fields, properly signed: by a careless owner, not a thief."""
    document = json.loads(data)
    document["signed"] |= changes
    altered = read(json.dumps(document).encode(), Targets, where="test")
    signer = office.signer("targets")
    altered.signatures = {tuf_id(signer): signature(signer, altered.signed_bytes)}
    return to_bytes(altered)


def test_a_list_that_follows_and_names_what_is_there_is_taken(office: Office) -> None:
    taken = check(office, office.listed(floor=2))
    assert set(taken.signed.targets) == set(office.held)
    assert policy_of(taken.signed, where="test").security_floor == 2


def test_a_foreign_key_and_a_flipped_bit_are_refused(office: Office) -> None:
    with pytest.raises(SignatureError, match="not signed by a key of root version 1"):
        check(office, office.listed(key="foreign"))
    with pytest.raises(SignatureError, match="not signed by a key of root version 1"):
        check(office, office.listed(key="online"))
    good = office.listed()
    with pytest.raises(SignatureError, match="not signed"):
        check(office, good.replace(b'"length":6', b'"length":7'))


def test_a_version_that_is_not_the_next_is_refused(office: Office) -> None:
    second = read(office.listed(), Targets, where="test")
    with pytest.raises(ConflictError, match="version 3 of the targets, and 2 is due"):
        check(office, office.listed(after=second))
    with pytest.raises(ConflictError, match="version 1 of the targets, and 2 is due"):
        check(office, to_bytes(office.targets()))


def test_a_list_that_has_expired_is_refused(office: Office) -> None:
    with pytest.raises(SignatureError, match="the targets expired at 20"):
        check(office, office.listed(), now_s=NOW_S + 91 * DAY_S)


def test_a_file_that_is_not_there_or_has_another_size_is_refused(office: Office) -> None:
    with pytest.raises(ConflictError, match="the repository has no"):
        check(office, office.listed(target(b"elsewhere")))
    with pytest.raises(ConflictError, match="of 7 bytes"):
        check(office, office.listed(dict.fromkeys(office.held, 7)))


@pytest.mark.parametrize("name", ["../x.bundle", "a" * 64 + ".bundle", "A" * 64 + ".bundle", "b" * 64 + ".zip"])
def test_a_file_that_is_not_named_by_its_digest_is_refused(office: Office, name: str) -> None:
    files = {name: {"length": 6, "hashes": {"sha256": "b" * 64}}}
    with pytest.raises(SignatureError, match="is not named by its sha256"):
        check(office, forged(office, office.listed(), targets=files))


def test_delegations_are_refused(office: Office) -> None:
    with pytest.raises(SignatureError, match="further roles"):
        check(office, forged(office, office.listed(), delegations={"keys": {}, "roles": []}))


@pytest.mark.parametrize("policy", [{"security_floor": -1}, {"security_floor": "3"}, {"revoked": ["x"]}, []])
def test_a_policy_nobody_can_read_is_refused(office: Office, policy: Any) -> None:
    with pytest.raises(SignatureError, match="x-edgeferry cannot be read"):
        check(office, forged(office, office.listed(), **{"x-edgeferry": policy}))


def test_a_revoked_file_cannot_be_listed(office: Office) -> None:
    digest = digest_of(b"bundle")
    with pytest.raises(ConflictError, match="and revokes it"):
        check(office, forged(office, office.listed(), **{"x-edgeferry": {"revoked": [digest]}}))
    revoked = next_targets(
        read(office.listed(), Targets, where="test"),
        office.signer("targets"),
        expires_s=NOW_S + DAY_S,
        revoke=[digest],
    )
    assert revoked.signed.targets == {}
    with pytest.raises(ConfigError, match="is revoked"):
        next_targets(revoked, office.signer("targets"), expires_s=NOW_S + DAY_S, add=office.held)


def test_the_floor_never_sinks(office: Office) -> None:
    high = read(office.listed(floor=5), Targets, where="test")
    with pytest.raises(ConfigError, match="the security floor is 5 already"):
        office.listed(after=high, floor=4)
    low = forged(office, office.listed(after=high), **{"x-edgeferry": {"security_floor": 4}})
    with pytest.raises(ConflictError, match="would sink from 5 to 4"):
        check_targets(low, office.root(), high, office.held.get, NOW_S)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[" * 5000, b'{"signed": {"_type": "targets"}, "signatures": []}', b"\xff"]
)
def test_what_is_no_list_is_refused(office: Office, data: bytes) -> None:
    with pytest.raises(SignatureError, match="not a targets document"):
        check(office, data)
    with pytest.raises(SignatureError, match="not a targets document"):
        check(office, office.pinned.read_bytes())
    with pytest.raises(SignatureError, match="at most"):
        check(office, b" " * (MOST_BYTES["targets"] + 1))


def check_as_root(office: Office, data: bytes, now_s: float = NOW_S, online: str = "online") -> Any:
    return check_root(data, office.root(), office.targets(), tuf_id(office.signer(online)), now_s)


def test_a_root_signed_by_the_old_keys_and_its_own_is_taken(office: Office) -> None:
    assert check_as_root(office, office.rooted("root")).signed.version == 2
    taken = check_as_root(office, office.rooted("root", "foreign", root="foreign"))
    assert taken.signed.roles["root"].keyids == [tuf_id(office.signer("foreign"))]


@pytest.mark.parametrize(
    ("signed_by", "chosen", "kind", "said"),
    [
        (["foreign"], {}, SignatureError, "not signed by a key of root version 1"),
        (["root"], {"root": "foreign"}, SignatureError, "not signed by a key of root version 2"),
        (["foreign"], {"root": "foreign"}, SignatureError, "not signed by a key of root version 1"),
        (["root"], {"online": "foreign"}, ConfigError, "does not name this server's key"),
        (["root"], {"targets": "foreign"}, ConflictError, "names no key that signed the present targets"),
    ],
)
def test_a_root_that_would_lock_devices_out_is_refused(
    office: Office, signed_by: list[str], chosen: dict[str, str], kind: type[FerryError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        check_as_root(office, office.rooted(*signed_by, **chosen))


def test_a_root_that_does_not_follow_or_has_expired_is_refused(office: Office) -> None:
    with pytest.raises(ConflictError, match="version 1 of the root, and 2 is due"):
        check_as_root(office, office.pinned.read_bytes())
    with pytest.raises(SignatureError, match="the root expired"):
        check_as_root(office, office.rooted("root"), now_s=NOW_S + 366 * DAY_S)


def test_an_offline_key_cannot_be_the_servers(office: Office) -> None:
    with pytest.raises(ConfigError, match="must not be an offline key"):
        office.rooted("root", online="online targets")
