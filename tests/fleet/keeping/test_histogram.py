"""Latencies in mergeable buckets."""

from __future__ import annotations

import numpy as np
import pytest

from fleet.keeping.histogram import ERROR, Histogram, Union, spread

CHANCE = np.random.default_rng(7)


def window(latencies: np.ndarray) -> tuple[int, float, float, float, int]:
    """What a device says of these frames."""
    p50, p95, p99 = np.percentile(latencies, [50, 95, 99])
    return 0, float(p50), float(p95), float(p99), len(latencies)


def test_one_window_answers_its_own_percentiles() -> None:
    histogram = spread([(5, 4.0, 6.0, 9.0, 50)])[5]
    assert histogram.frames == 50
    for share, said in ((0.5, 4.0), (0.95, 6.0), (0.99, 9.0)):
        assert histogram.percentile(share) == pytest.approx(said, rel=ERROR + 1e-9)


@pytest.mark.parametrize(("share", "most"), [(0.5, 0.02), (0.95, 0.03), (0.99, 0.04)])
def test_many_windows_come_close_to_the_percentiles_of_all_their_frames(share: float, most: float) -> None:
    windows = [CHANCE.lognormal(np.log(20 + 10 * np.sin(n / 50)), 0.2, 100) for n in range(500)]
    whole = spread([window(latencies) for latencies in windows])[0]
    assert whole.percentile(share) == pytest.approx(np.quantile(np.concatenate(windows), share), rel=most + ERROR)


def test_adding_is_exact_in_any_order() -> None:
    parts = [spread([window(CHANCE.gamma(3, n + 1, 40))])[0] for n in range(20)]
    there, back, union = Histogram(), Histogram(), Union()
    for part in parts:
        there.add(part)
        union.add(part)
    for part in reversed(parts):
        back.add(part)
    assert there == back == union.whole()
    assert there.frames == 800


def test_what_is_added_stays_as_it_is() -> None:
    one, other = Histogram(3, [1, 2]), Histogram(1, [5])
    one.add(other)
    assert (one, other) == (Histogram(1, [5, 0, 1, 2]), Histogram(1, [5]))
    empty = Histogram()
    empty.add(other)
    empty.add(other)
    assert (empty, other) == (Histogram(1, [10]), Histogram(1, [5]))


@pytest.mark.parametrize("said", [(-1.0, 0.0, 0.0), (1e300, 1e300, 1e300), (9.0, 4.0, 1.0), (0.0, 0.0, 1e300)])
def test_nonsense_is_counted_somewhere(said: tuple[float, float, float]) -> None:
    assert spread([(0, *said, 7)])[0].frames == 7


def test_no_frames_have_no_percentile() -> None:
    assert Histogram().percentile(0.5) is None
    assert spread([]) == {}
