"""TensorFlow for the tests of files that work with tensors: imported once, and only when one of them runs."""

from __future__ import annotations

import pytest

from trainer.learning import framework
from trainer.settings import usable_cores


@pytest.fixture(scope="session")
def tensorflow() -> None:
    """Afterwards the files that import TensorFlow may be imported."""
    framework.prepare(threads=usable_cores(), seed=1)
