"""Any model in: runs, the shared models of every kind and task, and everything that is none."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from contract.decoding import Classify, DetectBoxes, DetectCorners, Regress, Segment
from contract.digest import digest_of
from contract.errors import ConfigError, ModelError
from contract.manifest import Manifest
from converters.source import UNKNOWN, Source
from converters.sources import Asked, kind_of, read_source
from converters.sources.keras_object import as_file
from edge.backends import SUFFIXES, open_backend
from edge.model import LoadedModel, load_model
from edge.pictures import read_picture
from tests.conftest import ROOT
from tests.edge.colours import LABELS, MODELS

CARDS = Path(__file__).parent.parent / "model_cards"


def colours(folder: Path) -> Path:
    """A folder of plain pictures, in sub-folders called like the classes."""
    import cv2

    for place, name in enumerate(LABELS):
        (folder / name).mkdir(parents=True)
        for shade in (120, 180, 240):
            picture = np.full((16, 24, 3), 20, np.uint8)
            picture[:, :, 2 - place] = shade
            cv2.imwrite(str(folder / name / f"{shade}.png"), picture)
    return folder


def loaded(source: Source) -> LoadedModel:
    """`source` as it would run on a device without any conversion."""
    format = SUFFIXES[source.model.suffix]
    backend = open_backend(format, source.model)
    manifest = Manifest(
        name=source.name,
        version=1,
        task=source.task,
        profile="generic-x86_64",
        format=format,
        model="model",
        inputs=backend.inputs,
        preprocessing=source.preprocessing,
        outputs=backend.outputs,
        decoding=source.decoding,
        states=source.states,
        labels=source.labels,
    )
    backend.close()
    return load_model(manifest, "sha256:" + "0" * 64, source.model)


@pytest.mark.parametrize("file", ["colours_uint8.tflite", "colours_int8.tflite", "colours_float.tflite"])
def test_a_model_file_becomes_a_whole_source(file: str, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(LABELS))
    card = tmp_path / "model.toml"
    card.write_text("[preprocessing]\nstd = [255.0]\n" if "float" in file else "")
    asked = Asked(labels=labels, model_card=card, calibration=colours(tmp_path / "pictures"), name="colours")
    source = read_source(MODELS / file, asked)
    assert (source.name, source.task, source.labels, source.kind) == ("colours", "classify", LABELS, "tflite")
    assert isinstance(source.decoding, Classify)
    assert source.decoding.activation == "none"
    assert source.decoding.scores in source.outputs
    assert source.lineage == {"weights": digest_of((MODELS / file).read_bytes())}
    assert source.golden.labelled
    assert source.quantised == ("float" not in file)
    assert (len(source.calibration.frames), len(source.golden.frames)) == ((0, 9) if source.quantised else (3, 6))
    model = loaded(source)
    for frame, label in zip(source.golden.frames, source.golden.labels, strict=True):
        assert model.outputs_for(frame)[source.decoding.scores].argmax() == label
    model.close()


def test_an_onnx_model_with_an_open_batch_and_planes_is_read(tmp_path: Path) -> None:
    card = tmp_path / "model.toml"
    card.write_text('labels = ["red", "green", "blue"]\n[preprocessing]\nstd = [255.0]\n')
    source = read_source(MODELS / "colours_nchw.onnx", Asked(model_card=card, calibration=colours(tmp_path / "p")))
    assert source.preprocessing.layout == "nchw"
    assert source.preprocessing.size_wh == (24, 16)
    assert source.decoding == Classify(scores="logits", activation="softmax")
    assert source.outputs == ("logits",)
    assert source.name == "colours_nchw"


def test_a_recurrent_model_names_its_states_in_the_card(tmp_path: Path) -> None:
    model = ROOT / "tests/data/recurrent.onnx"
    card = tmp_path / "model.toml"
    backend = open_backend("onnx", model)
    picture, state = sorted(backend.inputs, key=lambda spec: -len(spec.shape))
    sums, after = backend.outputs
    card.write_text(
        'task = "classify"\n[preprocessing]\nstd = [255.0]\n[decoding]\nkind = "classify"\nscores = 0\n'
        f'activation = "softmax"\n[[states]]\ninput = "{state.name}"\noutput = 1\n'
    )
    source = read_source(model, Asked(model_card=card, calibration=colours(tmp_path / "p")))
    assert [(one.input, one.output) for one in source.states] == [(state.name, after.name)]
    assert source.preprocessing.size_wh == (picture.shape[3], picture.shape[2])
    assert source.decoding == Classify(scores=sums.name, activation="softmax")
    bare = tmp_path / "bare.toml"
    bare.write_text('task = "classify"\n')
    with pytest.raises(ConfigError, match="2 inputs") as refused:
        read_source(model, Asked(model_card=bare, calibration=tmp_path / "p"))
    assert "[[states]]" in refused.value.fix


def test_a_run_says_everything_itself(digits_run: Path) -> None:
    source = read_source(digits_run, Asked())
    assert (source.kind, source.task, source.labels) == ("keras", "classify", tuple("0123456789"))
    assert source.model == digits_run / "model.keras"
    assert source.decoding == Classify(scores="scores", activation="none")
    assert set(source.lineage) == {"weights", "dataset"}
    assert source.golden.labelled
    assert source.card
    with pytest.raises(ConfigError, match="--labels is given, and a run says that itself"):
        read_source(digits_run, Asked(labels=Path("labels.txt")))
    with pytest.raises(ConfigError, match="--task says 'detect'"):
        read_source(digits_run, Asked(task="detect"))


def test_pictures_of_a_persons_own_calibrate_a_run(digits_run: Path, tmp_path: Path) -> None:
    source = read_source(digits_run, Asked(calibration=colours(tmp_path), name="mine"))
    assert source.name == "mine"
    assert source.calibration.frames.shape[1:] == source.golden.frames.shape[1:]
    assert set(source.calibration.labels) == {UNKNOWN}


@pytest.mark.parametrize(
    ("name", "words", "fix"),
    [
        ("absent.tflite", "no such model file", "Check the path"),
        ("model.pt", "a file in .pt", "torch.onnx.export"),
        ("model.h5", "a file in .h5", "save it as .keras"),
        ("engine.plan", "a file in .plan", ".onnx file it was built from"),
        ("README", "no format at all", "a .keras, .onnx or .tflite file"),
        ("owls.bundle", "a file in .bundle", "converted already"),
    ],
)
def test_what_is_no_model_of_ours_is_refused_with_the_way_from_there(
    name: str, words: str, fix: str, tmp_path: Path
) -> None:
    if "absent" not in name:
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ConfigError) as refused:
        kind_of(tmp_path / name)
    assert words in refused.value.what
    assert fix in refused.value.fix


def test_folders_are_told_by_what_they_hold(tmp_path: Path) -> None:
    assert kind_of(tmp_path) == "run"
    (tmp_path / "saved_model.pb").write_bytes(b"")
    assert kind_of(tmp_path) == "saved-model"


def test_no_pictures_no_conversion(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(LABELS))
    with pytest.raises(ConfigError, match="no pictures to compare") as refused:
        read_source(MODELS / "colours_int8.tflite", Asked(labels=labels))
    assert "--calibration" in refused.value.fix


def test_importing_the_room_imports_no_library_of_a_model() -> None:
    code = (
        "import sys, converters.sources, converters.sources.foreign; print([m for m in ('tensorflow', 'keras', 'onnx', "
    )
    code += "'onnxruntime', 'ai_edge_litert') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_a_reference_of_the_same_network_tells_how_pixels_go_in(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(LABELS))
    asked = Asked(labels=labels, calibration=colours(tmp_path / "p"), reference=MODELS / "colours_uint8.tflite")
    source = read_source(MODELS / "colours_float.tflite", asked)
    assert source.preprocessing.std[0] == pytest.approx(255.0, rel=1e-3)
    assert any("--reference" in note for note in source.notes)
    other = source.reference
    assert other is not None
    assert other.quantised
    assert (other.golden.frames == source.golden.frames).all()
    ours, theirs = loaded(source), loaded(other)
    for frame in source.golden.frames:
        (one,), (two,) = ours.outputs_for(frame).values(), theirs.outputs_for(frame).values()
        assert one.argmax() == two.argmax()
    with pytest.raises(ConfigError, match=r"is \[1, 10\], and .* has"):
        read_source(MODELS / "colours_uint8.tflite", msgspec.structs.replace(asked, reference=_ten_classes(tmp_path)))


def _ten_classes(folder: Path) -> Path:
    from tests.converters.packed_metadata import model_with

    path = folder / "ten.tflite"
    path.write_bytes(model_with(None, {}, classes=10))
    return path


@pytest.fixture(scope="module")
def keras_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same tiny network as `.keras` file and as SavedModel, its picture size left open in one more."""
    folder = tmp_path_factory.mktemp("keras")
    made = subprocess.run(
        [sys.executable, "-c", _MAKE, str(folder)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert made.returncode == 0, made.stderr[-2000:]
    return {"keras": folder / "tiny.keras", "saved-model": folder / "saved", "open": folder / "open.keras"}


_MAKE = """
import sys
import keras
from converters.sources import Asked, read_source
from converters.sources.keras_object import as_file
folder = sys.argv[1]
def network(height, width):
    picture = keras.Input((height, width, 3), name="picture")
    mean = keras.layers.GlobalAveragePooling2D(name="mean")(picture)
    scores = keras.layers.Dense(3, activation="softmax", name="scores")(mean)
    return keras.Model(picture, [scores, keras.layers.Dense(2, name="place")(mean)], name="Tiny_Net")
model = network(16, 24)
with as_file(model) as path:
    assert path.name == "tiny_net.keras", path
    path.rename(f"{folder}/tiny.keras")
    model.save(path)
model.export(f"{folder}/saved", format="tf_saved_model", verbose=False)
network(None, None).save(f"{folder}/open.keras")
"""


def test_keras_files_and_saved_models_are_read_with_their_outputs_in_order(
    keras_files: dict[str, Path], tmp_path: Path
) -> None:
    card = tmp_path / "model.toml"
    card.write_text(
        '[preprocessing]\nstd = [255.0]\n[decoding]\nkind = "classify"\nscores = "scores"\nactivation = "none"\n'
    )
    asked = Asked(model_card=card, calibration=colours(tmp_path / "p"))
    source = read_source(keras_files["keras"], asked)
    assert (source.kind, source.outputs) == ("keras", ("scores", "place"))
    assert source.decoding == Classify(scores="scores")
    assert source.preprocessing.size_wh == (24, 16)
    by_place = tmp_path / "by_place.toml"
    by_place.write_text(card.read_text().replace('"scores"\n', "0\n"))
    saved = read_source(keras_files["saved-model"], msgspec.structs.replace(asked, model_card=by_place))
    assert saved.kind == "saved-model"
    assert len(saved.outputs) == 2
    assert saved.lineage["weights"].startswith("sha256:")


def test_a_size_the_graph_leaves_open_is_the_cards(keras_files: dict[str, Path], tmp_path: Path) -> None:
    card = tmp_path / "model.toml"
    text = '[preprocessing]\nstd = [255.0]\n{}[decoding]\nkind = "classify"\nscores = "scores"\nactivation = "none"\n'
    card.write_text(text.format("size_wh = [40, 32]\n"))
    asked = Asked(model_card=card, calibration=colours(tmp_path / "p"))
    assert read_source(keras_files["open"], asked).golden.frames.shape[1:] == (32, 40, 3)
    card.write_text(text.format(""))
    with pytest.raises(ModelError, match="dynamic beyond the batch") as refused:
        read_source(keras_files["open"], asked)
    assert "size_wh = [WIDTH, HEIGHT]" in refused.value.fix


def test_paths_are_files_already_and_other_objects_are_none(tmp_path: Path) -> None:
    with as_file(tmp_path) as path:
        assert path == tmp_path
    with pytest.raises(ConfigError, match=r"builtins\.dict is neither a path nor a Keras model"), as_file({}):
        pass


def expected(data: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((data / "expected.json").read_text())
    return found


CLASSIFIERS = {
    "tflite/mobilenet_v1_0.25_128_quant.tflite": "imagenet_labels.txt",
    "tflite/mobilenet_v1_0.5_160_quant.tflite": "imagenet_labels.txt",
    "tflite/mobilenet_v2_1.0_224_quant.tflite": "imagenet_labels.txt",
    "tflite/mobilenet_v1_0.25_224_float.tflite": "imagenet_labels.txt",
    "tflite/mobilenet_v1_0.25_224_quant_metadata.tflite": "",
    "tflite/cifar10_resnet_float.tflite": "",
    "tflite/cifar10_resnet_int8.tflite": "",
    "tflite/vww_96_float.tflite": "",
    "tflite/vww_96_int8.tflite": "",
    "tflite/keras_lstm_mnist_ptq.tflite": "",
}


def card_of(file: str) -> Path | None:
    path = CARDS / f"{Path(file).stem}.toml"
    return path if path.is_file() else None


@pytest.mark.parametrize("file", CLASSIFIERS)
def test_shared_classifiers_are_read_and_right(file: str, shared_data: Path) -> None:
    labels = shared_data / "labels" / CLASSIFIERS[file] if CLASSIFIERS[file] else None
    asked = Asked(task="classify", labels=labels, model_card=card_of(file), calibration=shared_data / "images")
    source = read_source(shared_data / "models" / file, asked)
    exact = msgspec.structs.replace(source.preprocessing, interpolation="antialias")
    model = loaded(replace(source, preprocessing=exact))
    rows = [row for row in expected(shared_data)["classify"] if row["model"] == f"models/{file}" and row["evident"]]
    rows = [row for row in rows if row["accepted_answers"] and not row["image"].endswith(".rgb")]
    assert rows
    for row in rows:
        classes = model.answer(read_picture(shared_data / row["image"])).decoded.classes
        assert isinstance(classes, tuple)
        assert classes[0].index in row["accepted_answers"], row["image"]
    model.close()


def test_a_detector_a_segmenter_and_faces_are_read(shared_data: Path) -> None:
    pictures, models = shared_data / "images", shared_data / "models"
    found = read_source(models / "tflite/coco_ssd_mobilenet_v1_quant_metadata.tflite", Asked(calibration=pictures))
    assert isinstance(found.decoding, DetectBoxes)
    assert (found.task, found.labels[16]) == ("detect", "cat")
    cut = Asked(calibration=pictures, labels=shared_data / "labels/pascal_voc_segmentation_labels.txt")
    segmenter = read_source(models / "tflite/deeplabv3_mnv2_dm05_pascal_quant.tflite", cut)
    assert segmenter.decoding == Segment(map="ArgMax")
    told = Asked(calibration=pictures, model_card=CARDS / "ultraface_rfb_320.toml")
    faces = read_source(models / "onnx/ultraface_rfb_320.onnx", told)
    assert isinstance(faces.decoding, DetectCorners)
    assert (faces.name, faces.preprocessing.size_wh) == ("faces", (320, 240))
    answer = loaded(faces).answer(read_picture(pictures / "people.jpg")).decoded.detections
    assert isinstance(answer, tuple)
    assert [one.label for one in answer] == ["face"] * 4


def test_onnx_classifiers_are_read_and_right(shared_data: Path) -> None:
    pictures, models = shared_data / "images", shared_data / "models/onnx"
    digits = read_source(models / "mnist_cntk.onnx", Asked(calibration=pictures, model_card=CARDS / "mnist_cntk.toml"))
    nine = loaded(digits).answer(read_picture(pictures / "mnist_nine.bmp")).decoded.classes
    assert isinstance(nine, tuple)
    assert nine[0].label == "9"
    card = CARDS / "mobilenet_v2_qdq_int8.toml"
    network = read_source(models / "mobilenet_v2_qdq_int8.onnx", Asked(calibration=pictures, model_card=card))
    assert network.quantised
    model = loaded(network)
    for row in expected(shared_data)["onnx_mobilenet_v2_qdq_int8"]["photos"]:
        classes = model.answer(read_picture(shared_data / row["image"])).decoded.classes
        assert isinstance(classes, tuple)
        assert classes[0].index in row["accepted_answers"]
    labels = shared_data / "labels/imagenet_labels.txt"
    with pytest.raises(ConfigError, match="1001 labels for 1000 classes") as refused:
        read_source(models / "mobilenet_v2_qdq_int8.onnx", Asked(calibration=pictures, model_card=card, labels=labels))
    assert "background" in refused.value.fix


@pytest.mark.parametrize("name", ["hello_world_float", "hello_world_int8"])
def test_a_model_of_numbers_is_read_with_numbers(name: str, shared_data: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.linspace(0, 6.28, 40)[:, None])
    asked = Asked(task="regress", calibration=tmp_path / "x.npy")
    source = read_source(shared_data / f"models/tflite/{name}.tflite", asked)
    assert source.preprocessing.of_numbers
    assert isinstance(source.decoding, Regress)
    (value,) = source.decoding.values
    assert value.name == "value"
    (found,) = loaded(source).outputs_for(np.array([1.0])).values()
    assert found.shape == (1, 1)


@pytest.mark.parametrize(
    ("name", "values", "length"), [("add16", 640, 1280), ("conv10", 320, 2304), ("leaky_relu11", 160, 160)]
)
def test_int16_layers_are_read_with_their_numbers(
    name: str, values: int, length: int, shared_data: Path, tmp_path: Path
) -> None:
    folder = shared_data / "models/golden_int16"
    row = np.concatenate([np.loadtxt(path, np.int16, delimiter=",") for path in sorted(folder.glob(f"{name}_input*"))])
    np.save(tmp_path / "row.npy", row[None])
    source = read_source(folder / f"{name}.tflite", Asked(task="regress", calibration=tmp_path / "row.npy"))
    assert isinstance(source.decoding, Regress)
    assert len(source.decoding.values) == values
    assert source.golden.frames.shape == (1, length)
    golden = np.loadtxt(folder / f"{name}_golden_int16.csv", np.int16, delimiter=",")
    (answer,) = loaded(source).outputs_for(source.golden.frames[0]).values()
    assert (answer.reshape(-1) == golden).all()
