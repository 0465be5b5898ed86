"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest

from converters.quantities import decibels, interval, measure, milliseconds, number, share, size


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (size(0), "0 B"),
        (size(1023), "1023 B"),
        (size(1024), "1.0 KiB"),
        (size(58_648), "57.3 KiB"),
        (size(3 * 1024**2), "3.0 MiB"),
        (share(0.98765), "98.77%"),
        (share(math.nan), "-"),
        (measure(0.0312, is_share=False), "0.0312"),
        (interval(0.9, 0.95), "90.0% to 95.0%"),
        (interval(1.25, 3, is_share=False), "1.25 to 3"),
        (interval(0.9, None), "-"),
        (decibels(34.44), "34.4 dB"),
        (decibels(math.inf), "exact"),
        (decibels(-0.3), "-0.3 dB"),
        (milliseconds(0.41234), "0.412 ms"),
        (milliseconds(1234.5), "1,234 ms"),
        (number(99.96), "100"),
        (number(None), "-"),
    ],
)
def test_it_reads_as_a_person_would_say_it(said: str, words: str) -> None:
    assert said == words
