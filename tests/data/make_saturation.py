"""Makes `tests/data/saturation.npz`: two QDQ models, and what onnxruntime's own kernels answer on a Haswell.

By hand, in two steps; the file is committed, because few machines that run the tests are without VNNI:

    python -m tests.data.make_saturation models
    qemu-x86_64 -cpu Haswell $(readlink -f .venv/bin/python) -m tests.data.make_saturation answers

with qemu-user 10 (`scripts/arm` says where it comes from) and PYTHONPATH naming the environment's packages. Weights are
random: plain, depthwise, grouped and 1x1 convolutions and a dense layer, with unsigned and with signed activations.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).parent / "saturation.npz"
KINDS = ("unsigned", "signed")


def pictures() -> list[dict[str, np.ndarray[Any, np.dtype[np.float32]]]]:
    """What both are asked about."""
    random = np.random.default_rng(0)
    return [{"x": random.integers(0, 256, (1, 3, 16, 16)).astype(np.float32) / 255} for _ in range(8)]


def models() -> None:
    """The files, without answers yet."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        np.savez(FILE, **{f"{kind}.model": _bytes(_quantised(Path(folder), kind == "signed")) for kind in KINDS})


def answers() -> None:
    """Adds what this machine's kernels say; run it on the Haswell."""
    import onnxruntime

    with np.load(FILE) as archive:
        found = {name: archive[name] for name in archive.files}
    for kind in KINDS:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(found[f"{kind}.model"].tobytes(), options, ["CPUExecutionProvider"])
        found[f"{kind}.answers"] = np.concatenate([session.run(None, picture)[0] for picture in pictures()])
    np.savez(FILE, **found)


def float_model() -> Any:
    """The network before quantisation: (1, 3, 16, 16) to (1, 5)."""
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(1)
    nodes, constants = [], []

    def layer(operator: str, weights: tuple[int, ...], source: str, output: str, **attributes: Any) -> None:
        values = random.normal(0, 1.5 / np.sqrt(np.prod(weights[1:])), weights)
        bias = np.zeros(weights[0])
        for name, array in ((f"{output}.w", values), (f"{output}.b", bias)):
            constants.append(numpy_helper.from_array(array.astype(np.float32), name))
        nodes.append(helper.make_node(operator, [source, f"{output}.w", f"{output}.b"], [output], **attributes))

    layer("Conv", (16, 3, 3, 3), "x", "a", strides=[2, 2], pads=[0, 0, 1, 1])
    nodes.append(helper.make_node("Relu", ["a"], ["a6"]))
    layer("Conv", (16, 1, 3, 3), "a6", "d", group=16, pads=[1, 1, 1, 1])
    nodes.append(helper.make_node("Relu", ["d"], ["d6"]))
    layer("Conv", (16, 8, 3, 3), "d6", "g", group=2, pads=[2, 2, 2, 2], dilations=[2, 2])
    nodes.append(helper.make_node("Relu", ["g"], ["g6"]))
    layer("Conv", (24, 16, 1, 1), "g6", "p")
    nodes.append(helper.make_node("Flatten", ["p"], ["f"]))
    layer("Gemm", (5, 24 * 64), "f", "y", transB=1)
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", [1, 3, 16, 16]), ("y", [1, 5]))
    ]
    graph = helper.make_graph(nodes, "saturating", ends[:1], ends[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _quantised(folder: Path, signed: bool) -> bytes:
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._pictures: Iterator[Any] = iter(pictures())

        def get_next(self) -> Any:
            return next(self._pictures, None)

    onnx.save(float_model(), folder / "float.onnx")
    kind = QuantType.QInt8 if signed else QuantType.QUInt8
    out = folder / "int8.onnx"
    quantize_static(
        folder / "float.onnx",
        out,
        Reader(),
        quant_format=QuantFormat.QDQ,
        activation_type=kind,
        weight_type=QuantType.QInt8,
        per_channel=True,
    )
    return out.read_bytes()


def _bytes(data: bytes) -> Any:
    return np.frombuffer(data, np.uint8)


if __name__ == "__main__":
    {"models": models, "answers": answers}[sys.argv[1]]()
