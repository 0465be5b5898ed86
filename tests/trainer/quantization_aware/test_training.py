"""Training on with rounding: what stands in the run, again the same, and opened elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from contract import run as files
from contract.errors import ConfigError
from contract.manifest import Preprocessing
from tests.conftest import ROOT
from tests.trainer.drawn_pictures import draw
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.command_line import CommandLine, overridden
from trainer.progress import Silent
from trainer.quantization_aware.settings import QuantizationSettings
from trainer.quantization_aware.verdict import QuantizationAware
from trainer.settings import InputSettings, NetworkSettings, TrainConfig, TrainingSettings
from trainer.training import train

pytestmark = WITH_TENSORFLOW


def trained(root: Path, name: str, aware: str) -> Path:
    config = TrainConfig(
        seed=5,
        preprocessing=InputSettings(size_wh=(16, 16)),
        network=NetworkSettings(width=0.5),
        training=TrainingSettings(epochs=3),
        quantization=QuantizationSettings(aware=aware, epochs=2),  # type: ignore[arg-type]
    )
    train(str(root / "pictures"), root / name, config, force=False, progress=Silent())
    return root / name


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("aware")
    draw(folder / "pictures", {"cat": 30, "dog": 30})
    return folder


@pytest.fixture(scope="module")
def run(root: Path) -> Path:
    """Asked for, so kept."""
    return trained(root, "on", "on")


def told(run: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((run / files.METRICS).read_bytes())["quantization_aware"]
    return found


def test_the_model_stands_beside_the_float_one_and_its_figures_in_the_metrics(run: Path) -> None:
    from trainer.learning.inference import open_keras
    from trainer.learning.weights import weights_digest

    aware = open_keras(run / files.QUANTIZATION_AWARE_MODEL)
    figures = told(run)
    assert figures["kept"] is True
    assert (figures["epochs"], figures["learning_rate"]) == (2, 3e-4)
    assert figures["weights"] == weights_digest(aware)
    assert figures["file_agreement"] == 1.0  # 12 test pictures
    assert figures["float_control"] is None
    assert set(figures) == set(QuantizationAware.__struct_fields__)
    assert aware.output_names == open_keras(run / files.MODEL).output_names == ["scores"]


def test_equal_settings_give_equal_weights(root: Path, run: Path) -> None:
    assert told(trained(root, "again", "on"))["weights"] == told(run)["weights"]


def test_another_process_opens_it_and_gets_the_same_answers(run: Path, tmp_path: Path) -> None:
    from edge.preprocess import real_values
    from trainer.learning.inference import open_keras

    with np.load(run / files.GOLDEN) as golden:
        frames = golden["frames"]
    pictures = real_values(frames, Preprocessing(size_wh=(16, 16), mean=(0.0,), std=(255.0,)))
    np.save(tmp_path / "pictures.npy", pictures)
    script = (
        "import sys, numpy, keras\n"
        "import trainer.quantization_aware.fake_quant\n"
        "model = keras.models.load_model(sys.argv[1])\n"
        "numpy.save(sys.argv[3], model(numpy.load(sys.argv[2]), training=False))\n"
    )
    answers = tmp_path / "answers.npy"
    arguments = (run / files.QUANTIZATION_AWARE_MODEL, tmp_path / "pictures.npy", answers)
    subprocess.run([sys.executable, "-c", script, *map(str, arguments)], check=True, cwd=ROOT, capture_output=True)
    own = np.asarray(open_keras(run / files.QUANTIZATION_AWARE_MODEL)(pictures, training=False))
    # Another number of threads may add in another order: a step of 1/256 at most.
    assert np.load(answers) == pytest.approx(own, abs=1.01 / 256)


def test_left_to_decide_it_compares_on_the_validation_pictures_and_keeps_what_is_better(root: Path) -> None:
    run = trained(root, "auto", "auto")
    figures = told(run)
    assert (run / files.QUANTIZATION_AWARE_MODEL).exists() is figures["kept"]
    comparisons = figures["comparisons"]
    assert isinstance(comparisons, list)
    validation = json.loads((run / files.DATASET).read_bytes())["splits"]["validation"]["pictures"]
    assert [comparison["pictures"] for comparison in comparisons] == [validation] * 2
    assert figures["kept"] is all(comparison["p_value"] < 0.05 for comparison in comparisons)
    assert str(figures["decision"]).startswith("kept" if figures["kept"] else "not kept")
    assert isinstance(figures["float_control"], float)


def test_other_tasks_are_refused_before_anything_is_read() -> None:
    with pytest.raises(ConfigError):
        overridden(TrainConfig(), CommandLine(task="detect", quantization_aware=True))


def test_the_range_of_the_input_is_that_of_all_channels() -> None:
    from trainer.quantization_aware.training import input_range

    prep = Preprocessing(size_wh=(16, 16), mean=(100.0, 127.5, 0.0), std=(50.0, 127.5, 255.0))
    assert input_range(prep) == pytest.approx((-2.0, 3.1))
