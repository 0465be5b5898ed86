"""What a network looked at, where that is known because the network was made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edge.opencv import cv2
from tests.trainer.evaluated import scored
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.settings import InputSettings

pytestmark = WITH_TENSORFLOW
PREP = InputSettings(size_wh=(24, 24), colour="grey", mean=(0.0,), std=(255.0,))


def test_the_glow_is_where_the_evidence_is() -> None:
    import keras

    from trainer.measurement.saliency import saliency

    inputs = keras.Input((24, 24, 1))
    features = keras.layers.Conv2D(1, 3, padding="same", use_bias=False, name="look")(inputs)
    logits = keras.layers.Dense(2, use_bias=False, name="logits")(keras.layers.GlobalAveragePooling2D()(features))
    model = keras.Model(inputs, keras.layers.Softmax()(logits))
    model.get_layer("look").set_weights([np.full((3, 3, 1, 1), 1.0, np.float32)])
    model.get_layer("logits").set_weights([np.array([[1.0, -1.0]], np.float32)])
    frames = np.zeros((2, 24, 24, 1), np.uint8)
    frames[0, 4:8, 15:20] = 255
    frames[1, 4:8, 15:20] = 255
    heat = saliency(model, frames, np.array([0, 1]), PREP)
    assert heat is not None
    assert heat.shape == (2, 24, 24)
    y, x = np.unravel_index(heat[0].argmax(), (24, 24))
    assert (4 <= y < 8, 15 <= x < 20) == (True, True)
    assert heat[0].max() == pytest.approx(1.0)
    assert heat[0, 15:].max() == 0.0
    assert heat[1].max() == 0.0  # brightness speaks against the other class: nothing spoke for it


def test_a_network_without_a_feature_map_has_no_picture_of_it() -> None:
    import keras

    from trainer.measurement.saliency import saliency

    inputs = keras.Input((24, 24, 1))
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(inputs)))
    assert saliency(model, np.zeros((1, 24, 24, 1), np.uint8), np.array([0]), PREP) is None


def test_an_overlay_is_the_picture_where_nothing_glows() -> None:
    from trainer.measurement.saliency import overlaid

    frame = np.full((24, 24, 3), 90, np.uint8)
    heat = np.zeros((24, 24), np.float32)
    heat[:6, :6] = 1.0
    shown = cv2.imdecode(np.frombuffer(overlaid(frame, heat), np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert shown.shape == (96, 96, 3)
    assert (shown[60, 60] == 90).all()
    assert shown[4, 4, 2] > shown[4, 4, 0]  # red where it glows most


def test_right_answers_are_the_surest_of_each_class() -> None:
    from trainer.measurement.saliency import surest_right

    test = scored(60)
    shown = surest_right(test.pictures, test.scores, ("cat", "dog", "owl"), colour="grey")
    assert [one.truth for one in shown] == ["cat", "dog", "owl"]
    assert all(one.truth == one.answer for one in shown)
