from __future__ import annotations

import gc
import random
import threading
import time
from collections.abc import Iterable
from itertools import repeat
from pathlib import Path

import msgspec
import pytest
from msgspec import UNSET

from contract.errors import ConfigError, SignatureError, SourceError
from contract.manifest import Preprocessing
from contract.messages import FrameLedger
from contract.result import Result
from devices.keys import make_key
from edge.frames import Frame, Pixels
from edge.model import Answer, LoadedModel
from edge.runtime import Camera, Runtime
from edge.sources import open_source
from edge.telemetry import Window
from tests.edge.colours import SIZE_WH, loaded
from tests.edge.scripted_source import ScriptedSource
from tests.edge.test_recurrence import recurrent
from tests.edge.tiny_bundle import write_bundle


def first(result: Result) -> str:
    if result.error is not UNSET:
        return result.error.cause
    assert result.classes is not UNSET
    return result.classes[0].label


def nothing(result: Result) -> None:
    """Nobody listens."""


def balanced(ledger: FrameLedger) -> bool:
    return ledger.captured == ledger.inferred + ledger.gated + ledger.damaged + sum(ledger.dropped.values())


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


class EveryOther:
    """Lets every other frame through, and signs what it saw."""

    def wants(self, frame: Frame) -> bool:
        return frame.index % 2 == 0

    def look(self, frame: Frame, result: Result) -> Result:
        return msgspec.structs.replace(result, source=f"{result.source}, watched")


def test_frames_a_watcher_does_not_want_are_gated_and_it_has_the_last_word_on_results() -> None:
    seen: list[tuple[Frame, Result]] = []
    camera = Camera(source=ScriptedSource(["red"] * 5), watcher=EveryOther())
    ledger = Runtime(loaded(), camera, on_result=nothing, on_answer=lambda *both: seen.append(both)).run()
    assert ledger == FrameLedger(captured=5, inferred=3, gated=2)
    assert [(frame.index, result.source) for frame, result in seen] == [
        (0, "scripted, watched"),
        (2, "scripted, watched"),
        (4, "scripted, watched"),
    ]


def named(name: str, script: Iterable[str]) -> ScriptedSource:
    source = ScriptedSource(script)
    source.name = name
    return source


def test_several_cameras_share_a_model_and_each_has_its_own_account() -> None:
    runtime = Runtime(
        loaded(), [named("door", ["red"] * 30), named("yard", ["blue"] * 10 + ["damaged"])], on_result=nothing
    )
    ledger = runtime.run()
    assert ledger == FrameLedger(captured=41, inferred=40, damaged=1)
    assert runtime.ledgers == {
        "door": FrameLedger(captured=30, inferred=30),
        "yard": FrameLedger(captured=11, inferred=10, damaged=1),
    }


def test_cameras_may_have_models_of_their_own_and_windows_belong_to_one_model_each() -> None:
    windows: list[Window] = []
    own = loaded(name="own")
    cameras = [
        named("door", ["red"] * 3),
        Camera(source=named("yard", ["blue"] * 2), models=[own]),
        Camera(source=named("roof", ["blue"]), models=[own]),
    ]
    Runtime(loaded(), cameras, on_result=nothing, on_window=windows.append, window_s=60).run()
    assert {window.model: (window.ledger.inferred, window.classes) for window in windows} == {
        "colours@1": (3, {"red": 3}),
        "own@1": (3, {"blue": 3}),
    }


class Slow(LoadedModel):
    """A model that takes its time, each frame another, and counts how many it answers at once."""

    together = most_together = 0

    def __init__(self) -> None:
        model = loaded()
        super().__init__(model.manifest, model.digest, model.backend)

    def answer(self, pixels_bgr: Pixels) -> Answer:
        Slow.together += 1
        Slow.most_together = max(Slow.together, Slow.most_together)
        time.sleep(random.Random(int(pixels_bgr[0, 0, 0])).uniform(0.001, 0.02))
        Slow.together -= 1
        return super().answer(pixels_bgr)


def test_a_team_answers_side_by_side_and_results_come_in_the_order_of_the_frames() -> None:
    seen: list[Result] = []
    colours = ["red", "green", "blue", "damaged"] * 10
    team = [Slow() for _ in range(3)]
    ledger = Runtime(team, ScriptedSource(colours), on_result=seen.append).run()
    assert [result.frame for result in seen] == list(range(40))
    assert [first(result) for result in seen] == ["red", "green", "blue", "damaged-frame"] * 10
    assert ledger == FrameLedger(captured=40, inferred=30, damaged=10)
    assert Slow.most_together > 1


def test_a_team_answers_no_more_frames_than_are_wanted_and_is_replaced_as_a_whole() -> None:
    seen: list[Result] = []

    def replace_at_five(result: Result) -> None:
        seen.append(result)
        if len(seen) == 5:
            runtime.replace([loaded(name="other"), loaded(name="other")])

    runtime = Runtime([loaded(), loaded()], ScriptedSource(repeat("red")), on_result=replace_at_five, max_frames=20)
    ledger = runtime.run()
    assert len(seen) == 20
    assert balanced(ledger)
    models = [result.model for result in seen]
    assert models == sorted(models)
    assert set(models) == {"colours@1", "other@1"}
    with pytest.raises(ValueError, match="cannot take the places"):
        runtime.replace(loaded())


def test_what_a_listener_raises_leaves_a_team_with_a_ledger_that_balances() -> None:
    def refuse(result: Result) -> None:
        raise BrokenPipeError(result.source)

    source = ScriptedSource(repeat("red"))
    runtime = Runtime([loaded(), loaded(), loaded()], source, on_result=refuse)
    with pytest.raises(BrokenPipeError):
        runtime.run()
    assert source.closed
    assert balanced(runtime.ledger)
    assert runtime.ledger.captured == source.read_count


def test_a_frame_has_an_age_and_the_window_its_percentiles() -> None:
    windows: list[Window] = []
    seen: list[Result] = []
    Runtime(loaded(), ScriptedSource(["red"] * 3), on_result=seen.append, on_window=windows.append).run()
    assert all(result.age_ms is not UNSET and 0 < result.age_ms < 60_000 for result in seen)
    assert windows[0].latency_ms["age"].p50 in {result.age_ms for result in seen}


def test_results_can_be_taken_one_by_one_and_given_up_midway() -> None:
    source = ScriptedSource(["red", "damaged", "blue"])
    assert [first(result) for result in Runtime(loaded(), source).results()] == ["red", "damaged-frame", "blue"]
    endless = ScriptedSource(repeat("red"))
    runtime = Runtime(loaded(), endless)
    for result in runtime.results():
        if result.frame == 2:
            break
    gc.collect()
    assert endless.closed
    assert balanced(runtime.ledger)


def test_five_lines_run_a_bundle(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path, 1)
    with Runtime.open(bundle, "synthetic:?frames=2", "synthetic:?frames=1&seed=1") as runtime:
        assert [first(result) for result in runtime.results()] == ["cat"] * 3
    key = tmp_path / "other.key.pub"
    make_key(tmp_path / "other.key")
    with pytest.raises(SignatureError), Runtime.open(bundle, "synthetic:", trust=[key]):
        pass


def test_a_model_that_remembers_frames_serves_one_camera_with_one_interpreter() -> None:
    assert Runtime(recurrent(), ScriptedSource([])).run().captured == 0
    with pytest.raises(ConfigError, match="remembers the frame before"):
        Runtime(recurrent(), [ScriptedSource([]), ScriptedSource([])])
    with pytest.raises(ConfigError, match="remembers the frame before"):
        Runtime([recurrent(), recurrent()], ScriptedSource([]))
