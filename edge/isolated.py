"""A model in a process of its own: an inference that crashes or hangs costs one frame, not the program.

Only the inference moves out. The frame is fitted here, straight into memory the worker shares, and the answer is
decoded here, so a frame costs two short messages more and its pixels are never copied. `edge/worker.py` is the other
side, `edge/crashes.py` says when to give up.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from contract.errors import BackendError, ConfigError, FerryError, ModelError
from contract.manifest import Format, Manifest
from edge.backends import Backend
from edge.crashes import MOST_REPLACEMENTS, WITHIN_S, Crashes
from edge.model import LoadedModel
from edge.process_end import ProcessLostError
from edge.quantisation import Tensor
from edge.shared_tensors import SharedTensors
from edge.worker import Done, Ready, Start
from edge.worker_process import WorkerProcess

LOAD_TIMEOUT_S = 60.0
SHORTEST_DEADLINE_S = 1.0
DEADLINE_IN_MEDIANS = 10.0
PATIENCE_S = 0.5
"""How long a frame waits for a new worker before it is given up: long enough that a folder of pictures is not used up
by errors meanwhile, short enough that whoever stops the runtime need not wait. A camera's frames go stale as usual."""
_RELOAD_IN_LOADS = 5.0
_SHORTEST_RELOAD_S = 5.0
_LOOK_AT_MEMORY_S = 1.0
_SUSPICIOUS = 0.4
"""Share of the deadline after which another worker is started, in case; at least four times the usual inference."""


class CrashLoopError(BackendError):
    """The inference process dies again and again: this model, or this library, is no good here."""


