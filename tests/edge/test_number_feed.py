"""Models that are fed numbers, from the row in a file to the line `edgeferry run` prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from contract.codec import to_json
from contract.errors import BundleError, DamagedFrameError, GoldenError
from contract.manifest import GOLDEN, NO_PICTURE, Golden, Manifest, Member, Quantization, TensorSpec, parse
from devices.keys import development_verifier
from edge.bundles import read_bundle
from edge.frames import Numbers
from edge.golden import check_golden, pack_golden
from edge.model import load_model
from edge.number_feed import NumberFeed
from tests.conftest import edgeferry
from tests.edge.colours import loaded, manifest_of
from tests.edge.number_bundle import DIGEST, number_bundle, number_manifest

INT16 = TensorSpec(name="b", shape=(1, 2), dtype="int16", quantization=Quantization(scale=0.5, zero_point=0))
FLOAT = TensorSpec(name="a", shape=(1, 2, 2), dtype="float32")


def feed(*specs: TensorSpec) -> NumberFeed:
    manifest: Manifest = manifest_of(preprocessing=NO_PICTURE, inputs=specs, task="regress")
    return NumberFeed(manifest)


def test_a_row_fills_the_inputs_one_after_another() -> None:
    tensors = feed(FLOAT, INT16).tensors(Numbers(np.array([1.0, 2, 3, 4, 5, -6])))
    assert tensors["a"].tolist() == [[[1, 2], [3, 4]]]
    assert tensors["b"].tolist() == [[10, -12]]
    assert tensors["b"].dtype == np.int16


def test_stored_numbers_go_in_as_they_are() -> None:
    assert feed(INT16).tensors(Numbers(np.array([5.0, -32768]), stored=True))["b"].tolist() == [[5, -32768]]


@pytest.mark.parametrize(
    ("values", "stored", "words"),
    [
        ([1.0], False, "1 numbers, and the model takes 2"),
        ([1.0, np.nan], False, "not finite"),
        ([1.0, 32768], True, "int16 cannot store"),
        ([1.0, 0.5], True, "int16 cannot store"),
    ],
)
def test_what_does_not_fit_is_refused(values: list[float], stored: bool, words: str) -> None:
    with pytest.raises(DamagedFrameError, match=words):
        feed(INT16).tensors(Numbers(np.array(values), stored))


def test_every_stored_number_comes_back_from_its_real_value() -> None:
    spec = msgspec.structs.replace(INT16, shape=(1, 65536), quantization=Quantization(scale=0.00117, zero_point=0))
    stored = np.arange(-32768, 32768)
    real = stored.astype(np.float32) * np.float32(0.00117)
    assert (feed(spec).tensors(Numbers(real.astype(np.float64)))["b"][0] == stored).all()


def test_a_model_refuses_the_frames_of_the_other_kind(shared_data: Path) -> None:
    with pytest.raises(DamagedFrameError, match="takes a picture, and the frame is numbers"):
        loaded().answer(Numbers(np.zeros(3)))
    model = shared_data / "models/tflite/hello_world_float.tflite"
    with pytest.raises(DamagedFrameError, match="takes numbers, and the frame is a picture"):
        load_model(number_manifest(model), DIGEST, model).answer(np.zeros((2, 2, 3), np.uint8))


def listed(manifest: Manifest) -> bytes:
    return to_json(msgspec.structs.replace(manifest, members=(Member(name="m", sha256=DIGEST, size_bytes=1),)))


def test_a_manifest_of_numbers_survives_its_json_and_older_readers_refuse_it() -> None:
    manifest = msgspec.structs.replace(manifest_of(model="m"), inputs=(FLOAT, INT16), preprocessing=NO_PICTURE)
    assert parse(listed(manifest), where="m").fed_inputs == (FLOAT, INT16)
    with pytest.raises(BundleError, match="2 inputs, and one picture to feed them"):
        parse(listed(msgspec.structs.replace(manifest, preprocessing=manifest_of().preprocessing)), where="m")


def test_a_place_in_a_picture_needs_a_picture() -> None:
    from contract.manifest import Segment

    manifest = msgspec.structs.replace(
        manifest_of(model="m"), task="segment", preprocessing=NO_PICTURE, decoding=Segment(map="x")
    )
    with pytest.raises(BundleError, match="speaks of places in a picture"):
        parse(listed(manifest), where="m")


def hello_world(data: Path, kind: str) -> tuple[Path, list[dict[str, Any]]]:
    rows = json.loads((data / "expected.json").read_text())["regress_hello_world"]
    name = f"hello_world_{kind}"
    return data / f"models/tflite/{name}.tflite", [row for row in rows if row["model"] == name]


def values_of(bundle: Path, source: str | Path, *options: str) -> list[list[float]]:
    lines = edgeferry("run", bundle, "--source", source, "--results", "-", *options).stdout.splitlines()
    return [[value["value"] for value in json.loads(line)["values"]] for line in lines]


@pytest.mark.parametrize("kind", ["float", "int8"])
def test_a_sine_is_answered_with_the_known_values(kind: str, shared_data: Path, tmp_path: Path) -> None:
    model, rows = hello_world(shared_data, kind)
    xs = np.array([[row["x"]] for row in rows])
    bundle = number_bundle(tmp_path, model, xs)
    np.save(tmp_path / "x.npy", xs)
    (tmp_path / "x.csv").write_text("x\n" + "".join(f"{row['x']!r}\n" for row in rows))
    found = values_of(bundle, tmp_path / "x.npy")
    assert np.allclose([value for (value,) in found], [row["value"] for row in rows], atol=6e-6)
    assert values_of(bundle, tmp_path / "x.csv", "--threads", "auto") == found
    assert values_of(bundle, tmp_path / "x.csv", "--isolate") == found
    if kind == "int8":
        np.save(tmp_path / "raw.npy", np.array([[row["raw_in"]] for row in rows], np.int8))
        assert values_of(bundle, tmp_path / "raw.npy") == found


@pytest.mark.parametrize("name", ["add16", "conv10", "leaky_relu11"])
def test_int16_layers_give_every_known_number(name: str, shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "models/golden_int16"
    inputs = [np.loadtxt(path, np.int16, delimiter=",") for path in sorted(folder.glob(f"{name}_input*.csv"))]
    golden = np.loadtxt(folder / f"{name}_golden_int16.csv", np.int16, delimiter=",")
    model = folder / f"{name}.tflite"
    row = np.concatenate(inputs)
    np.save(tmp_path / "row.npy", row[None])
    (tmp_path / "row.csv").write_text(",".join(map(str, row.tolist())))
    manifest = number_manifest(model)
    real = np.concatenate(
        [
            values.astype(np.float32) * np.float32(spec.quantization.scale)
            for values, spec in zip(inputs, manifest.inputs, strict=True)
            if spec.quantization is not None
        ]
    )
    bundle = number_bundle(tmp_path, model, real[None].astype(np.float64))
    quantization = manifest.outputs[0].quantization
    assert quantization is not None
    expected = golden.astype(np.float32) * np.float32(quantization.scale)
    for source in ("row.npy", f"tensor:{tmp_path}/row.csv?numbers=stored"):
        (found,) = values_of(bundle, source if ":" in source else tmp_path / source)
        assert found == expected.tolist()


def test_golden_rows_are_checked_like_golden_frames(shared_data: Path, tmp_path: Path) -> None:
    model, rows = hello_world(shared_data, "int8")
    xs = np.array([[row["x"]] for row in rows])
    bundle = read_bundle(number_bundle(tmp_path, model, xs), development_verifier())
    ready = load_model(bundle.manifest, bundle.digest, bundle.model)
    check_golden(ready, bundle.members[GOLDEN])
    wrong = {spec.name: np.zeros((len(xs), 1), np.int8) for spec in bundle.manifest.outputs}
    with pytest.raises(GoldenError, match="differs by"):
        check_golden(ready, pack_golden(xs, wrong))
    assert bundle.manifest.golden == Golden(frames=len(xs), tolerance=0.01)


def test_a_source_of_the_other_kind_is_refused_before_the_first_frame(shared_data: Path, tmp_path: Path) -> None:
    model, _ = hello_world(shared_data, "float")
    bundle = number_bundle(tmp_path, model, np.zeros((1, 1)))
    refused = edgeferry("run", bundle, "--source", "synthetic:?frames=1", check=False)
    assert refused.returncode == 2
    assert "takes numbers, and the source gives pictures" in refused.stderr


def test_such_a_bundle_is_timed_on_zeros(shared_data: Path, tmp_path: Path) -> None:
    model, _ = hello_world(shared_data, "float")
    bundle = number_bundle(tmp_path, model, np.zeros((1, 1)))
    report = json.loads(edgeferry("bench", bundle, "--frames", "5", "--json").stdout)
    assert report["source"] == "zeros"
    assert "cold_start_ms" not in report
