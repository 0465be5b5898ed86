"""When a training looks at the validation split, and which weights it keeps."""

from __future__ import annotations

import pytest

from contract.errors import ModelError
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW

pytestmark = WITH_TENSORFLOW


@pytest.mark.parametrize(
    ("epochs", "looks"), [(3, {1, 2, 3}), (10, set(range(1, 11))), (80, {8, 16, 24, 32, 40, 48, 56, 64, 72, 80})]
)
def test_ten_looks_the_last_one_at_the_end(epochs: int, looks: set[int]) -> None:
    from trainer.detection.fitting import look_epochs

    assert look_epochs(epochs) == looks


def test_a_training_that_runs_away_says_so() -> None:
    from trainer.detection.fitting import _check_finite

    _check_finite(3.5, 1)
    with pytest.raises(ModelError, match=r"nan in epoch 2.*learning_rate"):
        _check_finite(float("nan"), 2)
