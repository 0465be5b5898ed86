"""What mistakes cost: what a person may write, and the answer that costs least."""

from __future__ import annotations

import numpy as np
import pytest

from contract.errors import ConfigError
from trainer.measurement.costs import cheapest_answers, costs_of, prices

LABELS = ("cat", "dog", "a->b")


def test_nothing_written_is_no_table() -> None:
    assert prices({}, LABELS, where="train.toml") is None


def test_a_cell_wins_over_a_row_and_the_rest_costs_the_default() -> None:
    written: dict[str, float | str] = {"currency": "EUR", "default": 2.0, "*->dog": 5, "cat->dog": 20.0, "a->b->cat": 7}
    found = prices(written, LABELS, where="train.toml")
    assert found is not None
    assert found.currency == "EUR"
    assert found.matrix.tolist() == [[0.0, 20.0, 2.0], [2.0, 0.0, 2.0], [7.0, 5.0, 0.0]]


def test_costs_are_looked_up_and_no_answer_costs_the_default() -> None:
    found = prices({"cat->dog": 20.0}, LABELS, where="")
    assert found is not None
    assert costs_of(found, np.array([0, 0, 1, 2]), np.array([0, 1, 0, -1])).tolist() == [0.0, 20.0, 1.0, 1.0]


def test_the_cheapest_answer_is_not_the_likeliest_where_that_mistake_is_dear() -> None:
    found = prices({"cat->dog": 20.0}, LABELS, where="")
    assert found is not None
    shares = np.array([[0.1, 0.9, 0.0], [0.04, 0.96, 0.0]])  # dog costs 20 * cat, cat costs 1 * dog
    assert cheapest_answers(found, shares).tolist() == [0, 1]


def test_with_equal_prices_the_cheapest_answer_is_the_likeliest() -> None:
    found = prices({"default": 3.0}, LABELS, where="")
    assert found is not None
    shares = np.random.default_rng(0).dirichlet(np.ones(3), 200)
    assert cheapest_answers(found, shares).tolist() == shares.argmax(axis=1).tolist()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"cat->cow": 2.0}, "names no error of this data"),
        ({"cat": 2.0}, "names no error of this data"),
        ({"cat->cat": 2.0}, "is no error"),
        ({"cat->dog": -1.0}, "is no cost"),
        ({"cat->dog": "much"}, "is no cost"),
        ({"default": float("inf")}, "is no cost"),
        ({"cat->*": 2.0, "*->dog": 3.0}, "give 'cat->dog' different prices"),
    ],
)
def test_prices_that_make_no_sense_are_refused(written: dict[str, float | str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        prices(written, LABELS, where="train.toml")
    prices({"cat->*": 2.0, "*->dog": 3.0, "cat->dog": 9.0}, LABELS, where="")  # settled by the cell
