"""Marks for test files that work with tensors."""

from __future__ import annotations

import pytest

WITH_TENSORFLOW = [
    pytest.mark.usefixtures("tensorflow"),
    # Keras 3.15 hands TensorFlow 2.21 variables to numpy 2 in a way numpy warns about; nothing of ours is in it.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]
