"""The other side of `converters`: the two converter calls and nothing else, as `python -m … RUN`."""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tf2onnx


def convert_bare(run: Path) -> None:
    """What somebody writes who only wants the two files: full-int8 TFLite and float ONNX of the run's model."""
    model = keras.models.load_model(run / "model.keras", compile=False)
    with np.load(run / "calibration.npz") as stored:
        pictures = stored["frames"].astype(np.float32) / 255
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([picture[np.newaxis]] for picture in pictures)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    converter.convert()
    signature = (tf.TensorSpec((1, *pictures.shape[1:]), tf.float32, name="image"),)
    tf2onnx.convert.from_keras(model, input_signature=signature, opset=17)


if __name__ == "__main__":
    convert_bare(Path(sys.argv[1]))
