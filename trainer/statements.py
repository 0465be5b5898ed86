"""`[card]` of train.toml: what only a person can say about a model, and who says it.

Card and bill of materials are written from measurements; what stands here is added to them word for word and marked
with the name of whoever states it, so that nobody takes it for something measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

Words = Annotated[str, Meta(max_length=10_000)]


class Statements(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every key may be left out: the place it would fill is then visibly open."""

    stated_by: Words = ""
    """A name or a role; asked for as soon as anything else is stated."""
    intended_use: Words = ""
    users: Words = ""
    """Who is meant to use it."""
    limits: Words = ""
    """Where it should not be used, and what it is known to get wrong."""
    ethics: Words = ""
    """Risks to people, and what is done about them."""
    human_oversight: Words = ""
    """Who watches the model's answers, and how they stop it."""
    risk_management: Words = ""
    monitoring: Words = ""
    """How it is watched once it is in use."""
    labelling: Words = ""
    """Where the pictures come from and who labelled them, how."""
    provider: Words = ""
    """Whoever puts the model into service."""
    contact: Words = ""
    licence: Words = ""
    """Of the model: an SPDX expression, or a name."""
    standards: Words = ""
    """Harmonised standards applied."""

    def __post_init__(self) -> None:
        if not self.stated_by and any(words for _, words in self.given()):
            raise ValueError("`stated_by` is missing: say who states what stands in [card]")

    def given(self) -> Iterator[tuple[str, str]]:
        """Key and words of everything that is stated, without who states it."""
        for key in self.__struct_fields__:
            words: str = getattr(self, key).strip()
            if key != "stated_by" and words:
                yield key, words

    def open(self) -> tuple[str, ...]:
        """The keys nobody filled, as words."""
        stated = {key for key, _ in self.given()}
        return tuple(
            key.replace("_", " ") for key in self.__struct_fields__ if key not in stated and key != "stated_by"
        )

    def quoted(self, key: str) -> str | None:
        """What is stated under `key` with who states it; None where nobody does."""
        words = dict(self.given()).get(key)
        return None if words is None else f"{words} _(stated by {self.stated_by})_"
