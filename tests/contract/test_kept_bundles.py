"""Bundles made long ago: what was taken once is taken for ever, and what was refused stays refused."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from contract.bundle import open_bundle, seal
from contract.digest import digest_of
from contract.errors import BundleError, SignatureError
from devices.keys import development_signer, development_verifier
from edge.bundles import check_bundle, read_bundle
from edge.slots import Slots
from tests.data.make_bundles import FOLDER
from tests.edge.test_kept_models import DELTA, DIGESTS
from tests.edge.tiny_bundle import install

GOOD = {
    "good-schema-1": "sha256:91dfd725e2dac147a7d553b84cd8b8e51c5c7bf50a3007df9acfd9cec802a5fb",
    "newer-minor": "sha256:6d047859c4ca547103e88d50cb03cc77da685eea1061e3565e4747fc3caa3662",
}
BROKEN: dict[str, tuple[type[BundleError], str]] = {
    "climbs-out": (BundleError, "not the ones the manifest lists"),
    "symbolic-link": (BundleError, "directory is not the one we write"),
    "two-archives": (BundleError, "not a bundle, or cut short"),
    "zip64-4-gib": (BundleError, "directory is not the one we write"),
    "name-with-line-feed": (BundleError, r"members\[2\]\.name"),
    "slot-marker": (BundleError, "a name of the bundle's own"),
    "key-twice": (BundleError, "says something twice"),
    "schema-2": (BundleError, "schema 2 is newer than 1"),
    "unused-base64-bits": (SignatureError, "not Base64 as it is written"),
    "payload-in-signature": (SignatureError, "more than signatures"),
    "other-bundles-signature": (SignatureError, "does not match the content"),
}


def test_every_kept_file_is_spoken_for() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {*GOOD, *BROKEN, *DIGESTS, DELTA}


@pytest.mark.parametrize("name", GOOD)
def test_a_bundle_of_an_earlier_day_is_taken_as_it_was(name: str, tmp_path: Path) -> None:
    bundle = read_bundle(FOLDER / f"{name}.bundle", development_verifier())
    assert (bundle.digest, bundle.keyid) == (GOOD[name], development_signer().keyid)
    slot = install(Slots(tmp_path), FOLDER / f"{name}.bundle")
    assert slot.member(slot.manifest.model) == b"weights" * 20
    assert slot.manifest.labels == ("cat", 'the "other" cat\t\\', "Käuzchen 🦉")


def test_what_schema_1_could_say_is_still_understood() -> None:
    manifest = read_bundle(FOLDER / "good-schema-1.bundle", development_verifier()).manifest
    assert manifest.release == "small@1"
    assert (manifest.security_level, manifest.security_floor) == (2, 1)
    assert manifest.golden is not None
    assert manifest.golden.tolerance == 0.1 + 0.2
    assert (manifest.evidence.source, manifest.evidence.artifact) == (0.9888888888888889, 1e-07)
    assert manifest.lineage == {"weights": digest_of(b"weights"), "dataset": digest_of(b"dataset")}


@pytest.mark.parametrize("name", ["good-schema-1", *DIGESTS])
def test_it_is_written_today_as_it_was_then(name: str) -> None:
    data, again = (FOLDER / f"{name}.bundle").read_bytes(), io.BytesIO()
    bundle = open_bundle(io.BytesIO(data), where="kept")
    seal(again, bundle.manifest, {m.name: bundle.read(m.name) for m in bundle.manifest.members}, bundle.envelope)
    assert again.getvalue() == data


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_bundle_of_an_earlier_day_stays_refused(name: str) -> None:
    error, words = BROKEN[name]
    with pytest.raises(error, match=words) as refusal:
        check_bundle((FOLDER / f"{name}.bundle").read_bytes(), development_verifier(), where="kept")
    assert type(refusal.value) is error
