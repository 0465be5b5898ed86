"""On one device or two, in 32 or 16 bits: what is decided, what is refused, and that the model stays float32."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import msgspec
import numpy as np
import pytest

from contract.errors import ConfigError
from tests.trainer.drawn_pictures import draw
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.settings import Augmentation, InputSettings, NetworkSettings, Resolved, Suggestion, TrainConfig, resolve

pytestmark = WITH_TENSORFLOW


def settings(**training: Any) -> Resolved:
    suggestion = Suggestion(preprocessing=InputSettings(size_wh=(16, 16)), augmentation=Augmentation())
    resolved = resolve(TrainConfig(), name="x", suggestion=suggestion, train_pictures=40)
    return msgspec.structs.replace(resolved, training=msgspec.structs.replace(resolved.training, **training))


def test_a_processor_alone_means_one_device_and_32_bits() -> None:
    import tensorflow as tf

    from trainer.learning.hardware import settled

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has a GPU")
    training = settled(settings()).training
    assert (training.devices, training.precision) == (1, "float32")


def test_more_devices_than_there_are_is_refused() -> None:
    from trainer.learning.hardware import settled

    with pytest.raises(ConfigError, match="64 devices were asked for"):
        settled(settings(devices=64))


def test_in_16_bits_a_copy_computes_and_its_weights_stay_float32() -> None:
    from trainer.architecture.networks import build_classifier
    from trainer.learning.hardware import settled, twin

    half = settled(settings(precision="mixed_float16"))
    model = build_classifier(half.preprocessing, 3, NetworkSettings(width=0.5))
    copy = twin(model, half.training)
    kinds = {layer.name: layer.compute_dtype for layer in copy.layers}
    assert kinds["stem_conv"] == kinds["logits"] == "float16"
    assert kinds["scores"] == "float32"
    assert {weight.dtype for weight in copy.weights} == {"float32"}
    frames = np.random.default_rng(0).normal(size=(4, 16, 16, 3)).astype(np.float32)
    assert np.asarray(copy(frames)) == pytest.approx(np.asarray(model(frames)), abs=5e-3)
    assert twin(model, settled(settings(precision="float32")).training) is model


def test_a_model_that_trains_in_a_way_of_its_own_is_not_copied() -> None:
    import keras

    from trainer.learning.hardware import settled, twin

    class Pupil(keras.Model):  # type: ignore[misc]
        """Like one with a teacher."""

    pictures = keras.Input((4,))
    pupil = Pupil(pictures, keras.layers.Dense(2)(pictures))
    assert twin(pupil, settled(settings(precision="float32")).training) is pupil
    with pytest.raises(ConfigError, match="a Pupil is trained on one device"):
        twin(pupil, settled(settings(precision="mixed_float16")).training)


@pytest.fixture(scope="module")
def two_devices(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `two_devices.py` saw in a process that takes this machine for two devices."""
    root = tmp_path_factory.mktemp("two")
    draw(root / "pictures", {"cat": 60, "dog": 60})
    command = [sys.executable, "-m", "tests.trainer.two_devices", str(root / "pictures"), str(root / "checkpoint")]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    )
    return dict(json.loads(done.stdout))


def test_two_devices_show_as_many_pictures_and_learn_as_one_does(two_devices: dict[str, Any]) -> None:
    one, two = two_devices["one"], two_devices["two"]
    assert one["pictures"] == two["pictures"] == 2 * 80  # 120 pictures: 24 for testing, 10 watched, 86 in batches of 8
    # The same pictures in the same batches; batch statistics are of half a batch each, so losses differ a little.
    assert two["loss"] == pytest.approx(one["loss"], rel=0.35)
    assert one["weights"] != two["weights"]


def test_a_training_on_two_devices_is_resumed_to_the_same_weights(two_devices: dict[str, Any]) -> None:
    assert two_devices["resumed"] == two_devices["two"]


def test_three_of_two_devices_are_refused(two_devices: dict[str, Any]) -> None:
    assert two_devices["refused"] == "3 devices were asked for, and TensorFlow sees 2"
