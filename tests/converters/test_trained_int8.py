"""A run that learnt with int8's rounding in view: its own file goes to the device, and nothing is calibrated for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contract.errors import ModelError
from converters.runs import read_run
from converters.sources import Asked, read_source
from converters.tflite_graph import read_graph
from converters.trained_int8 import trained_source
from tests.conftest import edgeferry

SETTINGS = "[training]\nepochs = 4\n[quantization]\naware = 'on'\nepochs = 1\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("aware")
    (folder / "train.toml").write_text(SETTINGS)
    edgeferry("train", "digits", "--config", folder / "train.toml", "--out", folder / "run", "--quiet")
    return folder / "run"


def test_its_file_is_a_source_with_the_ends_of_the_float_model(run: Path, tmp_path: Path) -> None:
    source = read_source(run, Asked())
    assert source.trained_int8 == run / "model.qat.tflite"
    trained = trained_source(source, tmp_path)
    assert trained is not None
    assert (trained.kind, trained.outputs, trained.trained_int8) == ("tflite", source.outputs, None)
    graph = read_graph(trained.model.read_bytes(), where="test")
    assert [tensor.name for tensor in graph.outputs] == list(source.outputs)
    assert {tensor.type for tensor in (*graph.inputs, *graph.outputs)} == {"INT8"}


def test_a_source_without_one_gives_none(digits_run: Path, tmp_path: Path) -> None:
    assert read_run(digits_run).trained_int8 is None
    assert trained_source(read_source(digits_run, Asked()), tmp_path) is None


def test_a_damaged_one_is_named(run: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    (tmp_path / "model.qat.tflite").write_bytes(b"no model")
    damaged = replace(read_source(run, Asked()), trained_int8=tmp_path / "model.qat.tflite")
    with pytest.raises(ModelError, match=r"model\.qat\.tflite"):
        trained_source(damaged, tmp_path)


def test_the_device_gets_it_and_the_evidence_says_so(run: Path, tmp_path: Path) -> None:
    done = edgeferry("convert", run, "--for", "rpi4,coral-usb", "--out", tmp_path / "bundles", "--json")
    report = json.loads(done.stdout)
    assert {plan["words"] for plan in report["plans"]} == {"tflite-int8, trained with its rounding in view"}
    for bundle in report["bundles"]:
        assert bundle["evidence"]["agreement"] > 0.9
        assert (tmp_path / "bundles" / Path(bundle["path"]).name).is_file()
