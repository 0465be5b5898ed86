"""A floating-point model saved, opened and asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from contract.errors import ModelError
from contract.run import GOLDEN, MODEL
from edge.preprocess import real_values
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.run_folder import open_run

pytestmark = WITH_TENSORFLOW


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"PK\5\6" + bytes(18)])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    from trainer.learning.inference import open_keras

    (tmp_path / MODEL).write_bytes(content)
    with pytest.raises(ModelError, match="not a Keras model"):
        open_keras(tmp_path / MODEL)


def test_scores_do_not_depend_on_how_pictures_are_batched(digits_run: Path) -> None:
    from trainer.learning.inference import open_keras, scores_of

    run = open_run(digits_run)
    model = open_keras(run.model)
    with np.load(digits_run / GOLDEN) as golden:
        frames = golden["frames"][:300]
    scores = scores_of(model, frames, run.settings.preprocessing)
    one = np.asarray(model(real_values(frames[280:281], run.settings.preprocessing)))
    assert scores.shape == (300, 10)
    assert scores[280:281] == pytest.approx(one, abs=1e-5)


def test_a_saved_model_carries_no_optimizer(digits_run: Path) -> None:
    size = (digits_run / MODEL).stat().st_size
    assert size < 1.5 * 4 * 78_426  # bytes of its float32 numbers, and some JSON
