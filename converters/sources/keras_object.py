"""A Keras model that is an object in somebody's program becomes a file, which every conversion starts from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from contract.errors import ConfigError
from contract.manifest import slug


@contextmanager
def as_file(model: object) -> Iterator[Path]:
    """The path of `model`: itself where it is one, else a `.keras` file that is there until the block ends.

    ConfigError for what is neither a path nor a Keras model. Keras is the caller's and is not imported.
    """
    if isinstance(model, str | Path):
        yield Path(model)
        return
    save = getattr(model, "save", None)
    if save is None or not any(base.__module__.startswith("keras.") for base in type(model).__mro__):
        raise ConfigError(
            f"{type(model).__module__}.{type(model).__qualname__} is neither a path nor a Keras model",
            where="the model",
            fix="Give a path, or a keras.Model that was built.",
        )
    with TemporaryDirectory(prefix="edgeferry-model-") as folder:
        path = Path(folder) / f"{slug(str(getattr(model, 'name', 'model')))}.keras"
        save(path)
        yield path
