"""What a bundle says of its making, and what it does not."""

from __future__ import annotations

from contract.manifest import Evidence, StageEvidence
from converters.evidence_lines import evidence_lines, unsaid
from converters.inspection import inspect
from tests.data.make_bundles import FOLDER
from tests.edge.colours import manifest_of


def test_a_bundle_of_today_says_its_recipe_and_each_stage() -> None:
    found = inspect(FOLDER / "colours-2-stages.bundle")
    assert list(evidence_lines(found.manifest)) == [
        "  recipe      tflite-int8",
        "  accuracy    98.00% (float 99.00%, 95 % interval 96.0% to 99.1%, 300 pictures)",
        "  stage       float by ai-edge-litert 2.1.0: equal numbers, same answer 100.00%",
        "  stage       emulated: SQNR 34.5 dB, same answer 99.00%, accuracy 98.00%",
    ]
    assert found.unsaid == ("drift reference", "lineage")


def test_an_older_one_is_not_made_to_say_more_than_it_does() -> None:
    found = inspect(FOLDER / "good-schema-1.bundle")
    assert list(evidence_lines(found.manifest)) == ["  accuracy    0.00% (float 98.89%, 360 pictures)"]
    assert found.unsaid == ("recipe", "interval", "stages")


def test_a_metric_in_a_unit_of_its_own_is_no_percentage() -> None:
    stages = (StageEvidence(stage="float", metric=0.031), StageEvidence(stage="kernels"))
    evidence = Evidence(pictures=12, metric="mean error", source=0.03, artifact=0.04, stages=stages)
    assert list(evidence_lines(manifest_of(evidence=evidence))) == [
        "  mean error  0.04 (float 0.03, 12 pictures)",
        "  stage       float: mean error 0.031",
        "  stage       kernels: nothing measured",
    ]


def test_nothing_measured_is_nothing_shown() -> None:
    assert list(evidence_lines(manifest_of())) == []
    assert "metric" in unsaid(manifest_of())


def test_every_signature_is_named_whoever_is_trusted() -> None:
    assert len(inspect(FOLDER / "two-publishers.bundle").signatures) == 2
    assert inspect(FOLDER / "two-publishers.bundle").signer is None
