"""Makes the tiny models in `tests/data/models`: `python -m tests.data.make_models`, by hand; the files are committed.

They are not trained but set: each tells three colours apart, because its three scores are the mean red, green and blue
of the picture. So a test knows the right answer by heart, and a swapped channel or a wrong layout shows at once.

| file               | input                         | output                        |
|--------------------|-------------------------------|-------------------------------|
| colours_uint8      | uint8 (1, 16, 24, 3)          | uint8 (1, 3), softmax         |
| colours_int8       | int8 (1, 16, 24, 3)           | int8 (1, 3), softmax          |
| colours_float      | float32 (1, 16, 24, 3) 0..1   | float32 (1, 3), softmax       |
| colours_nchw.onnx  | float32 (batch, 3, 16, 24)    | float32 (batch, 3), logits    |
| recurrent.onnx     | the same, and a state (1, 3)  | sums of all frames' means, and the same as next state |

`edgeferry doctor` tries the libraries with `devices/doctor/models`: colours_int8.tflite again, and a convolution of
ones for onnxruntime, whose answer to a picture of ones is 9.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / "models"
RECURRENT = Path(__file__).parent / "recurrent.onnx"
"""Beside the others, as it does not tell one frame's colour."""
PROBES = Path(__file__).parent.parent.parent / "devices" / "doctor" / "models"
HEIGHT, WIDTH = 16, 24
SHARPNESS = 8.0
"""Turns a difference of means of 1.0 into a clear softmax."""


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(exist_ok=True)
    model = _colours()
    (FOLDER / "colours_float.tflite").write_bytes(_converted(model, None))
    (FOLDER / "colours_uint8.tflite").write_bytes(_converted(model, "uint8"))
    (FOLDER / "colours_int8.tflite").write_bytes(_converted(model, "int8"))
    (FOLDER / "colours_nchw.onnx").write_bytes(_onnx())
    RECURRENT.write_bytes(_recurrent_onnx())
    (PROBES / "probe.tflite").write_bytes((FOLDER / "colours_int8.tflite").read_bytes())
    (PROBES / "probe.onnx").write_bytes(_convolution_onnx())


def _colours():  # type: ignore[no-untyped-def]
    import keras

    picture = keras.Input((HEIGHT, WIDTH, 3), batch_size=1)
    means = keras.layers.GlobalAveragePooling2D()(picture)
    dense = keras.layers.Dense(3, activation="softmax")
    model = keras.Model(picture, dense(means))
    dense.set_weights([SHARPNESS * np.eye(3, dtype=np.float32), np.zeros(3, np.float32)])
    return model


def _converted(model, dtype: str | None) -> bytes:  # type: ignore[no-untyped-def]
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if dtype is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = _examples
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = getattr(tf, dtype)
    return bytes(converter.convert())


def _examples():  # type: ignore[no-untyped-def]
    random = np.random.default_rng(0)
    yield [np.zeros((1, HEIGHT, WIDTH, 3), np.float32)]
    yield [np.ones((1, HEIGHT, WIDTH, 3), np.float32)]
    for _ in range(30):
        yield [np.broadcast_to(random.random((1, 1, 1, 3), np.float32), (1, HEIGHT, WIDTH, 3)).copy()]


def _onnx() -> bytes:
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("ReduceMean", ["picture"], ["means"], axes=[2, 3], keepdims=0),
        helper.make_node("Mul", ["means", "sharpness"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["batch", 3, HEIGHT, WIDTH])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])],
        [helper.make_tensor("sharpness", TensorProto.FLOAT, [1], [SHARPNESS])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _convolution_onnx() -> bytes:
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Conv", ["picture", "ones"], ["sums"]),
        helper.make_node("GlobalAveragePool", ["sums"], ["answer"]),
    ]
    graph = helper.make_graph(
        nodes,
        "probe",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 1, 8, 8])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, [1, 1, 1, 1])],
        [helper.make_tensor("ones", TensorProto.FLOAT, [1, 1, 3, 3], [1.0] * 9)],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
    return bytes(model.SerializeToString())


def _recurrent_onnx() -> bytes:
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("ReduceMean", ["picture"], ["means"], axes=[2, 3], keepdims=0),
        helper.make_node("Add", ["means", "before"], ["sums"]),
        helper.make_node("Identity", ["sums"], ["after"]),
    ]
    state = [1, 3]
    graph = helper.make_graph(
        nodes,
        "recurrent",
        # The state comes first, so that nobody takes the first input for the picture.
        [
            helper.make_tensor_value_info("before", TensorProto.FLOAT, state),
            helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, HEIGHT, WIDTH]),
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, state) for name in ("sums", "after")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


if __name__ == "__main__":
    main()
