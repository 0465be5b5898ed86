"""Labels a model could tell without looking: every cat came from one camera, every dog has one size.

What is asked of each picture is known before its pixels: width and height, the kind of file, how it was compressed,
whether it is grey, and the columns written about it. A network finds such a shortcut, and fails on the device.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from trainer.checks.examined import Examined
from trainer.checks.file_facts import file_facts
from trainer.checks.finding import SHOWN, Finding

_LEAST = 10
"""Pictures of a class, and of all others, below which nothing is said."""
_CLASS_SHARE, _OTHERS_SHARE = 0.8, 0.05
"""A class gives itself away where so much of it, and so little of the rest, shares a value."""
_GAIN = 0.5
"""Of the way from the commonest label to always right that a value alone may go."""


def of_shortcuts(seen: Examined) -> Iterator[Finding]:
    """One finding about all facts that give labels away."""
    if seen.detect or len(seen.origin.labels) < 2:
        return
    facts = {read.listed.name: file_facts(seen.origin, read) for read in seen.good}
    said: list[str] = []
    for fact in sorted({key for each in facts.values() for key in each}):
        said += _of_fact(fact, seen, facts)
    if said:
        yield Finding(
            kind="label-from-metadata", severity="warning", count=len(said), examples=tuple(said[:SHOWN]),
            what="labels that can be told without looking at the picture", notes=tuple(said),
            fix="Mix the sources: each class in each size, format and camera; or bring all pictures to one form.",
        )  # fmt: skip


def _of_fact(fact: str, seen: Examined, facts: Mapping[str, Mapping[str, str]]) -> list[str]:
    known = [(seen.label_of(read), facts[read.listed.name].get(fact, "")) for read in seen.good]
    labels, values = Counter(label for label, _ in known), Counter(value for _, value in known)
    if len(values) < 2:
        return []
    both = Counter(known)
    said = []
    for label, count in labels.items():
        value, times = max(((v, both[label, v]) for v in values), key=lambda pair: pair[1])
        others = len(known) - count
        if min(count, others) < _LEAST or times < _CLASS_SHARE * count:
            continue
        if values[value] - times <= _OTHERS_SHARE * others:
            said.append(f"{fact} {value}: {times} of {count} {label!r}, {values[value] - times} of {others} others")
    if not said and len(known) >= 2 * _LEAST and (gain := _gain(known, labels, values)) >= _GAIN:
        said.append(f"{fact} alone tells {gain:.0%} of what the commonest label does not")
    return said


def _gain(known: Sequence[tuple[str, str]], labels: Counter[str], values: Counter[str]) -> float:
    """How far guessing by the commonest label of the *other* pictures with that value goes beyond always saying the
    commonest label: 0 for no further, 1 for always right. A value of one picture alone tells nothing.
    """
    both = Counter(known)
    right = 0
    for label, value in known:
        rest = {other: both[other, value] - (other == label) for other in labels}
        right += values[value] > 1 and rest[label] > max((n for other, n in rest.items() if other != label), default=0)
    base = max(labels.values()) / len(known)
    return (right / len(known) - base) / (1 - base) if base < 1 else 0.0
