from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from contract.errors import BackendError, ModelError
from contract.manifest import Classify, Manifest, Quantization, TensorSpec
from edge.decoders.classify import ClassDecoder, highest, lowest_of
from tests.edge.colours import manifest_of


def manifest(classes: int, dtype: str = "float32", scale: float | None = None, zero_point: int = 0) -> Manifest:
    quantization = None if scale is None else Quantization(scale=scale, zero_point=zero_point)
    scores = TensorSpec(name="scores", shape=(1, classes), dtype=dtype, quantization=quantization)  # type: ignore[arg-type]
    return msgspec.structs.replace(manifest_of(), outputs=(scores,), labels=("a", "b", "c"))


def answer(row: list[float], kind: Manifest, **options: object) -> list[tuple[str, float]]:
    decoder = ClassDecoder(kind, Classify(scores="scores", **options))  # type: ignore[arg-type]
    dtype = kind.outputs[0].dtype
    classes = decoder.decode({"scores": np.array([row], dtype)}, (1, 1)).classes
    assert isinstance(classes, tuple)
    return [(one.label, one.score) for one in classes]


def test_the_best_come_first_and_a_class_without_a_label_shows_its_number() -> None:
    assert answer([0.1, 0.2, 0.3, 0.4], manifest(4), top_k=3) == [
        ("3", pytest.approx(0.4)),
        ("c", pytest.approx(0.3)),
        ("b", pytest.approx(0.2)),
    ]


def test_classes_under_the_threshold_are_left_out() -> None:
    assert [label for label, _ in answer([0.5, 0.25, 0.125], manifest(3), threshold=0.25)] == ["a", "b"]


def test_stored_numbers_become_scores_by_scale_and_zero_point() -> None:
    assert answer([-128, 127, 0], manifest(3, "int8", 1 / 256, -128)) == [("b", 255 / 256), ("c", 0.5), ("a", 0.0)]


@pytest.mark.parametrize("top_k", [2, 1000])
def test_softmax_sums_over_all_classes_not_only_the_best(top_k: int) -> None:
    logits = [1.0, 3.0, 2.0]
    shares = np.exp(logits) / np.exp(logits).sum()
    found = answer(logits, manifest(3), activation="softmax", top_k=top_k)
    assert [score for _, score in found] == pytest.approx(sorted(shares, reverse=True)[:top_k], rel=1e-6)


def test_sigmoid_takes_each_class_alone_and_does_not_overflow() -> None:
    found = answer([-1000.0, 0.0, 1000.0], manifest(3), activation="sigmoid")
    assert found == [("c", 1.0), ("b", 0.5), ("a", 0.0)]


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_an_answer_that_is_no_number_is_an_error_and_not_a_class(poison: float) -> None:
    with pytest.raises(BackendError, match="not finite"):
        answer([0.1, poison, 0.3], manifest(3))


def test_scores_in_more_than_one_row_are_refused() -> None:
    kind = manifest(3)
    grid = msgspec.structs.replace(kind.outputs[0], shape=(1, 4, 3))
    with pytest.raises(ModelError, match="not one row"):
        ClassDecoder(msgspec.structs.replace(kind, outputs=(grid,)), Classify(scores="scores"))


@given(
    arrays.arrays(
        st.sampled_from([np.uint8, np.int8, np.float32]), st.integers(1, 60), elements=st.integers(-3, 3).map(abs)
    ),
    st.integers(1, 60),
)
def test_searching_and_sorting_agree_on_order_and_ties(row: np.ndarray, count: int) -> None:
    count = min(count, len(row))
    expected = sorted(enumerate(row.tolist()), key=lambda pair: (-pair[1], pair[0]))[:count]
    assert list(highest(row, count, lowest_of(row.dtype.name))) == expected


def test_the_row_is_left_as_it_was() -> None:
    row = np.array([3, 1, 2], np.int8)
    assert list(highest(row, 2, -128)) == [(0, 3), (2, 2)]
    assert row.tolist() == [3, 1, 2]
