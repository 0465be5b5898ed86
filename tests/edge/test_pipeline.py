from __future__ import annotations

from msgspec import UNSET

from contract.codec import to_json
from contract.errors import DamagedFrameError
from contract.manifest import Preprocessing
from edge.frames import Frame
from edge.pipeline import run_frame
from tests.edge.colours import DIGEST, SIZE_WH, loaded, plain


def test_a_result_says_whose_frame_it_is_and_what_was_seen() -> None:
    frame = Frame("door", 7, 1_772_366_400.25, 12.0, plain("blue", (640, 480)))
    result = run_frame(frame, loaded())
    assert (result.source, result.frame, result.captured_at) == ("door", 7, "2026-03-01T12:00:00.250Z")
    assert (result.model, result.digest, result.size_wh) == ("colours@1", DIGEST, (640, 480))
    assert result.classes is not UNSET
    assert result.classes[0].label == "blue"
    assert b'"detections"' not in to_json(result)
    assert b'"error"' not in to_json(result)


def test_a_damaged_frame_becomes_a_result_that_says_why() -> None:
    problem = DamagedFrameError("cut short", where="a.jpg", fix="Replace it.")
    result = run_frame(Frame.now("a.jpg", 0, problem), loaded())
    assert result.error is not UNSET
    assert (result.error.cause, result.error.where, result.error.fix) == ("damaged-frame", "a.jpg", "Replace it.")
    assert result.classes is UNSET


def test_a_model_that_answers_with_no_number_becomes_a_result_that_says_so() -> None:
    poisoned = loaded("colours_float.tflite", preprocessing=Preprocessing(size_wh=SIZE_WH, mean=(float("nan"),)))
    result = run_frame(Frame.now("x", 0, plain("red")), poisoned)
    assert result.error is not UNSET
    assert result.error.cause == "backend"
