"""The last weights stay unless validation has something to say against them."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.learning.kept_weights import cross_entropies, last_will_do


def test_cross_entropy_is_minus_the_log_of_the_true_score_and_never_infinite() -> None:
    scores = np.array([[0.5, 0.5], [1.0, 0.0]], np.float32)
    assert cross_entropies(scores, np.array([0, 1])) == pytest.approx([np.log(2), -np.log(1e-7)])


def test_a_difference_within_the_noise_keeps_the_last_weights() -> None:
    drawn = np.random.default_rng(0)
    best = drawn.exponential(0.3, 20)
    assert last_will_do(best + drawn.normal(0.0, 0.2, 20), best)


def test_losses_that_are_worse_on_every_picture_do_not() -> None:
    best = np.random.default_rng(0).exponential(0.3, 20)
    assert not last_will_do(best + np.linspace(0.1, 0.2, 20), best)


def test_one_picture_alone_decides_by_its_own_loss() -> None:
    assert last_will_do(np.array([0.3]), np.array([0.3]))
    assert not last_will_do(np.array([0.4]), np.array([0.3]))
