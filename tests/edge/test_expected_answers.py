"""What is known of the shared models is given back by preprocessing, backends and decoders together."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.benchmarks._known_answers import KINDS, checks


@pytest.mark.parametrize("kind", KINDS)
def test_every_known_answer_is_given_back(kind: str, shared_data: Path) -> None:
    results = checks(shared_data, kind)
    assert results
    assert {name: wrong for name, wrong in results if wrong} == {}
