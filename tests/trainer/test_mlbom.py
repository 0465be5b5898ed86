"""The bill of materials: valid by the schema, equal for equal runs, filled from measurements, open elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.trainer.detection.test_report_sections import record as detector_record
from tests.trainer.records import DIGEST, record
from tests.trainer.retraining.test_boxes_compared import replacement as detector_replacement
from tests.trainer.retraining.test_comparison_section import replacement
from trainer.mlbom import mlbom
from trainer.record import Record
from trainer.retraining.lineage import Base
from trainer.statements import Statements

FULL = Statements(
    stated_by="M. Moss", intended_use="Sort pets.", users="Shelters", limits="Not at night.", ethics="None known.",
    human_oversight="A keeper.", risk_management="Yearly.", monitoring="Weekly.", labelling="By two keepers.",
    provider="Moss & Co", contact="moss@example.org", licence="CC0-1.0", standards="none",
)  # fmt: skip


def stated(statements: Statements) -> Record:
    found = record()
    settings = msgspec.structs.replace(found.settings, card=statements)
    return Record(settings, found.dataset, found.metrics, found.reference, found.mistakes)


def model_of(bill: bytes) -> Any:
    return json.loads(bill)["metadata"]["component"]


@pytest.mark.parametrize("statements", [Statements(), FULL])
def test_the_schema_s_own_validator_accepts_it(statements: Statements) -> None:
    bill = mlbom(stated(statements)).decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None
    spoilt = bill.replace('"machine-learning-model"', '"machine"')
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(spoilt) is not None


def test_equal_runs_give_equal_bytes_and_no_time_unless_one_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert mlbom(record()) == mlbom(record())
    assert b"timestamp" not in mlbom(record())
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert json.loads(mlbom(record()))["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"


def test_every_figure_is_the_measured_one_with_its_interval() -> None:
    card = model_of(mlbom(record(("cat", "dog"))))["modelCard"]
    figures = {(one["type"], one.get("slice")): one for one in card["quantitativeAnalysis"]["performanceMetrics"]}
    assert figures["accuracy", None]["value"] == "0.700000"
    assert figures["accuracy", None]["confidenceInterval"] == {"lowerBound": "0.396778", "upperBound": "0.892209"}
    assert figures["recall", "class=dog"]["value"] == "0.600000"
    assert "confidenceInterval" not in figures["F1", "class=dog"]
    assert [one["ref"] for one in card["modelParameters"]["datasets"]] == ["data-train", "data-validation", "data-test"]


def test_data_and_libraries_are_parts_with_their_digests_and_versions() -> None:
    parts = {part["bom-ref"]: part for part in json.loads(mlbom(record()))["components"]}
    assert parts["pkg:generic/python@3.11.7"]["type"] == "platform"
    assert parts["data-test"]["version"] == DIGEST
    assert {"name": "edgeferry:pictures", "value": "10"} in parts["data-test"]["data"][0]["contents"]["properties"]


def test_a_detector_s_bill_is_valid_and_has_its_measured_figures_and_boxes() -> None:
    bill = mlbom(detector_record())
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill.decode()) is None
    model = model_of(bill)
    metrics = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    figures = {(one["type"], one.get("slice")): one for one in metrics}
    assert figures["mAP50-95", None]["value"] == "0.432000"
    assert figures["mAP50-95", None]["confidenceInterval"] == {"lowerBound": "0.371000", "upperBound": "0.489000"}
    assert figures["AP50", "class=cell"] == {"type": "AP50", "value": "0.765000", "slice": "class=cell"}
    assert model["modelCard"]["modelParameters"]["task"] == "detect"
    assert model["modelCard"]["considerations"]["useCases"] == []
    parts = {part["bom-ref"]: part for part in json.loads(bill)["components"]}
    properties = parts["data-test"]["data"][0]["contents"]["properties"]
    assert {"name": "edgeferry:boxes:cell", "value": "11"} in properties


def test_what_nobody_stated_is_there_empty_and_named() -> None:
    model = model_of(mlbom(record()))
    assert model["modelCard"]["considerations"]["useCases"] == model["licenses"] == []
    named = {one["value"] for one in model["properties"] if one["name"] == "edgeferry:not-stated"}
    assert {"intended use", "licence", "contact"} <= named


def test_what_a_person_states_is_in_it_with_their_name() -> None:
    model = model_of(mlbom(stated(FULL)))
    assert model["modelCard"]["considerations"]["useCases"] == ["Sort pets."]
    assert model["licenses"] == [{"license": {"name": "CC0-1.0"}}]
    assert {"name": "edgeferry:stated-by", "value": "M. Moss"} in model["properties"]


def test_a_retrained_run_names_its_ancestor_and_the_slices_it_was_compared_on() -> None:
    found = record()
    base = Base(name="pets", weights=DIGEST, dataset=DIGEST, test=DIGEST, warm=True)
    dataset = msgspec.structs.replace(found.dataset, base=base)
    bill = mlbom(replace(found, dataset=dataset, comparison=replacement()))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill.decode()) is None
    model = model_of(bill)
    assert model["pedigree"]["ancestors"][0]["version"] == DIGEST
    slices = {one.get("slice") for one in model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]}
    assert "old test set, class dog" in slices


def test_a_retrained_detector_has_the_precision_of_every_part() -> None:
    bill = mlbom(replace(detector_record(), comparison=detector_replacement()))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill.decode()) is None
    metrics = model_of(bill)["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    figures = {(one["type"], one.get("slice")): one["value"] for one in metrics}
    assert figures["AP50-95", "old test set, class dog"] == "1.000000"
    assert float(figures["mAP50-95", "old test set, all"]) == pytest.approx(0.752, abs=1e-3)
