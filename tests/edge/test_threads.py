from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge.cgroup import usable_cores
from edge.model import LoadedModel, load_model
from edge.threads import FILE, ThreadTiming, best_threads, choose, load_with_best_threads
from tests.edge.colours import DIGEST, MODELS, manifest_of


def timings(*pairs: tuple[float, float]) -> list[ThreadTiming]:
    """Median and p95 of one thread, two, three, …"""
    return [
        ThreadTiming(threads=count, median_ms=middle, p95_ms=slow, rounds=20)
        for count, (middle, slow) in enumerate(pairs, 1)
    ]


@pytest.mark.parametrize(
    ("pairs", "cores", "chosen"),
    [
        pytest.param([(10, 12)], 1, 1, id="one core"),
        pytest.param([(10, 12), (6, 8), (4, 6)], 4, 3, id="more is better"),
        pytest.param([(10, 12), (4.4, 6), (4, 6)], 4, 2, id="within a tenth of the best the smaller one"),
        pytest.param([(10, 12), (4.5, 6), (4, 6)], 4, 3, id="not within a tenth"),
        pytest.param([(10, 12), (9.5, 11), (9.2, 11)], 4, 1, id="hardly any gain"),
        pytest.param([(10, 12), (6, 12.1), (4, 30)], 4, 1, id="unsteady ones are out"),
        pytest.param([(10, 12), (6, 12), (4, 30)], 4, 2, id="an equal p95 is steady enough"),
        pytest.param([(10, 12), (8, 9)], 2, 1, id="both cores for a fifth are not worth it"),
        pytest.param([(10, 12), (7.5, 9)], 2, 2, id="both cores for a quarter are"),
        pytest.param([(10, 12), (7, 8), (5, 6), (4.4, 5)], 4, 3, id="all four for an eighth are not worth it"),
        pytest.param([(10, 12), (7, 8), (5, 6), (3, 4)], 4, 4, id="all four for two fifths are"),
        pytest.param([(10, 12), (12, 20), (13, 30), (14, 40)], 4, 1, id="a busy machine"),
        pytest.param([(10, 12), (5, 50), (4, 60), (2, 11)], 4, 4, id="all cores, the only steady ones"),
        pytest.param([(0, 0), (0, 0)], 4, 1, id="no time at all"),
    ],
)
def test_the_rule(pairs: list[tuple[float, float]], cores: int, chosen: int) -> None:
    assert choose(timings(*pairs), cores) == chosen


class Loader:
    """Loads the tiny model and remembers with how many threads."""

    def __init__(self) -> None:
        self.manifest = manifest_of()
        self.asked: list[int] = []
        self.closed = 0

    def __call__(self, threads: int) -> LoadedModel:
        self.asked.append(threads)
        model = load_model(self.manifest, DIGEST, MODELS / "colours_uint8.tflite", threads=threads)
        close = model.close

        def counted() -> None:
            self.closed += 1
            close()

        model.close = counted  # type: ignore[method-assign]
        return model


def test_every_candidate_is_measured_and_closed_again() -> None:
    load = Loader()
    probe = best_threads(load, limit=4, budget_s=0.05)
    candidates = list(range(1, min(4, usable_cores()) + 1))
    assert load.asked == candidates
    assert load.closed == len(candidates)
    assert probe.chosen in candidates
    assert probe.cores == usable_cores()
    if len(candidates) > 1:
        assert [one.threads for one in probe.timings] == candidates
        assert all(0 < one.median_ms <= one.p95_ms and one.rounds >= 5 for one in probe.timings)


def test_one_allowed_thread_needs_no_measuring() -> None:
    load = Loader()
    assert best_threads(load, limit=1).chosen == 1
    assert load.asked == [1]


def test_a_model_that_cannot_be_loaded_twice_leaves_none_open() -> None:
    load = Loader()

    def failing(threads: int) -> LoadedModel:
        if threads == 2:
            raise RuntimeError("no room")
        return load(threads)

    if usable_cores() == 1:
        pytest.skip("one core")
    with pytest.raises(RuntimeError, match="no room"):
        best_threads(failing, limit=2)
    assert load.closed == 1


def test_a_remembered_answer_is_not_measured_again(tmp_path: Path) -> None:
    first, probe = load_with_best_threads(Loader(), DIGEST, tmp_path / "state", limit=2, budget_s=0.05)
    first.close()
    load = Loader()
    again, remembered = load_with_best_threads(load, DIGEST, tmp_path / "state", limit=2, budget_s=0.05)
    again.close()
    assert remembered == probe
    assert load.asked == [probe.chosen]


def _spoilt(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _of_another_library(path: Path) -> None:
    path.write_text(path.read_text().replace("ai-edge-litert", "another"))


def _of_a_newer_version(path: Path) -> None:
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 99'))


def _with_more_cores(path: Path) -> None:
    path.write_text(path.read_text().replace(f'"cores": {usable_cores()}', '"cores": 1024'))


@pytest.mark.parametrize("spoil", [_spoilt, _of_another_library, _of_a_newer_version, _with_more_cores])
def test_a_memory_that_does_not_fit_is_measured_anew_and_replaced(spoil: Any, tmp_path: Path) -> None:
    first, _ = load_with_best_threads(Loader(), DIGEST, tmp_path, limit=2, budget_s=0.05)
    first.close()
    spoil(tmp_path / FILE)
    load = Loader()
    again, probe = load_with_best_threads(load, DIGEST, tmp_path, limit=2, budget_s=0.05)
    again.close()
    assert len(load.asked) > 1 or usable_cores() == 1
    remembering = Loader()
    load_with_best_threads(remembering, DIGEST, tmp_path, limit=2)[0].close()
    assert remembering.asked == [probe.chosen]


def test_a_wider_limit_is_measured_anew(tmp_path: Path) -> None:
    load_with_best_threads(Loader(), DIGEST, tmp_path, limit=1)[0].close()
    load = Loader()
    model, probe = load_with_best_threads(load, DIGEST, tmp_path, limit=2, budget_s=0.05)
    model.close()
    if usable_cores() > 1:
        assert [one.threads for one in probe.timings] == [1, 2]


def test_models_are_remembered_apart(tmp_path: Path) -> None:
    for digest in (DIGEST, DIGEST.replace("0", "1")):
        load_with_best_threads(Loader(), digest, tmp_path, limit=2, budget_s=0.05)[0].close()
    load = Loader()
    load_with_best_threads(load, DIGEST, tmp_path, limit=2)[0].close()
    assert len(load.asked) == 1


def test_a_folder_that_cannot_be_written_costs_only_the_memory(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    model, probe = load_with_best_threads(Loader(), DIGEST, tmp_path / "state", limit=2, budget_s=0.05)
    model.close()
    assert probe.chosen >= 1
