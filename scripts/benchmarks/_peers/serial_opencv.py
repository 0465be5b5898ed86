"""The loop of the tutorials: read, turn, resize, set, invoke, get, one after the other. One inference thread."""

from __future__ import annotations

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from scripts.benchmarks._peers.told import THRESHOLD, Told, arguments


def main() -> None:
    """Run it and tell."""
    given = arguments().parse_args()
    labels = given.labels.read_text().splitlines()
    interpreter = Interpreter(model_path=given.model, num_threads=1)
    interpreter.allocate_tensors()
    wanted, outputs = interpreter.get_input_details()[0], interpreter.get_output_details()
    _, height, width, _ = wanted["shape"]
    capture = cv2.VideoCapture(given.video)
    told = Told()
    for _ in range(given.frames):
        there, frame = capture.read()
        if not there:
            break
        picture = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), (int(width), int(height)))
        if wanted["dtype"] == np.int8:
            picture = (picture ^ 128).view(np.int8)
        interpreter.set_tensor(wanted["index"], np.expand_dims(picture, 0))
        interpreter.invoke()
        boxes, classes, scores = (interpreter.get_tensor(output["index"])[0] for output in outputs[:3])
        frame_height, frame_width = frame.shape[:2]
        found = []
        for (top, left, bottom, right), number, score in zip(boxes, classes, scores, strict=True):
            if score >= THRESHOLD:
                sides = (left * frame_width, top * frame_height, right * frame_width, bottom * frame_height)
                found.append((labels[int(number)], float(score), tuple(round(float(side), 1) for side in sides)))
        told.answered(found)
    told.tell()


if __name__ == "__main__":
    main()
