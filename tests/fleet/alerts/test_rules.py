"""Hysteresis, by properties over every course of events."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleet.alerts.rules import QUIET, Change, Level, Patience, Watch, judge, step

LEVELS = st.sampled_from(Level)
COURSES = st.lists(st.tuples(st.floats(0.1, 100), LEVELS), max_size=60)
PATIENCE = st.builds(
    Patience,
    raise_s=st.floats(0, 120),
    raise_looks=st.integers(1, 5),
    clear_s=st.floats(0, 120),
    clear_looks=st.integers(1, 5),
)


def run(course: list[tuple[float, Level]], patience: Patience) -> list[tuple[float, Level, Watch, Change | None]]:
    """What each look came to; a course is pauses and levels."""
    now_s, watch, seen = 0.0, QUIET, []
    for pause_s, level in course:
        now_s += pause_s
        watch, change = step(watch, level, now_s, patience)
        seen.append((now_s, level, watch, change))
    return seen


@given(COURSES, PATIENCE)
def test_raised_and_cleared_take_turns(course: list[tuple[float, Level]], patience: Patience) -> None:
    changes = [change for _, _, _, change in run(course, patience) if change]
    assert changes == (["raised", "cleared"] * len(changes))[: len(changes)]


@given(COURSES, PATIENCE)
def test_a_change_comes_exactly_when_its_level_has_held_unbroken(
    course: list[tuple[float, Level]], patience: Patience
) -> None:
    is_open, streak = False, []
    for now_s, level, _, change in run(course, patience):
        wanted = Level.GOOD if is_open else Level.BAD
        if level is wanted:
            streak.append(now_s)
        elif level is not Level.UNKNOWN:
            streak = []
        wait_s = patience.clear_s if is_open else patience.raise_s
        looks = patience.clear_looks if is_open else patience.raise_looks
        due = level is wanted and now_s - streak[0] >= wait_s and len(streak) >= looks
        assert (change is not None) == due
        if due:
            is_open, streak = not is_open, []


@given(st.lists(st.sampled_from([Level.BETWEEN, Level.UNKNOWN]), max_size=50), PATIENCE, st.booleans())
def test_between_the_thresholds_nothing_ever_changes(levels: list[Level], patience: Patience, is_open: bool) -> None:
    watch = Watch(is_open)
    for n, level in enumerate(levels):
        watch, change = step(watch, level, 1e6 * n, patience)
        assert (watch.is_open, change) == (is_open, None)


@given(st.integers(1, 100))
def test_what_flaps_faster_than_the_patience_is_never_raised(times: int) -> None:
    course = [(10.0, Level.BAD), (10.0, Level.GOOD)] * times
    assert not any(change for *_, change in run(course, Patience(raise_s=15.0)))


def test_a_known_beginning_counts() -> None:
    patience = Patience(raise_s=300.0)
    assert step(QUIET, Level.BAD, 1000.0, patience, began_s=600.0) == (Watch(is_open=True), "raised")
    assert step(QUIET, Level.BAD, 1000.0, patience, began_s=800.0) == (Watch(False, 800.0, 1), None)


def test_a_value_has_two_thresholds() -> None:
    assert [judge(value, bad=80, good=75) for value in (74.9, 75, 79.9, 80)] == [
        Level.GOOD,
        Level.BETWEEN,
        Level.BETWEEN,
        Level.BAD,
    ]
