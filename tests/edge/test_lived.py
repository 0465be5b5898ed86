"""Time at work."""

from __future__ import annotations

from edge.lived import Lived


def test_time_at_work_goes_on_where_the_last_start_left_it() -> None:
    moments = iter([1000.0, 1000.0, 1060.0])
    lived = Lived(500.0, lambda: next(moments))
    assert [lived.now_s(), lived.now_s()] == [500.0, 560.0]
