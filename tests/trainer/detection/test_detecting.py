"""A short training on drawn squares and discs, from pictures to a run folder and back."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from contract import run as files
from contract.decoding import DetectGrid
from contract.errors import ConfigError, DataError
from contract.manifest import Manifest
from contract.reference import NAME as REFERENCE
from contract.reference import parse as parse_reference
from contract.run import DetectionMetrics, Settings
from edge.backends import open_backend
from tests.edge.colours import DIGEST
from tests.trainer.detection.drawn_boxes import LABELS, SIZE_WH, drawn_origin
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.architecture.budget import parse_budgets
from trainer.data.origin import Origin
from trainer.detection.dataset import prepare_boxes
from trainer.detection.record import DetectorRecord
from trainer.progress import Silent
from trainer.run_folder import building, open_run
from trainer.settings import (
    Augmentation,
    DataSettings,
    InputSettings,
    NetworkSettings,
    Resolved,
    TrainConfig,
    TrainingSettings,
    usable_cores,
)
from trainer.start import Start

pytestmark = WITH_TENSORFLOW
ORIGIN = drawn_origin([("train", 96), ("validation", 16), ("test", 32)])
CONFIG = TrainConfig(
    task="detect",
    seed=2,
    preprocessing=InputSettings(size_wh=SIZE_WH, resize="letterbox"),
    network=NetworkSettings(width=0.5),
    training=TrainingSettings(epochs=12, batch=8, threads=usable_cores()),
    augmentation=Augmentation(shift=0.1, zoom=0.1, flip=True),
)


def trained(out: Path, origin: Origin = ORIGIN, config: TrainConfig = CONFIG):
    from trainer.detection.detecting import settled_boxes, summary, train_prepared_boxes

    with building(out, force=False) as folder:
        boxes = settled_boxes(origin, "things", config, Silent())
        return summary(out, train_prepared_boxes(folder, *boxes, Silent()))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """One trained detector for the whole file; some ten seconds."""
    request.getfixturevalue("tensorflow")
    out = tmp_path_factory.mktemp("detect") / "run"
    trained(out)
    return out


def test_squares_and_discs_are_found(run: Path) -> None:
    metrics = msgspec.json.decode((run / files.METRICS).read_bytes(), type=DetectionMetrics)
    assert metrics.test.map50 > 0.9
    assert metrics.test.map50_95 > 0.5  # measured: 0.58 after a hundred steps
    assert metrics.test.map50_95_range[0] <= metrics.test.map50_95 <= metrics.test.map50_95_range[1]
    assert [row.label for row in metrics.test.per_class] == list(LABELS)
    assert metrics.test.boxes == sum(len(one.boxes) for one in ORIGIN.pictures if one.split == "test")


def test_the_run_says_how_its_outputs_are_decoded(run: Path) -> None:
    settings = msgspec.toml.decode((run / files.SETTINGS).read_bytes(), type=Settings)
    assert isinstance(settings.decoding, DetectGrid)
    metrics = msgspec.json.decode((run / files.METRICS).read_bytes(), type=DetectionMetrics)
    assert settings.decoding.score_threshold == metrics.test.score_threshold
    assert (settings.decoding.boxes, settings.decoding.scores) == ("boxes", "scores")
    assert (settings.decoding.encoding, settings.decoding.strides) == ("yolox", (8,))


def test_every_file_of_a_run_is_there_and_readable(run: Path) -> None:
    assert {file.name for file in run.iterdir()} == {
        files.MODEL, files.METRICS, files.DATASET, files.CALIBRATION, files.GOLDEN, files.REFERENCE, files.REPORT,
        files.CARD, files.SETTINGS, files.MLBOM,
    }  # fmt: skip
    assert open_run(run).settings.task == "detect"
    with np.load(io.BytesIO((run / files.GOLDEN).read_bytes())) as golden:
        assert golden["frames"].shape == (32, SIZE_WH[1], SIZE_WH[0], 3)
        assert golden["box_picture"].max() == 31
    reference = parse_reference((run / REFERENCE).read_bytes(), where=REFERENCE)
    assert reference.objects is not None
    assert sum(reference.objects.counts) == 32
    for name in (files.REPORT, files.CARD):
        assert "AP50-95" in (run / name).read_text()


def test_measuring_the_run_again_gives_the_same_scores(run: Path) -> None:
    from trainer.detection.detectors import open_detector
    from trainer.detection.scoring import score_detections

    model = open_detector(run)
    data = prepare_boxes(ORIGIN, model.preprocessing, seed=2, settings=DataSettings())
    test = data.splits["test"]
    scores = score_detections(test.marked, model.answers(test.frames), model.labels, model.score_threshold)
    metrics = msgspec.json.decode((run / files.METRICS).read_bytes(), type=DetectionMetrics)
    assert scores == metrics.test


def test_the_course_of_the_training_is_written_down(run: Path) -> None:
    metrics = json.loads((run / files.METRICS).read_bytes())
    assert len(metrics["loss"]) == 12
    assert metrics["loss"][-1] < metrics["loss"][0]
    looks = dict(metrics["looks"])
    assert metrics["kept_epoch"] == max(looks, key=lambda epoch: (looks[epoch], epoch))


def test_a_chosen_network_that_does_not_fit_is_refused_before_training(tensorflow: None, tmp_path: Path) -> None:  # noqa: ARG001
    chosen = NetworkSettings(width=0.5, chosen=True)
    tight = msgspec.structs.replace(CONFIG, network=chosen, budget=parse_budgets(["rpi4:0.001ms"]))
    with pytest.raises(ConfigError, match=r"does not fit its budget: rpi4 "):
        trained(tmp_path / "run", config=tight)
    assert list(tmp_path.iterdir()) == []


def test_a_training_begins_with_what_another_learnt_and_is_judged_before_it_is_written_down(
    run: Path, tmp_path: Path
) -> None:
    from trainer.detection.detecting import train_prepared_boxes
    from trainer.learning.inference import open_keras

    settings = open_run(run).settings
    gently = msgspec.structs.replace(
        settings, training=msgspec.structs.replace(settings.training, epochs=1, learning_rate=1e-6)
    )
    data = prepare_boxes(ORIGIN, settings.preprocessing, seed=2, settings=DataSettings())
    start = Start(lambda: open_keras(run / files.MODEL), fitted_with=gently)
    seen = []

    def judged(record: DetectorRecord, model: Path) -> DetectorRecord:
        seen.extend(file.name for file in model.parent.iterdir())
        return replace(record, metrics=msgspec.structs.replace(record.metrics, machine="judged"))

    record = train_prepared_boxes(tmp_path, data, settings, Silent(), start=start, judged=judged)
    assert seen == [files.MODEL]
    assert record.metrics.test.map50 > 0.9
    assert (record.metrics.epochs, record.settings.training.epochs) == (1, 12)
    assert json.loads((tmp_path / files.METRICS).read_bytes())["machine"] == "judged"


def test_pictures_without_boxes_leave_no_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no boxes are marked"):
        trained(tmp_path / "run", replace(ORIGIN, task="classify"))
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_is_measured_as_a_device_runs_it(run: Path) -> None:
    import tensorflow as tf

    from edge.bundles import CheckedBundle
    from trainer.detection.detectors import BundleDetector
    from trainer.detection.scoring import score_detections
    from trainer.learning.inference import open_keras

    settings = open_run(run).settings
    assert settings.decoding
    model = open_keras(run / files.MODEL)
    shape = (1, SIZE_WH[1], SIZE_WH[0], 3)
    outputs = ("boxes", "scores")
    function = tf.function(lambda pictures: [model(pictures, training=False)[name] for name in outputs])
    concrete = function.get_concrete_function(tf.TensorSpec(shape, tf.float32))
    data = tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert()
    bundle = CheckedBundle(_manifest(data, settings), DIGEST, None, {"model.tflite": data})
    detector = BundleDetector(bundle)
    assert detector.score_threshold == settings.decoding.score_threshold
    pictures = prepare_boxes(ORIGIN, settings.preprocessing, seed=2, settings=DataSettings()).splits["test"]
    scores = score_detections(
        pictures.marked, detector.answers(pictures.frames), detector.labels, detector.score_threshold
    )
    metrics = msgspec.json.decode((run / files.METRICS).read_bytes(), type=DetectionMetrics)
    assert scores.map50_95 == pytest.approx(metrics.test.map50_95, abs=0.002)


def _manifest(data: bytes, settings: Resolved) -> Manifest:
    """With the names the file has: boxes are four numbers, scores two."""
    backend = open_backend("tflite", data)
    numbers = {spec.shape[2]: spec.name for spec in backend.outputs}
    assert settings.decoding
    return Manifest(
        name="things",
        version=1,
        task="detect",
        profile="generic-x86_64",
        format="tflite",
        model="model.tflite",
        inputs=backend.inputs,
        preprocessing=settings.preprocessing,
        outputs=backend.outputs,
        decoding=msgspec.structs.replace(settings.decoding, boxes=numbers[4], scores=numbers[2]),
        labels=LABELS,
    )
