"""Answers by the CPU while an engine is built, then changes over between two frames.

The first TensorRT build of a model takes minutes (nine and a half on an Orin, roboflow/inference#2703), and a camera
that stands still for so long looks broken. What is built, and how, is the caller's matter.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

import msgspec
import numpy as np

from contract.errors import BackendError, FerryError
from contract.manifest import TensorSpec
from edge.backends import Backend, describe
from edge.backends.state import BackendState, BuildProgress, Fallback
from edge.quantisation import Tensor

_CLOSING_S = 30.0

Build = Callable[[threading.Event], Backend]
"""Builds and opens the engine's backend, on a thread of its own; the event says that nobody wants it any more."""
Accept = Callable[[Backend], None]
"""Tries the new backend before it serves, e.g. with golden frames; a FerryError refuses it."""


class WarmingBackend:
    """`cpu` until the built backend is there. For one thread, like any backend; `state` may be asked from others."""

    def __init__(
        self,
        cpu: Backend,
        build: Build,
        *,
        wanted: str,
        expected_s: float | None = None,
        accept: Accept | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._serving = cpu
        self._build = build
        self._wanted = wanted
        self._expected_s = expected_s
        self._accept = accept
        self._clock = clock
        self._begun = clock()
        self._guard = threading.Lock()
        self._ready: Backend | None = None
        self._unwanted = threading.Event()
        self._building = True
        self._state = describe(cpu)
        self.fallback: Fallback | None = None
        self.inputs: tuple[TensorSpec, ...] = cpu.inputs
        self.outputs: tuple[TensorSpec, ...] = cpu.outputs
        self._thread = threading.Thread(target=self._warm, name="engine-build", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        """Of the backend that answers now."""
        return self._serving.name

    @property
    def state(self) -> BackendState:
        """As of this moment, with the build's seconds while there is a build."""
        progress = BuildProgress(elapsed_s=self._clock() - self._begun, expected_s=self._expected_s)
        building = progress if self._building else None
        return msgspec.structs.replace(self._state, fallback=self.fallback, building=building)

    def infer(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As the protocol says. The change-over comes after an answer, when no frame is half written."""
        answers = self._serving.infer(tensors)
        if self._ready is not None:
            self._change_over()
        return answers

    def input_view(self, name: str) -> Tensor | None:
        """The serving backend's."""
        return self._serving.input_view(name)

    def close(self) -> None:
        """Give up the build, and close what there is."""
        self._unwanted.set()
        self._thread.join(_CLOSING_S)
        with self._guard:
            ready, self._ready = self._ready, None
        if ready is not None:
            ready.close()
        self._serving.close()

    def wait(self, timeout_s: float) -> bool:
        """Until the build has ended, well or not; whether it did. For a bench, which times the engine alone."""
        self._thread.join(timeout_s)
        return not self._building

    def _change_over(self) -> None:
        with self._guard:
            new, self._ready = self._ready, None
        if new is None:
            return
        old = self._serving
        for spec in self.inputs:
            before, after = old.input_view(spec.name), new.input_view(spec.name)
            if before is not None and after is not None:
                np.copyto(after, before)  # an input that is not written again keeps its value
            del before, after  # views must be gone before the library is used again
        self._serving, self._state = new, describe(new)
        old.close()

    def _warm(self) -> None:
        cause, fix = "its build ended without a word", "Read the log."
        try:
            new = self._build(self._unwanted)
            self._check(new)
            with self._guard:
                wanted = not self._unwanted.is_set()
                if wanted:
                    self._ready = new
            if not wanted:
                new.close()
            cause = ""
        except FerryError as problem:
            cause, fix = f"{problem.what} ({problem.where})", problem.fix
        finally:
            if cause:
                self.fallback = Fallback(wanted=self._wanted, got="the CPU", cause=cause, fix=fix)
            self._building = False

    def _check(self, new: Backend) -> None:
        """It must take and give the same tensors, and stand the caller's trial."""
        try:
            if (_shapes(new.inputs), _shapes(new.outputs)) != (_shapes(self.inputs), _shapes(self.outputs)):
                raise BackendError(
                    "the engine's tensors are not the model's", where=new.name, fix="Delete the engine cache."
                )
            if self._accept is not None:
                self._accept(new)
        except FerryError:
            new.close()
            raise


def _shapes(specs: tuple[TensorSpec, ...]) -> list[tuple[str, tuple[int, ...], str]]:
    return [(spec.name, spec.shape, spec.dtype) for spec in specs]
