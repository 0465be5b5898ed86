"""The events of a real clip by a real model, as bytes on standard output: run in a process of its own to compare two.

`python -m tests.edge.scene.replay DATA_FOLDER`
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from msgspec import UNSET

from contract.codec import to_json
from contract.manifest import DetectBoxes, Manifest, Preprocessing
from contract.result import SceneEvent
from contract.scene import Labels, Line, Motion, Scene, Tracking, Zone
from edge.backends import open_backend
from edge.frames import Frame
from edge.model import LoadedModel
from edge.opencv import cv2
from edge.pipeline import run_frame
from edge.scene.watch import Watch

EVERY, UP_TO = 5, 600
SCENE = Scene(
    labels=Labels(allow=("bottle", "person")),
    motion=Motion(),
    tracking=Tracking(min_hits=2, start_score=0.3),
    zones=(Zone(name="table", polygon=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)), dwell_s=2, inertia_frames=2),),
    lines=(Line(name="middle", begin=(0.5, 0.0), end=(0.5, 1.0)),),
)


def events_of(data: Path) -> list[SceneEvent]:
    """What happens in the first 20 s of the shared clip with bottles."""
    model = _model(data)
    watch, events = Watch(SCENE, "clip"), []
    for frame in _frames(data / "video" / "bottle-detection.mp4"):
        if watch.wants(frame):
            result = watch.look(frame, run_frame(frame, model))
            events += result.events if result.events is not UNSET else ()
    return events


def _frames(path: Path) -> Any:
    video: Any = cv2.VideoCapture(str(path))
    per_s = video.get(cv2.CAP_PROP_FPS)
    index = 0
    while index < UP_TO and video.grab():
        if index % EVERY == 0:
            yield Frame.now("clip", index, video.retrieve()[1], media_s=index / per_s)
        index += 1


def _model(data: Path) -> LoadedModel:
    backend = open_backend("tflite", data / "models" / "tflite" / "coco_ssd_mobilenet_v1_quant_metadata.tflite")
    boxes, classes, scores, count = (output.name for output in backend.outputs)
    return LoadedModel(
        Manifest(
            name="ssd",
            version=1,
            task="detect",
            profile="none",
            format="tflite",
            model="model",
            labels=tuple((data / "labels" / "coco_labels.txt").read_text().splitlines()),
            inputs=backend.inputs,
            preprocessing=Preprocessing(size_wh=(300, 300), mean=(127.5,), std=(127.5,)),
            outputs=backend.outputs,
            decoding=DetectBoxes(boxes=boxes, classes=classes, scores=scores, count=count, score_threshold=0.2),
        ),
        "sha256:" + "0" * 64,
        backend,
    )


if __name__ == "__main__":
    for event in events_of(Path(sys.argv[1])):
        sys.stdout.buffer.write(to_json(event) + b"\n")
