"""MobileNetV2 for every target, as `python -m … ours|bare FOLDER`: through the steps of this project, or by hand.

By hand is one process with the converters' own calls, as somebody writes it who wants the four files and nothing else.
The network lies in FOLDER/model.keras; both leave float32 and int8 of TFLite and ONNX.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from converters.recipe import Recipe
from scripts.benchmarks._zoo_member import source_of
from scripts.benchmarks._zoo_members import pictures

MEMBER, SIZE = "MobileNetV2", 224
CALIBRATION = 64
RECIPES: tuple[Recipe, ...] = ("tflite-float32", "tflite-int8", "onnx-float32", "onnx-int8")


def ours(folder: Path) -> None:
    """Four artifacts, audited; prints the largest process in MiB."""
    from converters.jobs import largest_mib
    from converters.make import make

    make(source_of(MEMBER, SIZE, folder, calibration=CALIBRATION), RECIPES, folder, say=lambda _: None)
    sys.stdout.write(f"{largest_mib(folder)}\n")


def bare(folder: Path) -> None:
    """The same four files."""
    import keras
    import tensorflow as tf
    import tf2onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    model = keras.models.load_model(folder / "model.keras", compile=False)
    feeds = (pictures(CALIBRATION, SIZE, 2).astype(np.float32) - 127.5) / 127.5
    (folder / "float.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([each[np.newaxis]] for each in feeds)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    (folder / "int8.tflite").write_bytes(converter.convert())
    signature = (tf.TensorSpec((1, SIZE, SIZE, 3), tf.float32, name="image"),)
    tf2onnx.convert.from_keras(model, signature, opset=17, output_path=str(folder / "float.onnx"))

    remaining = iter(feeds)

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, object] | None:
            each = next(remaining, None)
            return None if each is None else {"image": each[np.newaxis]}

    quant_pre_process(str(folder / "float.onnx"), str(folder / "prepared.onnx"), skip_symbolic_shape=True)
    written = str(folder / "int8.onnx")
    quantize_static(str(folder / "prepared.onnx"), written, Reader(), quant_format=QuantFormat.QDQ, per_channel=True)


if __name__ == "__main__":
    {"ours": ours, "bare": bare}[sys.argv[1]](Path(sys.argv[2]))
