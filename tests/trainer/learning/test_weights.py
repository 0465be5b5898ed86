"""The digest of weights: equal for equal arrays, different for a single bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.learning.weights import weights_digest
from trainer.settings import InputSettings, NetworkSettings

pytestmark = WITH_TENSORFLOW


def model() -> Any:
    from trainer.architecture.networks import build_classifier

    return build_classifier(InputSettings(size_wh=(16, 16), colour="grey"), 3, NetworkSettings())


def test_saving_and_opening_does_not_change_it(tmp_path: Path) -> None:
    from trainer.learning.inference import open_keras, save_keras

    made = model()
    save_keras(made, tmp_path / "model.keras")
    assert weights_digest(open_keras(tmp_path / "model.keras")) == weights_digest(made)


def test_a_single_bit_changes_it() -> None:
    made = model()
    digest = weights_digest(made)
    weights = made.get_weights()
    weights[0].view(np.uint32).flat[3] ^= 1
    made.set_weights(weights)
    assert weights_digest(made) != digest
