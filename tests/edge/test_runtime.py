from __future__ import annotations

import threading
from itertools import repeat

import pytest
from msgspec import UNSET

from contract.errors import SourceError
from contract.manifest import Preprocessing
from contract.messages import FrameLedger
from contract.result import Result
from edge.runtime import Runtime
from edge.sources import open_source
from edge.telemetry import Window
from tests.edge.colours import SIZE_WH, loaded
from tests.edge.scripted_source import ScriptedSource


def first(result: Result) -> str:
    if result.error is not UNSET:
        return result.error.cause
    assert result.classes is not UNSET
    return result.classes[0].label


def nothing(result: Result) -> None:
    """Nobody listens."""


def balanced(ledger: FrameLedger) -> bool:
    return ledger.captured == ledger.inferred + ledger.damaged + sum(ledger.dropped.values())


def test_every_frame_of_a_file_has_its_result_in_order_also_the_damaged_ones() -> None:
    seen: list[Result] = []
    source = ScriptedSource(["red", "damaged", "green", "blue"])
    ledger = Runtime(loaded(), source, on_result=seen.append).run()
    assert [(result.frame, first(result)) for result in seen] == [
        (0, "red"),
        (1, "damaged-frame"),
        (2, "green"),
        (3, "blue"),
    ]
    assert ledger == FrameLedger(captured=4, inferred=3, damaged=1)
    assert source.closed


def test_frames_the_model_cannot_answer_are_dropped_as_failed_and_told() -> None:
    seen: list[Result] = []
    poisoned = loaded("colours_float.tflite", preprocessing=Preprocessing(size_wh=SIZE_WH, mean=(float("nan"),)))
    ledger = Runtime(poisoned, ScriptedSource(["red", "red"]), on_result=seen.append).run()
    assert [first(result) for result in seen] == ["backend", "backend"]
    assert ledger == FrameLedger(captured=2, dropped={"failed": 2})


def test_the_very_next_frame_after_replace_is_answered_by_the_new_model() -> None:
    old, new = loaded(), loaded(name="other", version=2)
    seen: list[Result] = []

    def replace_at_two(result: Result) -> None:
        seen.append(result)
        if result.frame == 2:
            runtime.replace(new)

    runtime = Runtime(old, ScriptedSource(["red"] * 5), on_result=replace_at_two)
    ledger = runtime.run()
    assert [result.model for result in seen] == ["colours@1"] * 3 + ["other@2"] * 2
    assert ledger.captured == ledger.inferred == 5
    assert runtime.model is new


def test_each_window_belongs_to_one_model_and_counts_since_it_was_loaded() -> None:
    windows: list[Window] = []

    def replace_at_two(result: Result) -> None:
        if result.frame == 2:
            runtime.replace(loaded(name="other"))

    runtime = Runtime(
        loaded(), ScriptedSource(["red"] * 5), on_result=replace_at_two, on_window=windows.append, window_s=60
    )
    runtime.run()
    assert [(window.model, window.ledger.inferred, window.classes) for window in windows] == [
        ("colours@1", 3, {"red": 3}),
        ("other@1", 2, {"red": 2}),
    ]


def test_windows_close_on_time_without_any_frame() -> None:
    source = ScriptedSource([], live=True, gated=True)
    windows: list[Window] = []

    def enough(window: Window) -> None:
        windows.append(window)
        if len(windows) == 3:
            runtime.stop()

    runtime = Runtime(loaded(), source, on_result=nothing, on_window=enough, window_s=0.05)
    runtime.run()
    assert [window.frames_per_s for window in windows] == [0.0, 0.0, 0.0]
    assert windows[0].window_s >= 0.05


def test_stop_from_another_thread_ends_the_run_with_a_ledger_that_balances() -> None:
    started = threading.Event()
    source = ScriptedSource(repeat("red"))
    runtime = Runtime(loaded(), source, on_result=lambda _: started.set())
    stopper = threading.Thread(target=lambda: (started.wait(), runtime.stop()))
    stopper.start()
    ledger = runtime.run()
    stopper.join()
    assert balanced(ledger)
    assert ledger.captured == source.read_count
    assert runtime.ledger == ledger


def test_max_frames_counts_results_and_reads_no_further() -> None:
    seen: list[Result] = []
    source = ScriptedSource(["red", "damaged", "blue", "blue"])
    ledger = Runtime(loaded(), source, on_result=seen.append, max_frames=3).run()
    assert len(seen) == 3
    assert ledger == FrameLedger(captured=3, inferred=2, damaged=1)


def test_a_camera_faster_than_the_model_may_go_loses_only_stale_frames() -> None:
    source = open_source("synthetic:?size=64x48&fps=200&frames=60")
    ledger = Runtime(loaded(), source, on_result=nothing, max_frames_per_s=20).run()
    assert balanced(ledger)
    assert ledger.captured == 60
    assert set(ledger.dropped) == {"stale"}
    # 0.3 s of camera time at 20 a second; more only on a machine that stalls.
    assert ledger.inferred < 30


def test_a_failing_source_ends_the_run_after_its_frames() -> None:
    seen: list[Result] = []
    source = ScriptedSource(["red", "fail"])
    runtime = Runtime(loaded(), source, on_result=seen.append)
    with pytest.raises(SourceError, match="the cable was pulled"):
        runtime.run()
    assert len(seen) == 1
    assert source.closed
    assert runtime.ledger == FrameLedger(captured=1, inferred=1)


def test_what_a_listener_raises_ends_the_run_and_closes_the_source() -> None:
    def refuse(result: Result) -> None:
        raise BrokenPipeError(result.source)

    source = ScriptedSource(repeat("red"))
    runtime = Runtime(loaded(), source, on_result=refuse)
    with pytest.raises(BrokenPipeError):
        runtime.run()
    assert source.closed
    assert balanced(runtime.ledger)
