"""From two bundles to a delta and back: never much larger than the whole, and whole files or none."""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.bundle import seal
from contract.codec import to_pretty_json
from contract.delta import SEGMENT_BYTES, DeltaError, read_header
from contract.digest import digest_of
from contract.dsse import MANIFEST_TYPE, sign
from contract.errors import BundleError, ConfigError
from converters.delta import DeltaReport, apply, make_delta
from devices.keys import development_signer
from tests.conftest import edgeferry
from tests.edge.tiny_bundle import MODEL, PROFILE, network, tiny_manifest, write_bundle

RANDOM = np.random.default_rng(8)
LARGER, HEADER_BYTES = 1.01, 1024


def bundle(folder: Path, version: int, members: dict[str, bytes], *, profile: str = PROFILE) -> Path:
    """A signed bundle of any members; no device could run it, and a delta does not ask."""
    manifest = tiny_manifest(version, profile, {MODEL: b"", **members})
    signer = development_signer()
    envelope = sign(MANIFEST_TYPE, to_pretty_json(manifest), signer.keyid, signer.sign, detached=True)
    path = folder / manifest.file_name
    with path.open("wb") as stream:
        seal(stream, manifest, {MODEL: b"", **members}, envelope)
    return path


def round_trip(old: Path, new: Path, folder: Path) -> DeltaReport:
    """The report, after the delta led from `old` to `new`."""
    report = make_delta(old, new, folder / "a.delta")
    applied = apply(old, folder / "a.delta", folder / "out.bundle")
    assert (folder / "out.bundle").read_bytes() == new.read_bytes()
    assert applied.digest == report.target == digest_of(new.read_bytes())
    assert report.bytes == (folder / "a.delta").stat().st_size
    assert report.digest == digest_of((folder / "a.delta").read_bytes())
    assert not list(folder.glob(".*"))
    return report


def test_a_release_leads_to_the_next(tmp_path: Path) -> None:
    old, new = write_bundle(tmp_path, 1), write_bundle(tmp_path, 2, confidence=0.7)
    report = round_trip(old, new, tmp_path)
    assert report.release == "tiny@2"
    assert report.share < 0.25
    assert report.note == ""
    with (tmp_path / "a.delta").open("rb") as stream:
        header = read_header(stream, where="test")
    assert (header.base, header.target) == (digest_of(old.read_bytes()), digest_of(new.read_bytes()))
    assert (header.size_bytes, header.profile) == (new.stat().st_size, PROFILE)


def test_equal_bundles_give_equal_deltas(tmp_path: Path) -> None:
    old, new = write_bundle(tmp_path, 1), write_bundle(tmp_path, 2, confidence=0.7)
    make_delta(old, new, tmp_path / "one")
    make_delta(old, new, tmp_path / "other")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_a_model_that_stays_costs_next_to_nothing(
    digits_run: Path, digits_bundles: dict[str, Path], tmp_path: Path
) -> None:
    new = tmp_path / "digits-2-rpi4.bundle"
    edgeferry("convert", digits_run, "--for", "rpi4", "--version", "2", "--out", tmp_path)
    report = round_trip(digits_bundles["rpi4"], new, tmp_path)
    assert report.share < 0.05
    model = next(part for part in report.parts if part.name == "model.tflite")
    assert model.methods == {"copy": model.size_bytes}


def test_a_model_that_shares_nothing_is_told_whole_and_that_is_said(tmp_path: Path) -> None:
    old, new = (bundle(tmp_path, n, {"a.bin": RANDOM.bytes(SEGMENT_BYTES + 1000)}) for n in (1, 2))
    report = round_trip(old, new, tmp_path)
    assert report.share <= LARGER
    assert "hardly pays" in report.note
    assert any(set(part.methods) == {"whole"} for part in report.parts)


def test_a_large_member_moved_within_itself_is_found(tmp_path: Path) -> None:
    data = RANDOM.bytes(SEGMENT_BYTES + 100_000)
    old, new = bundle(tmp_path, 1, {"a.bin": data}), bundle(tmp_path, 2, {"a.bin": data[:5000] + b"new" + data[5000:]})
    assert round_trip(old, new, tmp_path).share < 0.01


def test_members_come_and_go(tmp_path: Path) -> None:
    first, second = RANDOM.bytes(40_000), RANDOM.bytes(50_000)
    old = bundle(tmp_path, 1, {"a.bin": first, "gone.bin": second, "empty.bin": b""})
    new = bundle(tmp_path, 2, {"new.bin": RANDOM.bytes(30_000), "empty.bin": b"", "a.bin": first})
    assert round_trip(old, new, tmp_path).bytes < 32_000


def test_the_way_back_and_another_model_are_said(tmp_path: Path) -> None:
    old, new = write_bundle(tmp_path, 2, confidence=0.7), write_bundle(tmp_path, 1)
    assert "leads back from tiny@2" in round_trip(old, new, tmp_path).note


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_whatever_changed_in_the_members_the_delta_is_right_and_never_much_larger(data: st.DataObject) -> None:
    size = data.draw(st.sampled_from([0, 1, 700, 20_000, 60_000]))
    old = {"a.bin": RANDOM.bytes(size), "labels.txt": b"cat\ndog\n"}
    new = dict(old)
    for _ in range(data.draw(st.integers(0, 4))):
        name = data.draw(st.sampled_from(["a.bin", "labels.txt", "new.bin"]))
        before = new.get(name, b"")
        at = data.draw(st.integers(0, len(before)))
        cut, more = data.draw(st.integers(0, 3000)), data.draw(st.binary(max_size=300))
        new[name] = before[:at] + more * data.draw(st.integers(1, 40)) + before[at + cut :]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        report = round_trip(bundle(folder, 1, old), bundle(folder, 2, new), folder)
    assert report.bytes <= LARGER * report.whole_bytes