class IsolatedBackend:
    """The backend protocol, answered by a worker process that is replaced when it fails. Not for two threads at a time.

    A frame under way when the worker fails gets BackendError with the cause, and so does one that would have to wait
    longer than `PATIENCE_S` for the next worker. After too many replacements every call is CrashLoopError.
    """

    def __init__(
        self,
        format: Format,
        model: bytes | Path,
        *,
        threads: int,
        device: str,
        profile: str,
        deadline_s: float | None,
        memory_limit_bytes: int | None,
        standby: bool,
        load_timeout_s: float,
    ) -> None:
        self.crashes = Crashes()
        self._memory_limit_bytes, self._standby = memory_limit_bytes, standby
        self._serving: WorkerProcess | None = None
        self._coming: WorkerProcess | None = None
        self._closed = True
        self._last_words = ""
        self._look_at_memory_at = 0.0
        self._model = _opened(model)
        self._memory = os.memfd_create("tensors")
        self._closed = False
        self._start = Start(
            format=format,
            model=self._model,
            origin="the model" if isinstance(model, bytes) else str(model),
            tensors=self._memory,
            threads=threads,
            device=device,
            profile=profile,
            rehearse=True,
        )
        try:
            ready = self._open_first(load_timeout_s)
            self._name, self.state = ready.name, ready.state
            self.inputs, self.outputs = ready.inputs, ready.outputs
            usual_s = max(SHORTEST_DEADLINE_S, DEADLINE_IN_MEDIANS * ready.median_s)
            self.deadline_s = usual_s if deadline_s is None else deadline_s
            self._tensors = SharedTensors(self._memory, ready.inputs, ready.outputs)
            self._check_it_fits()
        except BaseException:
            self._end()
            raise
        if standby:
            self._coming = self._started()

    @property
    def name(self) -> str:
        """The library and its version; the process around it makes no difference to the answers."""
        return self._name

    @property
    def pid(self) -> int | None:
        """Of the process that answers; None while there is none."""
        serving = self._serving
        return None if serving is None else serving.pid

    def resident_bytes(self) -> int:
        """Memory of the worker and its standby."""
        return sum(worker.resident_bytes() for worker in (self._serving, self._coming) if worker is not None)

    def input_view(self, name: str) -> Tensor | None:
        """The shared memory the worker reads, once there is a worker to read it."""
        self._ready_worker()
        return self._tensors.inputs[name]

    def infer(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As the protocol says; the answers are copies."""
        worker = self._serving or self._ready_worker()
        for name, array in tensors.items():
            self._put(name, array)
        try:
            done = self._answer(worker)
        except ProcessLostError as lost:
            self._lose(lost)
            raise self._gone() from lost
        self._tensors.reshape_outputs(done.shapes)
        return {name: view.copy() for name, view in self._tensors.outputs.items()}

    def _answer(self, worker: WorkerProcess) -> Done:
        worker.ask()
        suspicious_s = self.deadline_s * _SUSPICIOUS
        done = worker.answer(suspicious_s)
        if done is None:
            # The likely successor loads while this one uses up its time.
            self._coming = self._coming or self._started()
            done = worker.answer(self.deadline_s - suspicious_s)
        if done is None:
            raise ProcessLostError("hung", f"did not answer within {self.deadline_s:.1f} s")
        return done

    def close(self) -> None:
        """End the processes and give their memory back."""
        self._end()
        self._tensors.close()

    def __del__(self) -> None:
        """A model that was replaced and dropped takes its processes along."""
        if not self._closed:
            self._end()

    def _end(self) -> None:
        self._closed = True
        for worker in (self._serving, self._coming):
            if worker is not None:
                worker.kill()
        self._serving = self._coming = None
        for handle in (self._model, self._memory):
            if handle >= 0:
                os.close(handle)
        self._model = self._memory = -1

    def _open_first(self, timeout_s: float) -> Ready:
        """The worker a person waits for: what is wrong with it is wrong with the model."""
        began = time.monotonic()
        self._serving = WorkerProcess(self._start, timeout_s=timeout_s)
        try:
            ready = self._serving.ready(timeout_s)
        except ProcessLostError as lost:
            raise self._cannot_open(lost) from lost
        assert ready is not None
        self._start_timeout_s = max(_SHORTEST_RELOAD_S, _RELOAD_IN_LOADS * (time.monotonic() - began))
        return ready

    def _cannot_open(self, lost: ProcessLostError) -> FerryError:
        what = f"the process that opened it {lost.words}"
        if lost.cause == "SIGKILL":
            fix = "Most often memory ran out: use a smaller model, or stop other programs."
            return BackendError(what, where=self._start.origin, fix=fix)
        fix = "Convert the model again; where it is sound, another version of the inference library may open it."
        return ModelError(what, where=self._start.origin, fix=fix)

    def _check_it_fits(self) -> None:
        held, limit = self.resident_bytes(), self._memory_limit_bytes
        if limit is not None and held > limit:
            raise BackendError(
                f"it needs {_mib(held)} MiB and the limit is {_mib(limit)} MiB",
                where=self._start.origin,
                fix="Raise the memory limit, or use a smaller model.",
            )

    def _ready_worker(self) -> WorkerProcess:
        """The one that answers the next frame; a failure noticed only now costs no frame if another comes in time."""
        if self._serving is not None:
            try:
                self._serving.check()
                self._check_memory(self._serving)
                self._dismiss_suspicion()
            except ProcessLostError as lost:
                self._lose(lost)
        give_up_at = time.monotonic() + PATIENCE_S
        while self._serving is None:
            self._let_next_come(give_up_at - time.monotonic())
        return self._serving

    def _let_next_come(self, patience_s: float) -> None:
        """Make the coming worker the serving one, or BackendError when that takes longer than `patience_s`."""
        if self._coming is None and not (self._closed or self.crashes.exhausted):
            self._coming = self._started()
        if self._coming is None or patience_s <= 0:
            raise self._gone()
        try:
            ready = self._coming.ready(patience_s)
        except FerryError as refused:
            self._lose(ProcessLostError("refused", f"could not open the model again: {refused.what}"))
            return
        except ProcessLostError as lost:
            self._lose(lost)
            return
        if ready is not None:
            self._serving, self._coming = self._coming, self._started() if self._standby else None

    def _dismiss_suspicion(self) -> None:
        """The worker that was slow has answered after all."""
        if self._coming is not None and not self._standby:
            self._coming.kill()
            self._coming = None

    def _check_memory(self, worker: WorkerProcess) -> None:
        """ProcessLostError for one that leaks, before the kernel ends it in the middle of a frame."""
        limit, now = self._memory_limit_bytes, time.monotonic()
        if limit is None or now < self._look_at_memory_at:
            return
        self._look_at_memory_at = now + _LOOK_AT_MEMORY_S
        held = worker.resident_bytes()
        if held > limit:
            raise ProcessLostError("memory", f"held {_mib(held)} MiB, over its limit of {_mib(limit)} MiB")

    def _lose(self, lost: ProcessLostError) -> None:
        """End the worker that failed, the serving one or else the coming one, and start its successor."""
        if self._serving is not None:
            self._serving.kill()
            self._serving = None
        elif self._coming is not None:
            self._coming.kill()
            self._coming = None
        if self._closed:
            return
        self._last_words = lost.words
        self.crashes.record(lost.cause, time.monotonic())
        if self.crashes.exhausted and self._coming is not None:
            self._coming.kill()
            self._coming = None
        elif not self.crashes.exhausted and self._coming is None:
            self._coming = self._started()

    def _started(self) -> WorkerProcess | None:
        """Another worker on the same memory, which it does not touch before it is asked to.

        None, and one failure more, where the system has no room for a process.
        """
        try:
            return WorkerProcess(replace(self._start, rehearse=False), timeout_s=self._start_timeout_s)
        except OSError as problem:
            self._last_words = f"could not be started: {problem.strerror}"
            self.crashes.record("start", time.monotonic())
            return None

    def _gone(self) -> BackendError:
        if self._closed:
            return BackendError("the model is closed", where=self._name, fix="Load it again.")
        if self.crashes.exhausted:
            return CrashLoopError(
                f"the inference process failed more than {MOST_REPLACEMENTS} times within {WITHIN_S:.0f} s; "
                f"the last one {self._last_words}",
                where=self._name,
                fix="Go back to the model before, or to another version of the inference library.",
            )
        return BackendError(
            f"the inference process {self._last_words}",
            where=self._name,
            fix="It is started again by itself; if this repeats, go back to the model before.",
        )

    def _put(self, name: str, array: Tensor) -> None:
        view = self._tensors.inputs.get(name)
        if view is None or (view.shape, view.dtype) != (array.shape, array.dtype):
            raise BackendError(
                f"a tensor {name!r}, {array.dtype}{list(array.shape)}, which the model does not take",
                where="inference",
                fix="Check that the tensors match the model's inputs.",
            )
        view[...] = array


class IsolatedModel(LoadedModel):
    """A model whose inference runs in a process of its own."""

    backend: IsolatedBackend

    def __init__(self, manifest: Manifest, digest: str, backend: IsolatedBackend) -> None:
        checked: Backend = backend
        super().__init__(manifest, digest, checked)

    @property
    def restarts(self) -> dict[str, int]:
        """How often the process was replaced, by cause.

        A signal's name, `exit`, `hung`, `memory`, `refused` (the model, by a later worker), `start` (no room for a
        process) or `protocol` (a bug).
        """
        return self.backend.crashes.counts

    def resident_elsewhere_bytes(self) -> int:
        """Of the worker and its standby."""
        return self.backend.resident_bytes()

    @property
    def exhausted(self) -> bool:
        """Whether it was given up: each further answer is CrashLoopError."""
        return self.backend.crashes.exhausted


def load_isolated(
    manifest: Manifest,
    digest: str,
    model: bytes | Path,
    *,
    threads: int = 1,
    device: str = "auto",
    deadline_s: float | None = None,
    memory_limit_bytes: int | None = None,
    standby: bool = False,
    load_timeout_s: float = LOAD_TIMEOUT_S,
) -> IsolatedModel:
    """As `edge.model.load_model`, in a process of its own.

    An inference may take `deadline_s`; None means ten times the median of the first few, and a second at least.
    `standby` keeps a second process with the model loaded, which takes over in a few milliseconds and costs its memory.
    A worker that holds more than `memory_limit_bytes` is replaced between two frames.

    Raises as `load_model` does; ModelError also for a file that makes the library crash or hang, BackendError also for
    one that does not fit into the limit.
    """
    if deadline_s is not None and deadline_s <= 0:
        raise ConfigError(f"a deadline of {deadline_s:g} s", where="inference", fix="Give more than 0 seconds.")
    backend = IsolatedBackend(
        manifest.format,
        model,
        threads=threads,
        device=device,
        profile=manifest.profile,
        deadline_s=deadline_s,
        memory_limit_bytes=memory_limit_bytes,
        standby=standby,
        load_timeout_s=load_timeout_s,
    )
    try:
        return IsolatedModel(manifest, digest, backend)
    except FerryError:
        backend.close()
        raise


def _opened(model: bytes | Path) -> int:
    """A descriptor of the model's file: later workers open the very same bytes, whatever becomes of the path."""
    if isinstance(model, bytes):
        handle = os.memfd_create("model")
        with os.fdopen(os.dup(handle), "wb") as stream:
            stream.write(model)
        return handle
    try:
        return os.open(model, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as problem:
        raise ModelError(
            f"the model file cannot be opened: {problem.strerror}", where=str(model), fix="Check the path."
        ) from problem


def _mib(size_bytes: int) -> int:
    return round(size_bytes / 1024**2)
