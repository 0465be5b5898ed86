"""Bundles with models that run, for `tests/data/make_bundles.py`: one a layout that a manifest can describe.

The models are those of `tests/data/models`, whose answers are known by heart, and a detector that finds the colour of a
picture in its middle.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from contract.decoding import Estimate
from contract.digest import digest_of
from contract.manifest import (
    GOLDEN,
    DetectCorners,
    Evidence,
    Golden,
    GoldenDecoded,
    Manifest,
    Preprocessing,
    Regress,
    StageEvidence,
    State,
)
from converters.delta import make_delta
from converters.sealing import sealed
from converters.signing import sign_bundle
from devices.keys import Signer, development_signer, key_id
from edge.backends import open_backend
from edge.model import load_model
from tests.data.make_models import RECURRENT
from tests.edge.colours import LABELS, SIZE_WH, bundle_bytes, golden_of

PUBLISHERS = (b"the first publisher of old times", b"another publisher of those times")
"""Seeds of two keys that signed a kept bundle."""


def publisher(seed: bytes) -> Signer:
    """The key made of 32 known bytes."""
    key = Ed25519PrivateKey.from_private_bytes(seed)
    return Signer(key_id(key.public_key()), key.sign)


def tflite() -> bytes:
    """Quantised, with a security level and a floor."""
    return bundle_bytes("colours_uint8.tflite", security_level=3, security_floor=2)


def tflite_with_stages() -> bytes:
    """Of int8, with its recipe and the evidence of each stage."""
    stages = (
        StageEvidence(stage="float", ran_on="ai-edge-litert 2.1.0", correlation=1.0, agreement=1.0),
        StageEvidence(stage="emulated", sqnr_db=34.5, agreement=0.99, metric=0.98, low=0.96, high=0.991),
    )
    evidence = Evidence(pictures=300, source=0.99, artifact=0.98, agreement=0.99, low=0.96, high=0.991, stages=stages)
    return bundle_bytes("colours_int8.tflite", version=2, recipe="tflite-int8", evidence=evidence)


def onnx() -> bytes:
    """In floating point, channels first, the softmax left to the device."""
    return bundle_bytes("colours_nchw.onnx")


def two_publishers() -> bytes:
    """Signed by two keys, neither of them the development key."""
    first, second = map(publisher, PUBLISHERS)
    with TemporaryDirectory() as scratch:
        once, twice = Path(scratch, "once"), Path(scratch, "twice")
        once.write_bytes(bundle_bytes("colours_float.tflite", signer=first))
        sign_bundle(once, second, twice)
        return twice.read_bytes()


def recurrent() -> bytes:
    """With a state: its value is how much red it has seen since its source began."""
    model = RECURRENT.read_bytes()
    backend = open_backend("onnx", model)
    return _sealed(
        Manifest(
            name="recurrent",
            version=1,
            task="regress",
            profile="generic-x86_64",
            format="onnx",
            model="model.onnx",
            inputs=backend.inputs,
            outputs=backend.outputs,
            preprocessing=Preprocessing(size_wh=SIZE_WH, layout="nchw"),
            decoding=Regress(values=(Estimate(name="red", output="sums"),)),
            states=(State(input="before", output="after"),),
            golden=Golden(frames=len(LABELS), tolerance=0.02, top1=False),
        ),
        model,
    )


def detector() -> bytes:
    """With golden frames judged by what they decode to, and a tolerance by output."""
    model = _detector()
    backend = open_backend("onnx", model)
    allowed = {"boxes": 0.01, "scores": 0.02}
    return _sealed(
        Manifest(
            name="middle",
            version=1,
            task="detect",
            profile="generic-x86_64",
            format="onnx",
            model="model.onnx",
            inputs=backend.inputs,
            outputs=backend.outputs,
            preprocessing=Preprocessing(size_wh=SIZE_WH, layout="nchw"),
            decoding=DetectCorners(boxes="boxes", scores="scores", score_threshold=0.5),
            labels=LABELS,
            golden=Golden(
                frames=len(LABELS), tolerance=0.02, tolerances=allowed, decoded=GoldenDecoded(score=0.05, min_iou=0.8)
            ),
        ),
        model,
    )


def delta() -> bytes:
    """From the bundle of `tflite` to that of `tflite_with_stages`."""
    with TemporaryDirectory() as scratch:
        old, new, out = (Path(scratch, name) for name in ("old", "new", "out"))
        old.write_bytes(tflite())
        new.write_bytes(tflite_with_stages())
        make_delta(old, new, out)
        return out.read_bytes()


def _sealed(manifest: Manifest, model: bytes) -> bytes:
    """With golden frames that are the model's own answers, which need no golden frames to be given."""
    loaded = load_model(replace(manifest, golden=None), digest_of(model), model)
    return sealed(manifest, {manifest.model: model, GOLDEN: golden_of(loaded)}, development_signer())


def _detector() -> bytes:
    """Scores (1, 1, 3) are the mean red, green and blue; the box (1, 1, 4) is the middle of the picture."""
    from onnx import TensorProto, helper

    height, width = SIZE_WH[1], SIZE_WH[0]
    middle = np.array([[[0.25, 0.25, 0.75, 0.75]]], np.float32)
    constants = [
        helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3]),
        helper.make_tensor("flat", TensorProto.INT64, [3], [1, 1, 3]),
        helper.make_tensor("nothing", TensorProto.FLOAT, [1, 1, 1], [0.0]),
        helper.make_tensor("middle", TensorProto.FLOAT, [1, 1, 4], middle.ravel().tolist()),
    ]
    nodes = [
        helper.make_node("ReduceMean", ["pixels", "axes"], ["means"], keepdims=0),
        helper.make_node("Reshape", ["means", "flat"], ["scores"]),
        helper.make_node("ReduceMax", ["scores"], ["most"], keepdims=1),
        helper.make_node("Mul", ["most", "nothing"], ["zero"]),
        helper.make_node("Add", ["middle", "zero"], ["boxes"]),
    ]
    tensors = {"pixels": [1, 3, height, width], "boxes": [1, 1, 4], "scores": [1, 1, 3]}
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in tensors.items()]
    graph = helper.make_graph(nodes, "middle", infos[:1], infos[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    data: bytes = model.SerializeToString()
    return data