def test_a_pair_no_device_goes_between_is_refused(tmp_path: Path) -> None:
    one, other = write_bundle(tmp_path, 1), write_bundle(tmp_path, 2, profile="rpi4")
    with pytest.raises(ConfigError, match="for generic-x86_64 and NEW for rpi4"):
        make_delta(one, other, tmp_path / "a.delta")
    with pytest.raises(ConfigError, match="the same bundle"):
        make_delta(one, one, tmp_path / "a.delta")
    assert not (tmp_path / "a.delta").exists()


def test_an_out_that_cannot_be_is_refused_before_the_work(tmp_path: Path) -> None:
    old, new = write_bundle(tmp_path, 1), write_bundle(tmp_path, 2, confidence=0.7)
    (tmp_path / "folder").mkdir()
    for out, word in (
        (tmp_path / "folder", "a folder"),
        (tmp_path / "no" / "x", "no such folder"),
        (old, "files read"),
    ):
        with pytest.raises(ConfigError, match=word):
            make_delta(old, new, out)
    assert digest_of(old.read_bytes()) == digest_of(write_bundle(tmp_path, 1).read_bytes())


def test_files_in_the_wrong_place_are_one_sentence(tmp_path: Path) -> None:
    old, new = write_bundle(tmp_path, 1), write_bundle(tmp_path, 2, confidence=0.7)
    delta, out = tmp_path / "a.delta", tmp_path / "out"
    make_delta(old, new, delta)
    (tmp_path / "noise").write_bytes(b"noise")
    for error, work in (
        (ConfigError, lambda: make_delta(delta, new, out)),
        (ConfigError, lambda: make_delta(old, delta, out)),
        (BundleError, lambda: make_delta(old, tmp_path / "noise", out)),
        (BundleError, lambda: make_delta(tmp_path / "nowhere", new, out)),
        (ConfigError, lambda: apply(delta, old, out)),
        (DeltaError, lambda: apply(old, new, out)),
        (DeltaError, lambda: apply(new, delta, out)),
        (DeltaError, lambda: apply(old, tmp_path / "noise", out)),
        (BundleError, lambda: apply(tmp_path / "noise", delta, out)),
    ):
        with pytest.raises(error):
            work()
        assert not out.exists()
        assert not list(tmp_path.glob(".*"))


def test_a_slots_folder_serves_as_the_old_bundle(tmp_path: Path) -> None:
    old, new = write_bundle(tmp_path, 1), write_bundle(tmp_path, 2, confidence=0.7)
    make_delta(old, new, tmp_path / "a.delta")
    with zipfile.ZipFile(old) as archive:
        archive.extractall(tmp_path / "slot")
    apply(tmp_path / "slot", tmp_path / "a.delta", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == new.read_bytes()


def test_an_output_that_was_there_stays_when_the_work_fails(tmp_path: Path) -> None:
    old, new = write_bundle(tmp_path, 1), write_bundle(tmp_path, 2, confidence=0.7)
    make_delta(old, new, tmp_path / "a.delta")
    (tmp_path / "out").write_bytes(b"mine")
    with pytest.raises(DeltaError):
        apply(new, tmp_path / "a.delta", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"mine"


def test_the_commands_say_it_in_words_and_in_json(tmp_path: Path) -> None:
    old, new = write_bundle(tmp_path, 1), write_bundle(tmp_path, 2, confidence=0.7)
    delta, out = tmp_path / "a.delta", tmp_path / "out.bundle"
    words = edgeferry("bundle", "diff", old, new, "--out", delta).stdout
    assert f"% of tiny@2 for {PROFILE}" in words
    found = json.loads(edgeferry("bundle", "apply", old, delta, "--out", out, "--json").stdout)
    assert found["digest"] == digest_of(new.read_bytes()) == digest_of(out.read_bytes())
    assert found["delta_bytes"] == delta.stat().st_size


@pytest.mark.parametrize(("command", "code", "word"), [("apply", 2, "this is a delta"), ("diff", 2, "this is a delta")])
def test_the_wrong_order_is_one_sentence(tmp_path: Path, command: str, code: int, word: str) -> None:
    old, new = write_bundle(tmp_path, 1), write_bundle(tmp_path, 2, confidence=0.7)
    make_delta(old, new, tmp_path / "a.delta")
    done = edgeferry("bundle", command, tmp_path / "a.delta", old, "--out", tmp_path / "out", check=False)
    assert (done.returncode, done.stdout) == (code, "")
    assert word in done.stderr
    assert "fix:" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_onnx_model_is_laid_beside_its_old_self(tmp_path: Path) -> None:
    """Too small to be told by itself: the whole bundle is one patch."""
    assert len(network(0.9)) < 16 * 1024
    old, new = write_bundle(tmp_path, 1), write_bundle(tmp_path, 2, confidence=0.7)
    assert [part.name for part in round_trip(old, new, tmp_path).parts] == ["everything else"]
