"""A key in a real token signs what its file would sign, and says in words why it does not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from contract.errors import ConfigError, MissingPartError
from devices.keys import load_signer, named_signer, write_public
from devices.token_key import PIN as PIN_VARIABLE
from devices.token_key import token_public_key, token_signer
from tests.softhsm import KEY, MODULE, PIN, TOKEN, SoftHsm


def test_the_token_signs_as_the_key_file_it_came_from(softhsm: SoftHsm) -> None:
    token, file = named_signer(softhsm.uri()), load_signer(softhsm.key_file)
    assert token.keyid == file.keyid
    for signed in (b"", b"a manifest", bytes(100_000)):
        assert token.sign(signed) == file.sign(signed)


def test_its_public_half_is_the_file_that_devices_pin(softhsm: SoftHsm, tmp_path: Path) -> None:
    write_public(tmp_path / "publisher.pub", token_public_key(softhsm.uri()))
    assert (tmp_path / "publisher.pub").read_bytes() == softhsm.key_file.with_suffix(".pub").read_bytes()
    with pytest.raises(ConfigError, match="a file already"):
        write_public(tmp_path / "publisher.pub", token_public_key(softhsm.uri()))


def test_the_pin_may_come_from_the_environment(softhsm: SoftHsm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PIN_VARIABLE, PIN)
    uri = f"pkcs11:token={TOKEN};object={KEY}?module-path={MODULE}"
    assert token_signer(uri).keyid == load_signer(softhsm.key_file).keyid


def test_a_wrong_pin_is_noticed_before_anything_is_signed_and_is_not_repeated(softhsm: SoftHsm, tmp_path: Path) -> None:
    (tmp_path / "pin").write_text("no such pin")
    with pytest.raises(ConfigError, match="PinIncorrect") as refusal:
        token_signer(softhsm.uri(pin=tmp_path / "pin"))
    assert "no such pin" not in str(refusal.value)


def test_no_pin_at_all_says_the_two_ways_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PIN_VARIABLE, raising=False)
    with pytest.raises(ConfigError, match=f"pin-source=file:PATH.*{PIN_VARIABLE}"):
        token_signer(f"pkcs11:object={KEY}?module-path={MODULE}")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"token": "another"}, "NoSuchToken"),
        ({"key": "another"}, "0 public keys of this name"),
        ({"module": Path("/nowhere.so")}, "cannot open shared object"),
    ],
)
def test_what_is_not_there_is_named(softhsm: SoftHsm, wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        token_signer(softhsm.uri(**wrong))  # type: ignore[arg-type]


def test_a_key_of_another_kind_is_refused(softhsm: SoftHsm) -> None:
    import pkcs11

    with pkcs11.lib(str(MODULE)).get_token(token_label=TOKEN).open(rw=True, user_pin=PIN) as session:
        session.generate_keypair(pkcs11.KeyType.RSA, 2048, store=True, label="rsa")
    with pytest.raises(ConfigError, match="not an Edwards key"):
        token_signer(softhsm.uri(key="rsa"))


def test_without_the_package_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pin").write_text("1")
    # As where it is not installed: None in this place makes the import fail.
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(MissingPartError, match=r"edgeferry\[pkcs11\]"):
        token_signer(f"pkcs11:object=k?module-path=/m.so&pin-source={tmp_path / 'pin'}")
