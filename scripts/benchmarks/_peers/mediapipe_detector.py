"""MediaPipe Tasks, as its guide for Python shows it: ObjectDetector in VIDEO mode, frames read by OpenCV.

The model brings its labels along, as MediaPipe wants it. Source: "Object detection guide for Python",
ai.google.dev/edge/mediapipe/solutions/vision/object_detector/python.
"""

from __future__ import annotations

import cv2
import mediapipe as mp
from mediapipe.tasks.python import BaseOptions, vision

from scripts.benchmarks._peers.told import THRESHOLD, Told, arguments


def main() -> None:
    """Run it and tell."""
    given = arguments().parse_args()
    options = vision.ObjectDetectorOptions(
        base_options=BaseOptions(model_asset_path=given.model),
        running_mode=vision.RunningMode.VIDEO,
        max_results=10,
        score_threshold=THRESHOLD,
    )
    with vision.ObjectDetector.create_from_options(options) as detector:
        capture = cv2.VideoCapture(given.video)
        step_ms = 1000.0 / capture.get(cv2.CAP_PROP_FPS)
        told = Told()
        for number in range(given.frames):
            there, frame = capture.read()
            if not there:
                break
            picture = mp.Image(image_format=mp.ImageFormat.SRGB, data=cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
            answer = detector.detect_for_video(picture, int(number * step_ms))
            found = []
            for detection in answer.detections:
                best, box = detection.categories[0], detection.bounding_box
                sides = (box.origin_x, box.origin_y, box.origin_x + box.width, box.origin_y + box.height)
                found.append((best.category_name, float(best.score), tuple(float(side) for side in sides)))
            told.answered(found)
        told.tell()


if __name__ == "__main__":
    main()
