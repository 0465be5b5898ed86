"""TensorFlow runs with the threads that were asked for. That it keeps quiet is seen in test_training.py."""

from __future__ import annotations

import pytest

from contract.errors import ConfigError
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.learning import framework
from trainer.settings import usable_cores

pytestmark = WITH_TENSORFLOW


def test_another_number_of_threads_is_refused_once_it_runs() -> None:
    framework.prepare(threads=usable_cores())
    with pytest.raises(ConfigError, match="another number of threads"):
        framework.prepare(threads=usable_cores() + 1)
