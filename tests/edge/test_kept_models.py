"""Bundles of earlier days whose models run: today's device takes them, passes their golden frames and answers as then.

The files in `tests/data/bundles` are never made again, whatever becomes of the code that made them: what a release
wrote once, every later one reads. No digest here ever changes; a new layout gets a new file.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contract.digest import digest_of
from contract.dsse import Verifier
from contract.manifest import GOLDEN, StageEvidence
from contract.result import Detection
from devices.keys import development_verifier, key_id
from edge.bundles import CheckedBundle, read_bundle
from edge.delta import apply_delta
from edge.durable import Disk
from edge.golden import check_golden
from edge.model import LoadedModel, load_model
from tests.data.kept_models import PUBLISHERS
from tests.data.make_bundles import FOLDER, RUNNING
from tests.edge.colours import LABELS, plain

DIGESTS = {
    "colours-1-tflite": "sha256:1700e11f044fcc39b52c6444ee4535e9c4b94f5994cd430cfe20b7214dd164d1",
    "colours-2-stages": "sha256:ddfbe2a8eda0c568c14370a2eeccc00887651ae0389cff4e6e28edad56035e77",
    "colours-onnx": "sha256:f07fe1eccce6d1640d04c73e0b037e2efcc63523661d4f4755c9b158e9d04aa7",
    "two-publishers": "sha256:a634e86c8730655290c4e7b02c97d24604081375c2aef11ca0049968c8746b53",
    "recurrent": "sha256:2fa6b076213a89eef0e4bee352a1381fd6c3e95c363d4bb4ab000543fcfe753a",
    "detector": "sha256:2a56fd6b0eece049b469f560aa323a082a8e7e57b5d35f5d232515c094c19642",
}
CLASSIFIERS = ("colours-1-tflite", "colours-2-stages", "colours-onnx", "two-publishers")
DELTA, DELTA_DIGEST = "colours-1-2", "sha256:80bdae14dab3d718ab2efb5125fcf1754eccf58d6b75650f4d60532f94c37f41"


def kept(name: str) -> CheckedBundle:
    """The bundle, by whoever of the publishers of its day is trusted."""
    trusted = trust(PUBLISHERS[1]) if name == "two-publishers" else development_verifier()
    return read_bundle(FOLDER / f"{name}.bundle", trusted)


def trust(seed: bytes) -> dict[str, Verifier]:
    """In the key made of `seed` alone."""
    key = Ed25519PrivateKey.from_private_bytes(seed).public_key()

    def made_by_it(signed: bytes, signature: bytes) -> bool:
        key.verify(signature, signed)
        return True

    return {key_id(key): made_by_it}


def running(bundle: CheckedBundle) -> LoadedModel:
    return load_model(bundle.manifest, bundle.digest, bundle.model)


def test_each_kept_bundle_is_spoken_for() -> None:
    assert set(DIGESTS) == set(RUNNING)


@pytest.mark.parametrize("name", DIGESTS)
def test_it_is_the_file_of_then_and_passes_its_golden_frames(name: str) -> None:
    bundle = kept(name)
    assert bundle.digest == DIGESTS[name]
    assert bundle.manifest.golden is not None
    with closing(running(bundle)) as model:
        check_golden(model, bundle.members[GOLDEN])


@pytest.mark.parametrize("colour", LABELS)
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_names_the_colour_it_sees(name: str, colour: str) -> None:
    with closing(running(kept(name))) as model:
        (first, *_) = model.answer(plain(colour, (90, 60))).decoded.classes or ()
    assert (first.label, first.score > 0.9) == (colour, True)


def test_a_recurrent_model_adds_up_the_red_it_has_seen() -> None:
    with closing(running(kept("recurrent"))) as model:
        seen = [model.answer(plain(colour)).decoded.values for colour in ("red", "red", "blue", "red")]
    assert [values[0].value for values in seen if values] == pytest.approx([1, 2, 2, 3], abs=1e-4)


def test_a_detector_finds_the_colour_in_the_middle() -> None:
    with closing(running(kept("detector"))) as model:
        (found,) = model.answer(plain("green", (240, 160))).decoded.detections or ()
    assert found == Detection(index=1, label="green", score=found.score, box_xyxy_px=(60.0, 40.0, 180.0, 120.0))
    assert found.score == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("seed", PUBLISHERS)
def test_either_publisher_of_a_bundle_is_enough(seed: bytes) -> None:
    bundle = read_bundle(FOLDER / "two-publishers.bundle", trust(seed))
    assert bundle.keyid in trust(seed)


def test_a_delta_still_leads_to_its_bundle(tmp_path: Path) -> None:
    delta = FOLDER / f"{DELTA}.delta"
    assert digest_of(delta.read_bytes()) == DELTA_DIGEST
    apply_delta(delta, FOLDER / "colours-1-tflite.bundle", tmp_path / "out", disk=Disk())
    assert digest_of((tmp_path / "out").read_bytes()) == DIGESTS["colours-2-stages"]


def test_what_was_said_of_security_and_of_evidence_is_understood() -> None:
    old, new = kept("colours-1-tflite").manifest, kept("colours-2-stages").manifest
    assert (old.security_level, old.security_floor) == (3, 2)
    assert (new.recipe, new.evidence.low, new.evidence.high) == ("tflite-int8", 0.96, 0.991)
    assert new.evidence.stages == (
        StageEvidence(stage="float", ran_on="ai-edge-litert 2.1.0", correlation=1.0, agreement=1.0),
        StageEvidence(stage="emulated", sqnr_db=34.5, agreement=0.99, metric=0.98, low=0.96, high=0.991),
    )
