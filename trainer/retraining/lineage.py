"""What a run that was trained on from another one says about its descent, in `dataset.json`."""

from __future__ import annotations

from msgspec import Struct

from contract.manifest import Digest
from contract.run import Split


class Base(Struct, frozen=True, kw_only=True):
    """The run it started from."""

    name: str
    weights: Digest
    """Over its weights, as in its `metrics.json`."""
    dataset: Digest
    test: Digest
    """Of its test split, whose pictures are test pictures still."""
    warm: bool
    """Whether its weights were the first ones; False for a training from scratch on its data."""
    remembered: bool = False
    """Whether its pictures were gone, and only those the run itself keeps were there."""


class Added(Struct, frozen=True, kw_only=True):
    """One folder of pictures that came in addition."""

    origin: str
    digest: Digest
    seed: int
    """That drew its splits."""
    pictures: int
    groups: int
    """Of devices and days, say, whose pictures stand in one split."""
    base_labels: tuple[str, ...]
    """Of the data it was added to: what is beyond them came with it."""
    splits: dict[str, Split]
    known: tuple[str, ...] = ()
    """Left out: the older data has the same pictures."""
    unlabelled: tuple[str, ...] = ()
    """Left out: nobody has said what is on them."""
    unreadable: tuple[str, ...] = ()
    odd_boxes: tuple[str, ...] = ()
    """Boxes nobody could learn from, left out: where, and why."""
