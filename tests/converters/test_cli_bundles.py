"""`edgeferry bundle sign|export|import` and keys in tokens, as a person and as a program call them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import edgeferry
from tests.data.make_bundles import FOLDER
from tests.softhsm import SoftHsm

BUNDLE = FOLDER / "colours-2-stages.bundle"


def test_a_bundle_is_signed_and_then_verified_by_that_key_alone(tmp_path: Path) -> None:
    keyid = edgeferry("keys", "new", tmp_path / "publisher").stdout.strip()
    done = edgeferry("bundle", "sign", BUNDLE, "--key", tmp_path / "publisher", "--out", tmp_path / "signed", "--json")
    report = json.loads(done.stdout)
    assert (report["keyid"], report["kept"]) == (keyid, [])
    trust = ("--trust", tmp_path / "publisher.pub")
    verified = json.loads(edgeferry("bundle", "verify", tmp_path / "signed", *trust, "--json").stdout)
    assert (verified["signer"], verified["digest"]) == (keyid, report["digest"])
    assert edgeferry("bundle", "verify", tmp_path / "signed", check=False).returncode == 6


def test_a_token_signs_and_gives_its_public_half(tmp_path: Path, softhsm: SoftHsm) -> None:
    edgeferry("bundle", "sign", BUNDLE, "--key", softhsm.uri(), "--out", tmp_path / "signed")
    edgeferry("keys", "show", softhsm.uri(), "--public", tmp_path / "token.pub")
    done = edgeferry("bundle", "verify", tmp_path / "signed", "--trust", tmp_path / "token.pub")
    assert "signed by" in done.stdout


def test_a_bundle_goes_to_a_layout_and_back(tmp_path: Path) -> None:
    done = edgeferry("bundle", "export", BUNDLE, "--to", f"oci:{tmp_path / 'layout'}")
    assert f"oci:{tmp_path / 'layout'}:2-generic-x86_64" in done.stdout
    edgeferry("bundle", "import", f"oci:{tmp_path / 'layout'}", "--out", tmp_path / "back.bundle")
    assert (tmp_path / "back.bundle").read_bytes() == BUNDLE.read_bytes()
    again = edgeferry("bundle", "export", BUNDLE, "--to", f"oci:{tmp_path / 'layout'}", check=False)
    assert (again.returncode, "something already" in again.stderr) == (2, True)


def test_inspect_says_recipe_stages_and_what_is_unsaid() -> None:
    lines = edgeferry("bundle", "inspect", BUNDLE).stdout.splitlines()
    assert "  recipe      tflite-int8" in lines
    assert "  unsaid      drift reference, lineage" in lines
    assert sum(line.startswith("  stage ") for line in lines) == 2
    found = json.loads(edgeferry("bundle", "inspect", BUNDLE, "--json").stdout)
    assert found["manifest"]["evidence"]["stages"][1]["sqnr_db"] == 34.5


def test_a_wrong_place_or_pin_is_one_message(tmp_path: Path) -> None:
    done = edgeferry("bundle", "export", BUNDLE, "--to", "docker://host/name", check=False)
    assert (done.returncode, "oci:FOLDER" in done.stderr) == (2, True)
    uri = "pkcs11:object=k?module-path=/m.so&pin-value=5678"
    done = edgeferry("bundle", "sign", BUNDLE, "--key", uri, "--out", tmp_path / "signed", check=False)
    assert (done.returncode, "5678" in done.stderr, "Traceback" in done.stderr) == (2, False, False)
