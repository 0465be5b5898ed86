"""Planted wrong labels are found among real digits; where nothing can be told, nothing is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from trainer.check import examine_origin
from trainer.checks.finding import Suspect
from trainer.data.digits import digits_origin
from trainer.data.folders import folder_origin
from trainer.data.origin import Origin


def with_wrong_labels(origin: Origin, share: float, seed: int) -> tuple[Origin, dict[str, str]]:
    """`origin` with `share` of its labels changed, and the right ones of those by name."""
    drawn = np.random.default_rng(seed)
    pictures, right = list(origin.pictures), {}
    for i in drawn.choice(len(pictures), round(share * len(pictures)), replace=False):
        right[pictures[i].name] = origin.labels[pictures[i].label]
        other = (pictures[i].label + int(drawn.integers(1, len(origin.labels)))) % len(origin.labels)
        pictures[i] = replace(pictures[i], label=other)
    return replace(origin, pictures=tuple(pictures)), right


def suspects(origin: Origin) -> tuple[Suspect, ...]:
    return tuple(suspect for finding in examine_origin(origin).checked.findings for suspect in finding.suspects)


@pytest.mark.parametrize("seed", [0, 1])
def test_wrong_labels_of_digits_are_found_with_the_right_suggestion(seed: int) -> None:
    origin, right = with_wrong_labels(digits_origin(), 0.05, seed)
    found = suspects(origin)
    hits = [suspect for suspect in found if suspect.picture in right]
    assert len(hits) / len(right) >= 0.75  # measured: 0.82 to 0.86
    assert len(hits) / len(found) >= 0.85  # measured: 0.93 to 0.98
    assert sum(suspect.suggested == right[suspect.picture] for suspect in hits) / len(hits) > 0.95
    assert all(suspect.suggested != suspect.given for suspect in found)


def test_the_same_data_gives_the_same_suspects() -> None:
    origin, _ = with_wrong_labels(digits_origin(), 0.05, 2)
    assert suspects(origin) == suspects(origin)


def test_where_plain_numbers_cannot_tell_the_classes_apart_nothing_is_said(shared_data: Path) -> None:
    checked = examine_origin(folder_origin(str(shared_data / "clothing"))).checked
    assert not any(finding.kind == "label-errors" for finding in checked.findings)
    assert any(each.startswith("wrong labels: edges and colours alone answer") for each in checked.not_judged)
