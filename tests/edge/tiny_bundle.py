"""Real bundles around a real, tiny network: it answers `cat` with a chosen confidence, whatever it sees.

softmax(mean colour / 1000 + bias): the picture moves the answer by less than a thousandth, the bias decides it.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from contract.device import Broker, Camera, DeviceConfig, Trust
from contract.digest import digest_of
from contract.manifest import GOLDEN, LABELS, Classify, Golden, Manifest, Member, Preprocessing, TensorSpec
from converters.sealing import sealed
from devices.keys import Signer, development_signer, development_verifier
from edge.bundles import opened_bundle
from edge.golden import pack_golden
from edge.model import load_model
from edge.slot import Slot
from edge.slots import Slots

PROFILE = "generic-x86_64"
CLASSES = ("cat", "dog", "owl")
SIZE = 8
MODEL = "model.onnx"


@cache
def network(confidence: float) -> bytes:
    """An ONNX file: (1, 8, 8, 3) float32 in, (1, 3) float32 out, the first class at `confidence`."""
    import onnx
    from onnx import TensorProto, helper

    bias = [math.log(confidence / ((1.0 - confidence) / 2.0)), 0.0, 0.0]
    constants = [
        helper.make_tensor("axes", TensorProto.INT64, [2], [1, 2]),
        helper.make_tensor("small", TensorProto.FLOAT, [1], [0.001]),
        helper.make_tensor("bias", TensorProto.FLOAT, [3], bias),
    ]
    nodes = [
        helper.make_node("ReduceMean", ["pixels", "axes"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "small"], ["scaled"]),
        helper.make_node("Add", ["scaled", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"], axis=1),
    ]
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, SIZE, SIZE, 3])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 3])
    graph = helper.make_graph(nodes, "tiny", [pixels], [scores], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def tiny_manifest(
    version: int, profile: str, members: dict[str, bytes], security: tuple[int, int] = (0, 0)
) -> Manifest:
    """What such a bundle promises; `members` are listed in their order, `security` is its level and its floor."""
    return Manifest(
        name="tiny",
        version=version,
        task="classify",
        profile=profile,
        format="onnx",
        model=MODEL,
        inputs=(TensorSpec(name="pixels", shape=(1, SIZE, SIZE, 3), dtype="float32"),),
        preprocessing=Preprocessing(size_wh=(SIZE, SIZE)),
        outputs=(TensorSpec(name="scores", shape=(1, 3), dtype="float32"),),
        decoding=Classify(scores="scores"),
        labels=CLASSES,
        golden=Golden(frames=2, tolerance=0.01) if GOLDEN in members else None,
        security_level=security[0],
        security_floor=security[1],
        members=tuple(Member(name=n, sha256=digest_of(d), size_bytes=len(d)) for n, d in members.items()),
    )


def write_bundle(
    folder: Path,
    version: int,
    *,
    confidence: float = 0.9,
    golden: Literal["right", "wrong", "none"] = "right",
    profile: str = PROFILE,
    signer: Signer | None = None,
    security: tuple[int, int] = (0, 0),
) -> Path:
    """`tiny@VERSION` as a file in `folder`, by default signed with the development key."""
    key = signer or development_signer()
    members = {MODEL: network(confidence), LABELS: "\n".join(CLASSES).encode()}
    if golden != "none":
        members[GOLDEN] = golden_frames(network(confidence if golden == "right" else 0.5))
    manifest = tiny_manifest(version, profile, members, security)
    path = folder / manifest.file_name
    path.write_bytes(sealed(manifest, members, key))
    return path


def golden_frames(model: bytes) -> bytes:
    """Two frames and what `model` says about them."""
    frames = np.stack([np.full((SIZE, SIZE, 3), value, np.uint8) for value in (10, 200)])
    loaded = load_model(tiny_manifest(1, PROFILE, {MODEL: model}), "sha256:" + "0" * 64, model)
    answers = np.concatenate([loaded.outputs_for(frame)["scores"] for frame in frames])
    loaded.close()
    return pack_golden(frames, {"scores": answers})


def device_config(state: Path, source: str = "synthetic:", **settings: Any) -> DeviceConfig:
    """Of a device that serves such a bundle and reaches no broker."""
    return DeviceConfig(
        fleet="test",
        device="cam-1",
        profile=PROFILE,
        state_dir=str(state),
        broker=Broker(url="mqtt://127.0.0.1:1"),
        trust=Trust(),
        camera=Camera(source=source),
        **settings,
    )


def install(slots: Slots, bundle: Path) -> Slot:
    """The slot of a bundle signed with the development key."""
    with opened_bundle(bundle, development_verifier()) as opened:
        return slots.install(opened)
