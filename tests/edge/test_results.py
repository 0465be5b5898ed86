from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from contract.errors import ConfigError
from contract.result import ClassScore, FrameError, Result, StageTimes
from edge.results import appended, json_lines, words
from tests.edge.colours import DIGEST


def result(**fields: object) -> Result:
    return Result(source="a.jpg", frame=3, captured_at="t", model="m@1", digest=DIGEST, **fields)  # type: ignore[arg-type]


def test_a_line_holds_the_fields_of_the_task_and_no_others() -> None:
    stream = io.BytesIO()
    json_lines(stream)(result(classes=(ClassScore(index=1, label="cat", score=0.5),)))
    line = stream.getvalue()
    assert line.count(b"\n") == 1
    assert json.loads(line) == {
        "source": "a.jpg",
        "frame": 3,
        "captured_at": "t",
        "model": "m@1",
        "digest": DIGEST,
        "classes": [{"index": 1, "label": "cat", "score": 0.5}],
    }


def test_a_file_is_added_to_and_each_line_is_there_at_once(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text('{"from": "yesterday"}\n')
    with appended(path) as show:
        show(result(classes=()))
        assert len(path.read_text().splitlines()) == 2
        show(result(classes=()))
    assert len(path.read_text().splitlines()) == 3


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="results cannot be written"), appended(tmp_path):
        pass


def test_words_for_a_person() -> None:
    times = StageTimes(preprocess=0.2, invoke=1.0, postprocess=0.1)
    shown = (ClassScore(index=0, label="cat", score=0.756), ClassScore(index=1, label="dog", score=0.1))
    assert words(result(classes=shown, latency_ms=times)) == "a.jpg 3: cat 0.76, dog 0.10 (1.3 ms)"
    assert words(result(detections=(), latency_ms=times)) == "a.jpg 3: nothing (1.3 ms)"
    error = FrameError(cause="damaged-frame", where="x/a.jpg", fix="Replace it.")
    assert words(result(error=error)) == "a.jpg 3: no answer, damaged-frame (x/a.jpg). Replace it."
