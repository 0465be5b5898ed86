"""TensorFlow, made quiet and repeatable before the first file that works with tensors imports it.

Those files import it at their top and are themselves imported late, after `prepare`. Equal seed and equal number of
threads give equal weights on one kind of machine; another number of threads sums in another order (measured: the
digest differs), which is why a run records it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from contract.errors import ConfigError, MissingPartError


def prepare(*, threads: int, seed: int | None = None) -> None:
    """Import TensorFlow for `threads` threads; with a `seed` everything after it is repeatable.

    MissingPartError where it is not installed; ConfigError where this process has computed with other threads.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        with quiet_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside foreign packages, nothing a person can act on
            import keras
            import tensorflow as tf

            from trainer.learning.narrow_gradients import avoid_overrun

            _use_threads(tf.config.threading, threads)
            tf.zeros(()).numpy()  # the runtime says its piece about oneDNN at the first operation
            avoid_overrun()
    except ModuleNotFoundError as missing:
        raise MissingPartError(
            f"{missing.name!r} is not installed", where="trainer", fix="Run: pip install 'edgeferry[trainer]'"
        ) from missing
    if seed is not None:
        keras.utils.set_random_seed(seed)
        tf.config.experimental.enable_op_determinism()


def _use_threads(threading: object, threads: int) -> None:
    """Set both pools; TensorFlow allows it only before its first operation."""
    for pool in ("intra", "inter"):
        if getattr(threading, f"get_{pool}_op_parallelism_threads")() == threads:
            continue
        try:
            getattr(threading, f"set_{pool}_op_parallelism_threads")(threads)
        except RuntimeError as problem:
            raise ConfigError(
                f"TensorFlow already runs in this process with another number of threads than {threads}",
                where="training.threads",
                fix="Use the same number, or a process of its own.",
            ) from problem


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hold back what C++ libraries write to standard error; shown after all when something fails.

    TensorFlow 2.21 writes two lines about oneDNN before any of its log settings are read.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
