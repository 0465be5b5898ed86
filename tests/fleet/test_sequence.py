"""What may be acknowledged, and what is lost."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from contract.messages import Span
from fleet.sequence import Progress, take


def test_numbers_in_order_are_acknowledged_to_the_last() -> None:
    step = take(Progress(), [1, 2, 3], oldest=1)
    assert step.progress == Progress(acknowledged=3)
    assert step.fresh == {1, 2, 3}
    assert step.gaps == ()


def test_the_same_batch_again_changes_nothing() -> None:
    once = take(Progress(), [1, 2, 5], oldest=1).progress
    again = take(once, [1, 2, 5], oldest=1)
    assert again.progress == once
    assert again.fresh == frozenset()


def test_nothing_beyond_a_hole_is_acknowledged_until_it_is_filled() -> None:
    late = take(Progress(), [1, 4, 5], oldest=1).progress
    assert late == Progress(acknowledged=1, above=(Span(4, 5),))
    assert take(late, [2, 3], oldest=2).progress == Progress(acknowledged=5)


def test_a_hole_below_the_oldest_number_held_is_a_loss() -> None:
    step = take(Progress(acknowledged=2), [9, 10], oldest=9)
    assert step.gaps == (Span(3, 8),)
    assert step.progress == Progress(acknowledged=10)


def test_what_is_stored_inside_a_hole_is_not_called_lost() -> None:
    held = take(Progress(acknowledged=1), [4, 6], oldest=2).progress
    step = take(held, [9], oldest=9)
    assert step.gaps == (Span(2, 3), Span(5, 5), Span(7, 8))
    assert step.progress == Progress(acknowledged=9)


def test_a_redelivered_batch_from_before_a_loss_brings_nothing_back() -> None:
    after_loss = take(Progress(), [8], oldest=8).progress
    step = take(after_loss, [1, 2], oldest=1)
    assert step.progress == after_loss
    assert step.fresh == frozenset()
    assert step.gaps == ()


def test_what_is_gone_above_the_oldest_number_is_settled_at_once() -> None:
    step = take(Progress(), [1, 4, 9], oldest=1, gone=[Span(2, 3), Span(5, 6)])
    assert step.gaps == (Span(2, 3), Span(5, 6))
    assert step.progress == Progress(acknowledged=6, above=(Span(9, 9),))


def test_what_is_gone_beyond_a_late_number_waits_for_it_and_is_told_once() -> None:
    early = take(Progress(), [5], oldest=1, gone=[Span(3, 4)])
    assert early.progress == Progress(acknowledged=0, above=(Span(3, 5),))
    again = take(early.progress, [5], oldest=1, gone=[Span(3, 4)])
    assert (again.gaps, again.fresh) == ((), frozenset())
    assert take(again.progress, [1, 2], oldest=1).progress == Progress(acknowledged=5)


def test_what_was_stored_before_the_device_gave_it_up_is_no_gap() -> None:
    held = take(Progress(), [1, 2, 3], oldest=1).progress
    assert take(held, [7], oldest=1, gone=[Span(2, 6)]).gaps == (Span(4, 6),)


def test_a_boot_of_which_nothing_is_left_is_one_gap() -> None:
    step = take(Progress(), [], oldest=501)
    assert step.gaps == (Span(1, 500),)
    assert step.progress == Progress(acknowledged=500)


@settings(deadline=None)
@given(st.data())
def test_any_order_of_batches_stores_every_number_once_and_accounts_for_the_rest(data: st.DataObject) -> None:
    progress, stored, lost, held_from = Progress(), set[int](), set[int](), 1
    for _ in range(data.draw(st.integers(1, 12))):
        held_from = data.draw(st.integers(held_from, held_from + 5))
        numbers = data.draw(st.lists(st.integers(held_from, held_from + 12), min_size=1, max_size=8))
        given_up = data.draw(st.sets(st.integers(held_from, held_from + 12).filter(lambda n: n not in numbers)))  # noqa: B023
        step = take(progress, numbers, oldest=held_from, gone=[Span(n, n) for n in sorted(given_up)])
        assert not step.fresh & (stored | lost)
        stored |= step.fresh
        lost |= {n for gap in step.gaps for n in range(gap.first, gap.last + 1)}
        progress = step.progress
        assert set(range(1, progress.acknowledged + 1)) <= stored | lost
        assert progress.acknowledged + 1 not in stored
    assert not stored & lost
