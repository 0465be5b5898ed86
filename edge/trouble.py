"""An error on its way from one process of a device to another, and itself again at the end."""

from __future__ import annotations

from msgspec import Struct

from contract import errors
from contract.errors import FerryError


class Trouble(Struct, frozen=True, kw_only=True):
    """A FerryError in words."""

    error: str
    """The nearest of its classes that `contract/errors.py` has."""
    what: str
    where: str
    fix: str

    @classmethod
    def of(cls, error: FerryError) -> Trouble:
        """The words of `error`."""
        name = next(kind.__name__ for kind in type(error).__mro__ if hasattr(errors, kind.__name__))
        return cls(error=name, what=error.what, where=error.where, fix=error.fix)

    def as_error(self) -> FerryError:
        """The error here, to be raised."""
        kind: type[FerryError] = getattr(errors, self.error)
        return kind(self.what, where=self.where, fix=self.fix)
