"""One stage of the pipeline and nothing else, over and over: what no arrangement of the stages can beat."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from scripts.benchmarks._peers.told import Told, arguments


def main() -> None:
    """Time the stage that `--stage` names and tell."""
    parser = arguments()
    parser.add_argument("--stage", choices=sorted(STAGES), required=True)
    parser.add_argument("--interpreters", type=int, default=1, help="Of `invoke`, each on a thread of its own.")
    parser.add_argument("--threads", type=int, default=1, help="Of each interpreter.")
    given = parser.parse_args()
    STAGES[given.stage](given)


def decode(given: Any) -> None:
    """Read the video as BGR frames."""
    capture, told = cv2.VideoCapture(given.video), Told()
    for _ in range(given.frames):
        if not capture.read()[0]:
            break
        told.count(1)
    told.tell()


def preprocess(given: Any) -> None:
    """Resize and turn frames that are in memory already, into the same tensor each time; on one thread."""
    cv2.setNumThreads(1)
    interpreter = _interpreter(given)
    _, height, width, _ = interpreter.get_input_details()[0]["shape"]
    tensor = np.empty((height, width, 3), np.uint8)
    small = np.empty_like(tensor)
    frames = _first_frames(given.video, 30)
    told = Told()
    for number in range(given.frames):
        cv2.resize(frames[number % len(frames)], (int(width), int(height)), dst=small)
        cv2.cvtColor(small, cv2.COLOR_BGR2RGB, dst=tensor)
    told.count(given.frames)
    told.tell()


def invoke(given: Any) -> None:
    """Infer from the first frame of the video again and again; the frames are shared out among the interpreters."""
    interpreters = [_interpreter(given) for _ in range(given.interpreters)]
    for interpreter in interpreters:
        _fill(interpreter, given.video)
        interpreter.invoke()
    shares = [given.frames // len(interpreters)] * len(interpreters)
    shares[0] += given.frames - sum(shares)
    workers = [threading.Thread(target=_repeat, args=pair) for pair in zip(interpreters, shares, strict=True)]
    told = Told()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    told.count(given.frames)
    told.tell()


def _repeat(interpreter: Interpreter, times: int) -> None:
    for _ in range(times):
        interpreter.invoke()


def _interpreter(given: Any) -> Interpreter:
    interpreter = Interpreter(model_path=given.model, num_threads=given.threads)
    interpreter.allocate_tensors()
    return interpreter


def _fill(interpreter: Interpreter, video: str) -> None:
    wanted = interpreter.get_input_details()[0]
    _, height, width, _ = wanted["shape"]
    picture = cv2.cvtColor(cv2.resize(_first_frames(video, 1)[0], (int(width), int(height))), cv2.COLOR_BGR2RGB)
    interpreter.set_tensor(
        wanted["index"], (picture ^ 128 if wanted["dtype"] == np.int8 else picture)[None].view(wanted["dtype"])
    )


def _first_frames(video: str, number: int) -> list[Any]:
    capture = cv2.VideoCapture(video)
    return [capture.read()[1] for _ in range(number)]


STAGES: dict[str, Callable[[Any], None]] = {"decode": decode, "preprocess": preprocess, "invoke": invoke}

if __name__ == "__main__":
    main()
