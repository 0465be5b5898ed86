"""Every error a person may see, as one tree.

    FerryError                     what, where, fix; exit code 1
    ├── ConfigError                an option, a TOML file or a key is wrong           exit 2
    ├── MissingPartError           an optional package or program is not installed    exit 3
    ├── DataError                  pictures, labels or a split cannot be used         exit 4
    ├── ModelError                 a model file is broken or not what it claims       exit 5
    │   └── GateError              a converted model is not the same model
    ├── BundleError                a bundle is damaged, hostile or from the future    exit 6
    │   └── SignatureError         unsigned, or signed by nobody we trust
    ├── SourceError                a picture, folder, video, camera or stream         exit 7
    │   └── DamagedFrameError      one frame of a working source
    ├── BackendError               an inference library refused a model or a tensor   exit 8
    ├── LinkError                  broker or server not reachable, or a bad message   exit 9
    ├── UpdateError                an assignment cannot be carried out                exit 10
    │   └── GoldenError            known pictures are answered otherwise than promised
    └── GoalError                  a model is whole, and misses a goal set for it     exit 11

A message says what is wrong, where, and what to do. Foreign exceptions become one of these at the seam where
they are met, `from` the original; a bug keeps its own type and its traceback.
"""

from __future__ import annotations


class FerryError(Exception):
    """Anything a person may see: what went wrong, where, and what to do next."""

    exit_code = 1

    def __init__(self, what: str, *, where: str, fix: str) -> None:
        super().__init__(f"{what} [{where}] {fix}")
        self.what, self.where, self.fix = what, where, fix

    @property
    def cause(self) -> str:
        """A word for machines, from the class: `SignatureError` says `signature`."""
        name = type(self).__name__.removesuffix("Error")
        return "".join("-" + c.lower() if c.isupper() and i else c.lower() for i, c in enumerate(name))

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.where, self.fix)


def _rebuild(kind: type[FerryError], what: str, where: str, fix: str) -> FerryError:
    """Unpickle across a process boundary: conversions run in processes of their own."""
    return kind(what, where=where, fix=fix)


class ConfigError(FerryError):
    """An option, a TOML file or one of its keys is wrong."""

    exit_code = 2


class MissingPartError(FerryError):
    """An optional package or program is needed here and is not installed."""

    exit_code = 3


class DataError(FerryError):
    """Pictures, labels or a split that cannot be used."""

    exit_code = 4


class ModelError(FerryError):
    """A model file that is broken, or not what it claims to be."""

    exit_code = 5


class GateError(ModelError):
    """A converted model whose answers are not those of its source."""


class BundleError(FerryError):
    """A bundle that is damaged, hostile, or written by a newer major version."""

    exit_code = 6


class SignatureError(BundleError):
    """A signature that is missing, broken, or by a key nobody pinned."""


class SourceError(FerryError):
    """A picture, folder, video, camera or stream that cannot be read."""

    exit_code = 7


class DamagedFrameError(SourceError):
    """One unreadable frame of a source that otherwise works."""


class BackendError(FerryError):
    """An inference library that refused a model or a tensor."""

    exit_code = 8


class LinkError(FerryError):
    """A broker or server that is not reachable, or a message that is not one of ours."""

    exit_code = 9


class UpdateError(FerryError):
    """An assignment this device cannot carry out."""

    exit_code = 10


class GoldenError(UpdateError):
    """A model whose answers on this device are not the known ones."""


class GoalError(FerryError):
    """A model that is whole and measured, and does not reach what was asked of it."""

    exit_code = 11
