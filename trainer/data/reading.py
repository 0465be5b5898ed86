"""Every listed picture read once: its digest, and whatever the caller makes of its pixels, on several cores.

A picture that cannot be read is not an exception here but a result, so that one damaged file among ten thousand can
be named together with the others. What follows from it is decided by `trainer/data/dataset.py` and `trainer/check.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from contract.digest import digest_of_chunks
from contract.errors import SourceError
from edge.frames import Pixels
from trainer.data.origin import Listed
from trainer.settings import usable_cores

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Read(Generic[T]):
    """A picture that could be read."""

    listed: Listed
    digest: str
    """Of its decoded pixels: two files that show the same pixels have the same."""
    size_wh: tuple[int, int]
    made: T
    """What `make` returned for its pixels."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A picture that could not."""

    listed: Listed
    why: str


def read_all(listed: Iterable[Listed], make: Callable[[Pixels], T]) -> Iterator[Read[T] | Unreadable]:
    """Read `listed` in order; OpenCV lets go of the interpreter while it decodes, so threads are enough."""
    return read_each(listed, lambda _, pixels: make(pixels))


def read_each(listed: Iterable[Listed], make: Callable[[Listed, Pixels], T]) -> Iterator[Read[T] | Unreadable]:
    """The same where `make` needs what was written about the picture as well."""

    def read(picture: Listed) -> Read[T] | Unreadable:
        try:
            pixels = picture.read()
        except SourceError as problem:
            return Unreadable(picture, problem.what)
        height, width = pixels.shape[:2]
        return Read(picture, pixel_digest(pixels), (width, height), make(picture, pixels))

    pool = ThreadPoolExecutor(usable_cores())
    try:
        yield from pool.map(read, listed)
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C must not wait for ten thousand pictures


def pixel_digest(pixels: Pixels) -> str:
    """`sha256:…` over the shape and the values of (H, W, C) uint8 pixels."""
    return digest_of_chunks((repr(pixels.shape).encode(), pixels.tobytes()))
