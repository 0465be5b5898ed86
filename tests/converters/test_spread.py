from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as some

from converters.spread import spread


@given(some.integers(1, 2000), some.integers(1, 300))
def test_a_choice_is_even_and_never_too_large(count: int, limit: int) -> None:
    chosen = spread(count, limit)
    assert len(chosen) == len(set(chosen)) == min(count, limit)
    assert 0 <= chosen[0] <= chosen[-1] < count
    gaps = np.diff(chosen)
    assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1
