"""The file of a clone: int8 throughout without calibration, and the same answers."""

from __future__ import annotations

import numpy as np
import pytest

from contract.manifest import Preprocessing
from converters.tflite_audit import audit
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW

pytestmark = WITH_TENSORFLOW


def test_a_classifier_becomes_a_full_int8_file_that_answers_as_its_clone() -> None:
    from tests.trainer.quantization_aware.small_networks import classifier, pictures_for
    from trainer.quantization_aware.cloning import quantised_clone
    from trainer.quantization_aware.fake_quant import observing
    from trainer.quantization_aware.int8_file import file_scores, int8_file

    model = classifier()
    pictures = pictures_for(model, 200)
    clone = quantised_clone(model, input_range=(0.0, 1.0))
    with observing(clone):
        clone(pictures)
    file = int8_file(clone)
    audit(file, where="clone")  # every tensor int8, or int32 where biases are; no operator of another kind
    frames = np.rint(pictures * 255).astype(np.uint8)
    scores = file_scores(file, frames, Preprocessing(size_wh=(16, 16), colour="grey", mean=(0.0,), std=(255.0,)))
    own = np.asarray(clone(pictures, training=False))
    assert np.mean(scores.argmax(axis=1) == own.argmax(axis=1)) >= 0.99  # measured: 1.0
    assert np.abs(scores - own).max() <= 4 / 256


def test_a_detector_becomes_a_full_int8_file_with_scores_on_their_own_scale() -> None:
    from ai_edge_litert.interpreter import Interpreter

    from tests.trainer.quantization_aware.small_networks import detector, pictures_for
    from trainer.quantization_aware.cloning import quantised_clone
    from trainer.quantization_aware.fake_quant import observing
    from trainer.quantization_aware.int8_file import int8_file

    model = detector()
    pictures = pictures_for(model, 4)
    clone = quantised_clone(model, input_range=(0.0, 1.0))
    with observing(clone):
        clone(pictures)
    file = int8_file(clone)
    audit(file, where="clone")
    interpreter = Interpreter(model_content=file)
    interpreter.allocate_tensors()
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()
    assert taken["quantization"] == (pytest.approx(1 / 255), -128)
    assert [list(output["shape"]) for output in given] == [[1, 320, 4], [1, 320, 3]]
    assert given[1]["quantization"] == (1 / 256, -128)
    wanted = clone(pictures, training=False)
    for picture, boxes, scores in zip(pictures, *map(np.asarray, wanted), strict=True):
        interpreter.set_tensor(taken["index"], np.rint(picture * 255 - 128).astype(np.int8)[None])
        interpreter.invoke()
        for output, own in zip(given, (boxes, scores), strict=True):
            scale, zero = output["quantization"]
            found = (interpreter.get_tensor(output["index"])[0].astype(np.float32) - zero) * scale
            assert np.abs(found - own).max() <= 4 * scale  # rounding at single steps, carried through the layers
            assert np.abs(found - own).mean() <= 0.5 * scale


def test_calibration_makes_a_full_int8_file_of_the_float_network() -> None:
    from tests.trainer.quantization_aware.small_networks import classifier, pictures_for
    from trainer.quantization_aware.int8_file import calibrated_int8_file

    model = classifier()
    audit(calibrated_int8_file(model, pictures_for(model, 20)), where="calibrated")
