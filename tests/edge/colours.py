"""The tiny models of `tests/data/models` with what a test needs around them: manifests, bundles, plain pictures.

They answer with the picture's strongest colour, so the right answer to a plain picture is known by heart.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from contract.manifest import GOLDEN, Classify, Golden, Manifest, Preprocessing
from converters.sealing import sealed
from devices.keys import Signer, development_signer
from edge.backends import SUFFIXES, open_backend
from edge.frames import Pixels
from edge.golden import pack_golden
from edge.model import LoadedModel, load_model

MODELS = Path(__file__).parent.parent / "data" / "models"
LABELS = ("red", "green", "blue")
SIZE_WH = (24, 16)
BGR = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0)}
DIGEST = "sha256:" + "0" * 64


def plain(colour: str, size_wh: tuple[int, int] = SIZE_WH) -> Pixels:
    """A frame (h, w, 3) BGR of one colour."""
    return np.full((size_wh[1], size_wh[0], 3), BGR[colour], np.uint8)


def manifest_of(file: str = "colours_uint8.tflite", **changes: Any) -> Manifest:
    """The manifest of one of the models; `changes` are fields of it."""
    path = MODELS / file
    format = SUFFIXES[path.suffix]
    backend = open_backend(format, path)
    planar = format == "onnx"
    manifest = Manifest(
        name="colours",
        version=1,
        task="classify",
        profile="generic-x86_64",
        format=format,
        model=file,
        inputs=backend.inputs,
        preprocessing=Preprocessing(size_wh=SIZE_WH, layout="nchw" if planar else "nhwc"),
        outputs=backend.outputs,
        decoding=Classify(scores=backend.outputs[0].name, activation="softmax" if planar else "none"),
        labels=LABELS,
    )
    return msgspec.structs.replace(manifest, **changes)


def loaded(file: str = "colours_uint8.tflite", **changes: Any) -> LoadedModel:
    """One of the models, ready to answer."""
    return load_model(manifest_of(file, **changes), DIGEST, MODELS / file)


def golden_of(model: LoadedModel) -> bytes:
    """Golden frames with the model's own answers: one plain picture a colour."""
    fitted = np.stack([plain(colour)[:, :, ::-1] for colour in LABELS])
    answers = [model.outputs_for(frame) for frame in fitted]
    return pack_golden(fitted, {name: np.concatenate([a[name] for a in answers]) for name in answers[0]})


def bundle_bytes(
    file: str = "colours_uint8.tflite",
    *,
    golden: bytes | None = None,
    signer: Signer | None = None,
    **changes: Any,
) -> bytes:
    """A sealed bundle of one of the models, with golden frames that are right unless others are given."""
    rules = Golden(frames=len(LABELS), tolerance=0.02)
    manifest = manifest_of(file, golden=rules, **changes)
    members = {file: (MODELS / file).read_bytes(), GOLDEN: golden or golden_of(loaded(file))}
    return sealed(manifest, members, signer or development_signer())


def bundle_file(folder: Path, file: str = "colours_uint8.tflite", **changes: Any) -> Path:
    """That bundle as a file in `folder`."""
    path = folder / manifest_of(file, **{k: v for k, v in changes.items() if k in ("name", "version")}).file_name
    path.write_bytes(bundle_bytes(file, **changes))
    return path
