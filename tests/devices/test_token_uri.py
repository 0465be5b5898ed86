"""How a key in a token is named, by RFC 7512."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ConfigError
from devices.token_uri import TokenKey, parse_token_uri


def test_every_part_is_read_and_unquoted() -> None:
    uri = (
        "pkcs11:token=Key%20room;serial=0a1b;id=%01%ff;object=publisher%3b1?pin-source=file:/root/pin&module-path=/m.so"
    )
    assert parse_token_uri(uri) == TokenKey(
        module=Path("/m.so"),
        token="Key room",
        serial="0a1b",
        label="publisher;1",
        id=b"\x01\xff",
        pin_source=Path("/root/pin"),
    )


def test_a_pins_file_may_be_written_with_or_without_its_scheme() -> None:
    for source in ("/root/pin", "file:/root/pin", "file:///root/pin"):
        found = parse_token_uri(f"pkcs11:object=k?module-path=/m.so&pin-source={source}").pin_source
        assert found is not None
        assert found.resolve() == Path("/root/pin").resolve()


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("pkcs11:object=k", "no module-path"),
        ("pkcs11:token=t?module-path=/m.so", "neither object nor id"),
        ("pkcs11:object=k;object=l?module-path=/m.so", "'object' is said twice"),
        ("pkcs11:objekt=k?module-path=/m.so", "'objekt' is none of"),
        ("pkcs11:object=k;type=public?module-path=/m.so", "only a private key signs"),
    ],
)
def test_what_is_wrong_is_named(uri: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse_token_uri(uri)


def test_a_pin_on_the_command_line_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="read by every user") as refusal:
        parse_token_uri("pkcs11:object=k?module-path=/m.so&pin-value=5678")
    assert "5678" not in str(refusal.value)
