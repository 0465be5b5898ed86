"""What the calls about kept pictures answer."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Picture(BaseModel):
    """One picture that lies on a device."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    name: str
    """Begins with the moment; what is said about it ends in `.json` instead of `.jpg`."""
    size_bytes: int


class Pictures(BaseModel):
    """Some of a device's pictures, the oldest first."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    device: str
    pictures: tuple[Picture, ...]
    """Ask again with the last name as `after`; empty at the end."""
