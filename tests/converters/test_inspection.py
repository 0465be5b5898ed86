"""A bundle in a stranger's hands: every bit is checked, and whose word it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contract.errors import BundleError, ConfigError, SignatureError
from converters.inspection import inspect, verify
from devices.keys import development_signer, make_key
from tests.conftest import edgeferry


def test_a_bundle_tells_who_signed_it(digits_bundles: dict[str, Path]) -> None:
    found = verify(digits_bundles["rpi4"], [])
    assert found.signer == development_signer().keyid
    assert found.development
    assert found.manifest.release == "digits@1"


def test_inspecting_asks_nobody_for_trust(digits_bundles: dict[str, Path]) -> None:
    assert inspect(digits_bundles["rpi4"]).signer is None


def test_a_foreign_signature_is_refused_and_can_still_be_inspected(
    digits_bundles: dict[str, Path], tmp_path: Path
) -> None:
    make_key(tmp_path / "publisher")
    with pytest.raises(SignatureError, match="whom nobody here trusts"):
        verify(digits_bundles["rpi4"], [tmp_path / "publisher.pub"])


@pytest.mark.parametrize("share", [0.0, 0.003, 0.1, 0.4, 0.6, 0.9, 0.97, 0.9999])
def test_one_flipped_bit_is_noticed_wherever_it_is(
    digits_bundles: dict[str, Path], tmp_path: Path, share: float
) -> None:
    spoilt = bytearray(digits_bundles["rpi4"].read_bytes())
    spoilt[int(share * len(spoilt))] ^= 1
    path = tmp_path / "spoilt.bundle"
    path.write_bytes(spoilt)
    with pytest.raises(BundleError):
        verify(path, [])


@pytest.mark.parametrize("kept", [0, 1, 0.5, 0.999])
def test_a_bundle_cut_short_is_refused(digits_bundles: dict[str, Path], tmp_path: Path, kept: float) -> None:
    whole = digits_bundles["rpi4"].read_bytes()
    path = tmp_path / "short.bundle"
    path.write_bytes(whole[: int(kept * len(whole)) if kept != 1 else 1])
    with pytest.raises(BundleError):
        inspect(path)


def test_a_hostile_archive_is_no_bundle(shared_data: Path) -> None:
    with pytest.raises(BundleError):
        inspect(shared_data / "corrupt/archives/archive.zip")


def test_a_private_key_is_no_trust(digits_bundles: dict[str, Path], tmp_path: Path) -> None:
    make_key(tmp_path / "publisher")
    with pytest.raises(ConfigError, match="not an Ed25519 public key"):
        verify(digits_bundles["rpi4"], [tmp_path / "publisher"])


def test_the_command_says_one_json_object(digits_bundles: dict[str, Path]) -> None:
    found = json.loads(edgeferry("bundle", "inspect", digits_bundles["coral-usb"], "--json").stdout)
    assert found["manifest"]["profile"] == "coral-usb"
    assert "edgetpu_compiler" in found["manifest"]["note"]


def test_the_command_refuses_with_exit_code_6_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "x.bundle").write_bytes(b"PK\x03\x04 nothing else")
    done = edgeferry("bundle", "verify", tmp_path / "x.bundle", check=False)
    assert (done.returncode, done.stdout) == (6, "")
    assert "fix:" in done.stderr
    assert "Traceback" not in done.stderr
