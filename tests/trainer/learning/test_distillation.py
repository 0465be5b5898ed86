"""A teacher's scores as targets: by hand, in a training, and refused where they say nothing about these pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from contract.errors import ConfigError, ModelError
from tests.trainer.drawn_pictures import draw
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.data.digits import SUGGESTION
from trainer.progress import Silent
from trainer.settings import InputSettings, NetworkSettings, Resolved, TrainConfig, TrainingSettings, resolve
from trainer.training import train

pytestmark = WITH_TENSORFLOW
SMALL, LARGE = InputSettings(size_wh=(16, 16)), InputSettings(size_wh=(24, 24), mean=(127.5,), std=(127.5,))
LABELS = ("cat", "dog")


def config(prep: InputSettings, **training: Any) -> TrainConfig:
    return TrainConfig(
        seed=4, preprocessing=prep, network=NetworkSettings(width=0.5), training=TrainingSettings(**training)
    )


def resolved(prep: InputSettings, **training: Any) -> Resolved:
    return resolve(config(prep, **training), name="pupil", suggestion=SUGGESTION, train_pictures=48)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, and a teacher that has seen them larger and with other real values."""
    folder = tmp_path_factory.mktemp("school")
    draw(folder / "pictures", {"cat": 30, "dog": 30})
    train(str(folder / "pictures"), folder / "teacher", config(LARGE, epochs=2), force=False, progress=Silent())
    return folder


def network() -> Any:
    from trainer.architecture.networks import build_classifier

    return build_classifier(SMALL, 2, NetworkSettings(width=0.5))


def test_without_a_teacher_the_network_trains_as_it_is() -> None:
    from trainer.learning.distillation import taught

    model = network()
    assert taught(model, LABELS, resolved(SMALL)) is model


def test_scores_are_softened_as_their_logits_would_be() -> None:
    from trainer.learning.distillation import softened

    scores = np.array([[0.8, 0.2], [1.0, 0.0]], np.float32)
    soft = np.asarray(softened(scores, 2.0))
    assert soft[0] == pytest.approx([2 / 3, 1 / 3])  # the square roots of 4 to 1
    assert soft.sum(axis=1) == pytest.approx([1, 1])
    assert np.asarray(softened(scores, 1.0))[0] == pytest.approx(scores[0])


def test_the_loss_is_hintons() -> None:
    import keras

    from trainer.learning.distillation import Pupil

    model = network()
    pupil = Pupil(model.input, model.output)
    pupil.compile(loss=keras.losses.CategoricalCrossentropy())
    wanted = np.array([[0.9, 0.1], [0.4, 0.6]])
    pupil.learn_from(lambda _: np.float32(wanted), temperature=2.0, weight=0.25)
    truth, given = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32), np.array([[0.7, 0.3], [0.5, 0.5]], np.float32)
    weights = np.array([1.0, 3.0], np.float32)
    hard = -np.log([0.7, 0.5])
    soft_wanted, soft_given = (np.sqrt(s) / np.sqrt(s).sum(axis=1, keepdims=True) for s in (wanted, given))
    soft = 4 * np.sum(soft_wanted * np.log(soft_wanted / soft_given), axis=1)
    loss = pupil.compute_loss(x=None, y=truth, y_pred=given, sample_weight=weights)
    assert float(loss) == pytest.approx(np.mean(weights * (0.75 * hard + 0.25 * soft)), rel=1e-5)
    still = pupil.compute_loss(x=None, y=truth, y_pred=given, sample_weight=weights, training=False)
    assert float(still) == pytest.approx(np.mean(weights * hard), rel=1e-5)


def test_a_pupil_shares_the_networks_weights_and_holds_none_of_the_teachers(root: Path) -> None:
    from trainer.learning.distillation import taught

    model = network()
    pupil = taught(model, LABELS, resolved(SMALL, teacher=str(root / "teacher")))
    assert pupil is not model
    assert [weight.path for weight in pupil.weights] == [weight.path for weight in model.weights]
    assert pupil.weights[0] is model.weights[0]


def test_taught_by_scores_alone_a_network_trains_and_only_it_is_saved(root: Path) -> None:
    import keras

    from trainer.learning.inference import open_keras

    lessons = {"teacher": str(root / "teacher"), "teacher_weight": 1.0, "epochs": 2}
    run = root / "pupil"
    train(str(root / "pictures"), run, config(SMALL, **lessons), force=False, progress=Silent())
    assert type(open_keras(run / "model.keras")) is type(keras.Model(model := keras.Input((1,)), model))
    assert 'teacher = "' in (run / "train.toml").read_text()


@pytest.mark.parametrize(
    ("labels", "prep", "said"),
    [
        (("cat", "cow"), SMALL, "its labels are cat, dog; those of these pictures are cat, cow"),
        (LABELS, replace(SMALL, colour="grey"), "its colour is 'rgb', this training's is 'grey'"),
        (LABELS, replace(SMALL, resize="crop"), "its resize is"),
        (LABELS, replace(SMALL, size_wh=(32, 16)), "24x24, of another shape than 32x16"),
    ],
)
def test_a_teacher_of_something_else_is_refused(
    root: Path, labels: tuple[str, ...], prep: InputSettings, said: str
) -> None:
    from trainer.learning.distillation import taught

    with pytest.raises(ConfigError, match=said):
        taught(network(), labels, resolved(prep, teacher=str(root / "teacher")))


def test_a_folder_that_is_no_run_cannot_teach(tmp_path: Path) -> None:
    from trainer.learning.distillation import taught

    with pytest.raises(ModelError, match="not a run folder"):
        taught(network(), LABELS, resolved(SMALL, teacher=str(tmp_path)))
