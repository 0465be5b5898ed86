"""A retraining begins with what the base knows, and a larger head forgets none of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from contract.errors import ModelError
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.run_folder import open_run

pytestmark = WITH_TENSORFLOW


def test_known_classes_keep_their_scores_among_each_other(digits_run: Path) -> None:
    from trainer.retraining.warm_start import base_model, warm_classifier

    run = open_run(digits_run)
    base, grown = base_model(run), warm_classifier(run, 12)
    with np.load(run.path / "golden.npz") as golden:
        pictures = golden["frames"][:16].astype(np.float32) / 255
    before, after = (np.asarray(model(pictures, training=False)) for model in (base, grown))
    assert after.shape == (16, 12)
    np.testing.assert_allclose(after[:, :10] / after[:, :10].sum(axis=1, keepdims=True), before, atol=1e-5)
    assert warm_classifier(run, 10).output.shape[-1] == 10


def test_another_model_in_the_run_s_place_is_refused(digits_run: Path, tmp_path: Path) -> None:
    import shutil

    from trainer.learning.inference import open_keras, save_keras
    from trainer.retraining.warm_start import base_model

    shutil.copytree(digits_run, tmp_path / "run")
    run = open_run(tmp_path / "run")
    model = open_keras(run.model)
    model.set_weights([array + 1 for array in model.get_weights()])
    save_keras(model, run.model)
    with pytest.raises(ModelError, match="was measured with"):
        base_model(run)
