"""One frame in, one result out: the sentence the whole room is about. No loop, no disk, no network."""

from __future__ import annotations

from time import monotonic

from msgspec import UNSET

from contract.errors import BackendError, DamagedFrameError, FerryError
from contract.moments import rfc3339
from contract.result import FrameError, Result
from edge.frames import Frame
from edge.model import LoadedModel


def run_frame(frame: Frame, model: LoadedModel) -> Result:
    """The model's answer to `frame`, or a result that says why there is none."""
    fed = frame.numbers if frame.pixels is None else frame.pixels
    if fed is None:
        return _without_answer(frame, model, frame.error or _empty(frame))
    age_s = monotonic() - frame.captured_mono
    try:
        answer = model.answer(fed)
    except (BackendError, DamagedFrameError) as problem:
        return _without_answer(frame, model, problem)
    decoded = answer.decoded
    return Result(
        source=frame.source,
        frame=frame.index,
        captured_at=rfc3339(frame.captured_at),
        model=model.release,
        digest=model.digest,
        size_wh=UNSET if frame.pixels is None else frame.size_wh,
        age_ms=age_s * 1e3,
        latency_ms=answer.times,
        classes=decoded.classes,
        detections=decoded.detections,
        segments=decoded.segments,
        keypoints=decoded.keypoints,
        values=decoded.values,
    )


def _without_answer(frame: Frame, model: LoadedModel, problem: FerryError) -> Result:
    return Result(
        source=frame.source,
        frame=frame.index,
        captured_at=rfc3339(frame.captured_at),
        model=model.release,
        digest=model.digest,
        error=FrameError(cause=problem.cause, where=problem.where, fix=problem.fix),
    )


def _empty(frame: Frame) -> DamagedFrameError:
    return DamagedFrameError("a frame without pixels and numbers", where=frame.source, fix="Check the source.")
