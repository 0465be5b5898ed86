"""Batches: the numbers converters feed as well, in an order the seed decides."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from edge.preprocess import real_values
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.data.dataset import Pictures
from trainer.settings import FOR_PHOTOGRAPHS, Augmentation, InputSettings

pytestmark = WITH_TENSORFLOW
PREP = InputSettings(size_wh=(6, 5), mean=(123.7, 116.3, 103.5), std=(58.4, 57.1, 57.4))


def pictures(count: int = 20) -> Pictures:
    frames = np.random.default_rng(0).integers(0, 256, (count, 5, 6, 3), dtype=np.uint8)
    names = tuple(str(number) for number in range(count))
    return Pictures(frames, np.arange(count, dtype=np.int64) % 4, names, names)


def batches(
    how: Augmentation, *, seed: int = 1, take: int = 6, first_step: int = 0
) -> list[list[np.ndarray[Any, Any]]]:
    from trainer.learning.feeding import training_batches

    weights = np.array([1, 2, 3, 4], np.float32)
    made = training_batches(
        pictures(), 4, PREP, how, batch=8, seed=seed, weights=weights, threads=2, first_step=first_step
    )
    return [[np.asarray(part) for part in batch] for batch in itertools.islice(made, take)]


def test_unchanged_pictures_are_normalised_as_converters_normalise_them() -> None:
    from trainer.learning.feeding import still_batches

    (frames, targets), *_ = still_batches(pictures(), 4, PREP, batch=20)
    assert np.asarray(frames) == pytest.approx(real_values(pictures().frames, PREP), abs=1e-5)
    assert np.array_equal(np.asarray(targets).argmax(axis=1), pictures().labels)


def test_every_picture_is_shown_once_a_pass_with_its_own_label_and_weight() -> None:
    shown = {}
    for frames, targets, weights in batches(Augmentation(), take=5):  # 5 batches of 8 are two passes of 20
        for frame, target, weight in zip(frames, targets, weights, strict=True):
            shown.setdefault(frame.tobytes(), []).append((int(target.argmax()), float(weight)))
    assert len(shown) == 20
    assert all(len(times) == 2 and times[0] == times[1] for times in shown.values())
    assert all(weight == label + 1 for ((label, weight), _) in shown.values())


def test_the_seed_decides_order_and_changes() -> None:
    once, again, other = (batches(FOR_PHOTOGRAPHS, seed=seed, take=3) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for x, y in zip(once, again, strict=True) for a, b in zip(x, y, strict=True))
    assert not np.array_equal(once[0][0], other[0][0])


def test_a_picture_is_changed_anew_each_pass() -> None:
    first, *_, last = batches(FOR_PHOTOGRAPHS, take=6)
    assert not {frame.tobytes() for frame in first[0]} & {frame.tobytes() for frame in last[0]}


@pytest.mark.parametrize("first_step", [1, 2, 5, 7])
def test_a_training_may_begin_at_any_step_with_the_batch_it_would_have_had(first_step: int) -> None:
    whole, late = batches(FOR_PHOTOGRAPHS, take=9), batches(FOR_PHOTOGRAPHS, first_step=first_step, take=9 - first_step)
    for one, other in zip(whole[first_step:], late, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_rare_classes_weigh_more_only_when_the_imbalance_is_real() -> None:
    from trainer.learning.feeding import class_weights

    labels = np.array([0] * 30 + [1] * 10)
    assert class_weights(labels, 2, "auto") == pytest.approx([40 / 60, 2.0])
    assert class_weights(labels, 2, "off").tolist() == [1.0, 1.0]
    assert class_weights(np.array([0] * 13 + [1] * 10), 2, "auto").tolist() == [1.0, 1.0]
