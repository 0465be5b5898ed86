"""Whose word counts: assignments by pinned keys, for this device, and of the right kind."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from contract.assignments import checked_assignment
from contract.codec import to_json
from contract.device import Broker, Camera, DeviceConfig
from contract.device import Trust as TrustFiles
from contract.dsse import ASSIGNMENT_TYPE, MANIFEST_TYPE, sign
from contract.errors import ConfigError, SignatureError
from contract.messages import Assignment
from devices.keys import development_signer, development_verifier, load_signer, make_key
from edge.trust import pinned

ASSIGNMENT = Assignment(
    fleet="test",
    device="cam-1",
    counter=1,
    digest="sha256:" + "1" * 64,
    name="m",
    version=2,
    size_bytes=1,
    url="",
    deadline="",
)


def signed(assignment: Assignment, kind: str = ASSIGNMENT_TYPE) -> bytes:
    key = development_signer()
    return to_json(sign(kind, to_json(assignment), key.keyid, key.sign, detached=False))


def check(payload: bytes) -> Assignment:
    return checked_assignment(payload, development_verifier(), fleet="test", device="cam-1")


def test_a_pinned_keys_assignment_for_this_device_is_believed() -> None:
    assert check(signed(ASSIGNMENT)) == ASSIGNMENT


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (signed(replace(ASSIGNMENT, device="cam-2")), "it is for test/cam-2"),
        (signed(replace(ASSIGNMENT, fleet="other")), "it is for other/cam-1"),
        (signed(ASSIGNMENT, MANIFEST_TYPE), "not a"),
        (signed(ASSIGNMENT).replace(b'"payload":"ey', b'"payload":"ez'), "does not match"),
        (b"{}", "not a valid Envelope"),
    ],
)
def test_everything_else_is_refused(payload: bytes, sentence: str) -> None:
    with pytest.raises(SignatureError, match=sentence):
        check(payload)


def test_the_keys_are_those_the_configuration_names(tmp_path: Path) -> None:
    make_key(tmp_path / "publisher.key")
    files = TrustFiles(publishers=(str(tmp_path / "publisher.key.pub"),))
    config = DeviceConfig(
        fleet="test",
        device="cam-1",
        profile="rpi4",
        state_dir="",
        broker=Broker(url="mqtt://b"),
        trust=files,
        camera=Camera(source="0"),
    )
    trust = pinned(config)
    assert list(trust.publishers) == [load_signer(tmp_path / "publisher.key").keyid]
    assert not trust.fleet
    with pytest.raises(ConfigError, match="no publisher"):
        pinned(replace(config, trust=TrustFiles()))
