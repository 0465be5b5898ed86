"""The shared detector as bundles signed with the development key: as it came, and as the nearest int8 model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from contract.digest import digest_of
from contract.errors import DataError
from contract.manifest import LABELS, DetectBoxes, Manifest, Member, Preprocessing
from converters.int8_twin import nearest_int8
from converters.sealing import sealed
from devices.keys import development_signer
from edge.backends import open_backend

MODEL = "model.tflite"


class VideoSet(NamedTuple):
    """A clip, and a detector that knows what is on it."""

    video: Path
    labels: Path
    models: dict[str, Path]
    """`uint8` and `int8`, as bare files with their labels attached."""
    bundles: dict[str, Path]


def video_set(folder: Path) -> VideoSet:
    """Models and bundles, written into `folder`; DataError where the shared data are absent."""
    root = Path(__file__).resolve().parents[2]
    data = Path(os.environ.get("EDGEFERRY_SHARED_DATA", root.parent / "shared" / "data"))
    source, labels = data / "models/tflite/coco_ssd_mobilenet_v1_quant_metadata.tflite", data / "labels/coco_labels.txt"
    video = data / "video/bottle-detection.mp4"
    for file in (source, labels, video):
        if not file.is_file():
            raise DataError("not there", where=str(file), fix="Name the shared data in EDGEFERRY_SHARED_DATA.")
    models = {name: folder / f"ssd-{name}.tflite" for name in ("uint8", "int8")}
    models["uint8"].write_bytes(source.read_bytes())
    models["int8"].write_bytes(nearest_int8(source.read_bytes(), where=source.name).model)
    bundles = {name: _bundle(folder, f"ssd-{name}", model.read_bytes(), labels) for name, model in models.items()}
    return VideoSet(video, labels, models, bundles)


def _bundle(folder: Path, name: str, model: bytes, labels: Path) -> Path:
    members = {MODEL: model, LABELS: labels.read_bytes()}
    manifest = _manifest(name, model, tuple(labels.read_text().splitlines()), members)
    path = folder / manifest.file_name
    path.write_bytes(sealed(manifest, members, development_signer()))
    return path


def _manifest(name: str, model: bytes, labels: tuple[str, ...], members: dict[str, bytes]) -> Manifest:
    backend = open_backend("tflite", model)
    inputs, outputs = backend.inputs, backend.outputs
    backend.close()
    boxes, classes, scores, count = (output.name for output in outputs)
    return Manifest(
        name=name,
        version=1,
        task="detect",
        profile="generic-x86_64",
        format="tflite",
        model=MODEL,
        inputs=inputs,
        # real = (pixel - 128) / 128: with the model's scale of 1/128 the tensor stores the pixel (minus 128 in int8).
        preprocessing=Preprocessing(size_wh=(300, 300), mean=(128.0,), std=(128.0,)),
        outputs=outputs,
        decoding=DetectBoxes(boxes=boxes, classes=classes, scores=scores, count=count),
        labels=labels,
        members=tuple(Member(name=n, sha256=digest_of(d), size_bytes=len(d)) for n, d in members.items()),
    )
