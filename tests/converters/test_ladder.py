"""The order in which things are tried, and where it stops."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from contract.errors import GateError, ModelError
from converters.ladder import Ladder, Outcome, Rung, climb

LAYERS = tuple(f"layer {number}" for number in range(20))


class Bench:
    """Converts into words, and judges by them; remembers what it was asked for."""

    def __init__(self, *good: str, refused: Sequence[str] = ()) -> None:
        self.good, self.refused, self.asked, self.said = good, refused, list[str](), list[str]()

    def convert(self, rung: Rung) -> str:
        self.asked.append(rung.words)
        if rung.kind in self.refused:
            raise ModelError("no kernels for it.", where="model", fix="None.")
        return f"{rung.kind} {len(rung.keep_float)}" if rung.kind == "mixed" else rung.kind

    def judge(self, made: str) -> None:
        if made not in self.good:
            raise GateError(f"{made} is not the same model.", where="model", fix="None.")

    def climb(
        self,
        *,
        layers: Sequence[str] | None = LAYERS,
        seven_bits: bool = False,
        train: Callable[[], str] | None = None,
        train_first: bool = False,
        wider: tuple[str, ...] = (),
    ) -> Outcome[str]:
        return climb(
            Ladder(
                recipe="onnx-int8",
                convert=self.convert,
                judge=self.judge,
                worst_layers=None if layers is None else lambda _: layers,
                seven_bits=seven_bits,
                train=train,
                train_first=train_first,
                wider=wider,  # type: ignore[arg-type]
            ),
            self.said.append,
        )


def test_the_cheapest_that_holds_is_all_that_is_made() -> None:
    bench = Bench("quantise")
    outcome = bench.climb(seven_bits=True, train=lambda: "trained")
    assert outcome.made == "quantise"
    assert bench.asked == ["onnx-int8, quantised after training"]
    assert bench.said == []


def test_what_is_trained_already_is_tried_first() -> None:
    bench = Bench("trained", "quantise")
    outcome = bench.climb(train=lambda: "trained", train_first=True)
    assert outcome.made == "trained"
    assert bench.asked == []
    outcome = Bench("quantise").climb(train=lambda: "trained", train_first=True)
    assert [attempt.rung.kind for attempt in outcome.attempts] == ["train", "quantise"]


def test_rungs_come_in_their_order_and_each_says_why() -> None:
    bench = Bench("trained")
    outcome = bench.climb(seven_bits=True, train=lambda: "trained", wider=("onnx-float16",))
    assert [attempt.rung.kind for attempt in outcome.attempts] == ["quantise", "seven-bits", *["mixed"] * 3, "train"]
    assert [len(attempt.rung.keep_float) for attempt in outcome.attempts] == [0, 0, 1, 4, 16, 0]
    assert outcome.attempts[2].rung.keep_float == ("layer 0",)
    assert outcome.attempts[0].refusal == "quantise is not the same model."
    assert outcome.made == "trained"
    assert outcome.rung == Rung("train", "onnx-int8")
    assert bench.said[0] == "quantise is not the same model. Trying onnx-int8 with 7-bit weights."


def test_a_refusal_of_a_converter_is_a_rung_that_does_not_hold() -> None:
    outcome = Bench("wider", refused=["quantise", "train"]).climb(wider=("onnx-float16",))
    assert [attempt.rung.kind for attempt in outcome.attempts] == ["quantise", "wider"]
    assert outcome.attempts[0].refusal == "no kernels for it."
    assert "no 8-bit model was made to look for them in" in outcome.notes[0]


def test_where_nothing_holds_everything_was_tried_and_what_was_not_is_said() -> None:
    outcome = Bench().climb(layers=None)
    assert outcome.made is None
    assert outcome.rung is None
    assert len(outcome.attempts) == 1
    assert "this accelerator takes 8-bit models only" in outcome.notes[0]
    assert "no such model is here" in outcome.notes[1]


@pytest.mark.parametrize(("count", "expected"), [(0, []), (1, [1]), (3, [1, 3]), (4, [1, 4]), (9, [1, 4, 9])])
def test_no_rung_is_the_one_before_it_again(count: int, expected: list[int]) -> None:
    outcome = Bench().climb(layers=LAYERS[:count])
    assert [len(each.rung.keep_float) for each in outcome.attempts if each.rung.kind == "mixed"] == expected


def test_a_bug_is_no_rung() -> None:
    def broken() -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Bench().climb(train=broken)
