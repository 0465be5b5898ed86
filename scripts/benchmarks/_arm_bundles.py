"""The shared photographs, and shared models that know what is on them as bundles signed with the development key."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from msgspec.structs import replace

from contract.manifest import GOLDEN, LABELS, Golden, Manifest
from converters.int8_twin import nearest_int8
from converters.known_answers import choose, tolerance
from converters.onnx_constants import unshare
from converters.sealing import sealed
from devices.keys import development_signer
from edge.golden import pack_golden
from edge.pictures import read_picture
from edge.preprocess import fit
from edge.quantisation import dequantise
from scripts.benchmarks._known_models import known_model

_LEGACY, _ONNX = "models/tflite/mobilenet_v2_1.0_224_quant.tflite", "models/onnx/mobilenet_v2_qdq_int8.onnx"
KINDS = ("tflite_int8", "onnx_int8", "tflite_uint8")
"""MobileNet v2 each time: the nearest int8 model to TensorFlow 1's, an ONNX model, and TensorFlow 1's as it came."""
_FORMATS = (".jpg", ".png", ".bmp")
_DIGIT = "mnist_nine"


def photographs(data: Path) -> list[Path]:
    """All of real things, in their names' order."""
    files = sorted((data / "images").iterdir())
    return [file for file in files if file.suffix in _FORMATS and file.stem != _DIGIT]


def write_bundle(data: Path, kind: str, folder: Path) -> Path:
    """A shared model as a bundle for an rpi4; golden frames and their tolerance are chosen as `convert` does."""
    source = _model(data, kind, folder)
    loaded = known_model(data, str(source))
    draft, output = loaded.manifest, loaded.manifest.outputs[0]
    frames = np.array([fit(read_picture(file), draft.preprocessing).copy() for file in photographs(data)])
    raw = np.concatenate([loaded.outputs_for(frame)[output.name] for frame in frames])
    loaded.close()
    scores = dequantise(raw, output)
    allowed = tolerance(output, scores)
    chosen = choose(scores.argmax(axis=1), scores, allowed)
    members = {
        f"model{source.suffix}": source.read_bytes(),
        LABELS: "".join(f"{label}\n" for label in draft.labels).encode(),
        GOLDEN: pack_golden(frames[chosen], {output.name: raw[chosen]}),
    }
    promised = replace(draft, name=kind, golden=Golden(frames=len(chosen), tolerance=allowed))
    return _sealed(promised, members, folder)


def _model(data: Path, kind: str, folder: Path) -> Path:
    """Its file; what `convert` changes is changed in `folder`, under the name its makers' settings are known by."""
    source = data / (_ONNX if kind == "onnx_int8" else _LEGACY)
    if kind == "tflite_uint8":
        return source
    made = folder / source.name
    made.write_bytes(_exact(source) if kind == "onnx_int8" else nearest_int8(source.read_bytes(), where=_LEGACY).model)
    return made


def _exact(source: Path) -> bytes:
    """The ONNX model as a bundle has it: with exact 8-bit sums on x86 without VNNI as well, so that Arm's are equal."""
    model = onnx.load(source)
    unshare(model.graph)
    return bytes(model.SerializeToString())


def _sealed(promised: Manifest, members: dict[str, bytes], folder: Path) -> Path:
    manifest = replace(promised, profile="rpi4", model=next(iter(members)))
    path = folder / f"{manifest.name}.bundle"
    path.write_bytes(sealed(manifest, members, development_signer()))
    return path
