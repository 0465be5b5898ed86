"""What a device is handed: read back by the very code that will read it there, refused where that would refuse it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from contract.claim_code import spelled
from contract.device import parse_device_config
from contract.errors import BundleError, ConfigError, SignatureError
from devices.device_toml import written
from devices.keys import development_signer, make_key
from devices.payload import SUMS, build_payload
from tests.devices.conftest import Desk, unpack
from tests.edge.tiny_bundle import write_bundle


def test_the_agents_configuration_names_files_that_are_beside_it(desk: Desk) -> None:
    for name in ("ca", "crt", "key", "password"):
        (desk.folder / name).write_text(name)
    payload = desk.payload(
        site='the "old" yard', ca="ca", device_cert="crt", device_key="key", broker_password_file="password"
    )
    config = parse_device_config(b"".join(payload.files["config/device.toml"].chunks()), where="test")
    assert (config.fleet, config.device, config.site) == ("default", "cam-1", 'the "old" yard')
    assert config.bundle == "/opt/edgeferry/current/first.bundle"
    named = [config.broker.ca_file, config.broker.cert_file, config.broker.key_file, config.broker.password_file]
    for name in [*named, *config.trust.publishers, *config.trust.fleet]:
        assert f"config/{name}" in payload.files
    assert payload.secrets == {"config/device.key", "config/broker-password"}
    assert all(payload.files[name].mode == 0o600 for name in payload.secrets)


@pytest.mark.parametrize(
    ("said", "shared"), [({}, False), ({"pictures": "private"}, False), ({"pictures": "shared"}, True)]
)
def test_pictures_are_shared_only_where_that_was_said(desk: Desk, said: dict[str, str], shared: bool) -> None:
    config = parse_device_config(b"".join(desk.payload(**said).files["config/device.toml"].chunks()), where="test")
    assert config.pictures.share == shared


def test_equal_settings_make_an_equal_payload_and_others_another(desk: Desk) -> None:
    assert desk.payload().id == desk.payload().id
    assert len({desk.payload().id, desk.payload(site="yard").id, desk.payload(camera="0").id}) == 3


def test_the_digests_are_those_of_the_files(desk: Desk, tmp_path: Path) -> None:
    payload = desk.payload()
    folder = unpack(payload, tmp_path / "payload")
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", SUMS], cwd=folder, check=True)
    listed = {line[66:] for line in (folder / SUMS).read_text().splitlines()}
    assert listed == payload.files.keys() - {SUMS}
    assert payload.size_bytes == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_a_strangers_bundle_is_refused(desk: Desk) -> None:
    bundle = write_bundle(desk.folder, 2, signer=development_signer())
    with pytest.raises(SignatureError, match="whom nobody here trusts"):
        build_payload(desk.settings(), bundle)


def test_another_profiles_bundle_is_refused(desk: Desk) -> None:
    with pytest.raises(BundleError, match="made for generic-x86_64, and cam-1 is a rpi4"):
        desk.payload(profile="rpi4")


def test_a_damaged_member_is_found_before_the_device_finds_it(desk: Desk) -> None:
    data = bytearray(desk.bundle.read_bytes())
    data[len(data) // 2] ^= 1
    desk.bundle.write_bytes(data)
    with pytest.raises(BundleError):
        desk.payload()


def test_a_key_that_is_none_is_refused(desk: Desk) -> None:
    (desk.folder / "no.pub").write_text("rubbish")
    with pytest.raises(ConfigError, match="not an Ed25519 public key"):
        desk.payload(fleet_keys=["no.pub"])


def test_more_than_a_service_is_handed_is_refused(desk: Desk) -> None:
    (desk.folder / "ca").write_bytes(b"x" * 1_000_001)
    with pytest.raises(ConfigError, match="handed at most 1000000"):
        desk.payload(ca="ca")


def test_wheels_of_other_machines_stay_at_home(desk: Desk, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name in (
        "edgeferry-0.1.0-py3-none-any",
        "a-1-cp311-cp311-manylinux_2_17_aarch64",
        "a-1-cp311-cp311-linux_x86_64",
    ):
        (wheels / f"{name}.whl").write_text(name)
    found = {name for name in desk.payload(wheelhouse=str(wheels)).files if name.startswith("wheels/")}
    assert found == {"wheels/edgeferry-0.1.0-py3-none-any.whl", "wheels/a-1-cp311-cp311-linux_x86_64.whl"}
    (wheels / "edgeferry-0.1.0-py3-none-any.whl").unlink()
    with pytest.raises(ConfigError, match="no wheel of edgeferry"):
        desk.payload(wheelhouse=str(wheels))


def test_a_private_key_is_no_publisher(desk: Desk) -> None:
    make_key(desk.folder / "other")
    with pytest.raises(ConfigError, match="public key"):
        desk.payload(publishers=["other"])


def test_what_the_agent_would_refuse_is_not_written() -> None:
    with pytest.raises(ConfigError, match="profile"):
        written({"fleet": "a", "device": "b"}, where="test")


def test_a_claim_code_and_its_server_reach_the_agent_and_nobody_else(desk: Desk) -> None:
    (desk.folder / "server-ca").write_text("ca")
    code = spelled(range(15))
    with pytest.raises(ConfigError, match="mistyped"):
        desk.payload(claim=code[:-1] + ("0" if code[-1] != "0" else "1"), enroll_server="https://fleet.example")
    with pytest.raises(ConfigError, match="nothing says where"):
        desk.payload(claim=code)
    payload = desk.payload(claim=code, enroll_server="https://fleet.example", enroll_ca="server-ca")
    config = parse_device_config(b"".join(payload.files["config/device.toml"].chunks()), where="test")
    assert config.identity is not None
    assert (config.identity.claim, config.identity.ca_file) == (code, "enroll-ca.pem")
    assert payload.secrets == {"config/device.toml"}
