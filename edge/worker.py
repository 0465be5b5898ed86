"""The process an isolated model lives in: `python -m edge.worker HANDLE`, started by `edge/worker_process.py`.

It opens one model and runs it on the tensors in shared memory whenever it is asked, so that a library which aborts or
hangs takes this process with it and no other. It knows nothing of pictures: preprocessing and decoding stay with the
parent, which saves the copy of the whole frame, and the start is short because OpenCV is not needed.

One message a packet (SOCK_SEQPACKET): `Start`, answered by `Ready` or `Failed`; then each `RUN` by `Done` or `Failed`.
Between a `RUN` and its answer the shared memory is this process's, otherwise the parent's.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import select
import signal
import socket
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

import msgspec
from msgspec import Struct

from contract.errors import BackendError, FerryError, ModelError
from contract.manifest import Format, TensorSpec
from edge.backends import Backend, describe, open_backend
from edge.backends.state import BackendState
from edge.quantisation import Tensor
from edge.shared_tensors import SharedTensors
from edge.trouble import Trouble

RUN = b"\x01"
LARGEST_MESSAGE_BYTES = 128 * 1024
"""Below what a packet may hold on any Linux (net.core.wmem_default, 208 KiB); tensors never travel this way."""
_PARENT = 0
"""Standard input: a pipe the parent holds and never writes to."""
_REHEARSAL_S = 0.3
_REHEARSALS = 5
_FIRST_TO_BE_KILLED = "500"
"""oom_score_adj(5): when memory runs out the kernel should take the process that is replaced in a moment."""


class Start(Struct, frozen=True, kw_only=True):
    """What to open. Descriptors are numbers in this process."""

    format: Format
    model: int
    """Descriptor of the model's file."""
    origin: str
    """What a person calls that file."""
    tensors: int
    """Descriptor of the shared memory."""
    threads: int
    device: str
    """As `open_backend` takes it, and so is `profile`."""
    profile: str
    rehearse: bool
    """Whether to measure a few inferences on zeros before saying `Ready`."""


class Ready(Struct, frozen=True, kw_only=True, tag=True):
    """The model is open."""

    name: str
    """The library and its version."""
    state: BackendState
    """What it ran on when it was opened."""
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    median_s: float
    """Of the rehearsed inferences; 0 without."""


class Done(Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """The outputs are in the shared memory."""

    shapes: dict[str, tuple[int, ...]] = {}
    """Of the outputs whose shape is not their spec's."""


class Failed(Struct, frozen=True, kw_only=True, tag=True):
    """The library refused."""

    trouble: Trouble


Reply = Ready | Done | Failed
to_packet = msgspec.msgpack.Encoder().encode
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
from_packet = _replies.decode


def serve(connection: socket.socket) -> None:
    """Open the model the first message names and run it until the parent hangs up."""
    start = msgspec.msgpack.decode(connection.recv(LARGEST_MESSAGE_BYTES), type=Start)
    try:
        backend, tensors, median_s = _opened(start)
    except FerryError as error:
        connection.send(to_packet(Failed(trouble=Trouble.of(error))))
        return
    connection.send(to_packet(_ready(backend, median_s)))
    while connection.recv(len(RUN)):
        connection.send(to_packet(_run(backend, tensors)))


def _ready(backend: Backend, median_s: float) -> Ready:
    return Ready(
        name=backend.name,
        state=describe(backend),
        inputs=backend.inputs,
        outputs=backend.outputs,
        median_s=median_s,
    )


def _opened(start: Start) -> tuple[Backend, SharedTensors, float]:
    path = f"/proc/self/fd/{start.model}"
    try:
        backend = open_backend(
            start.format, Path(path), threads=start.threads, device=start.device, profile=start.profile
        )
    except FerryError as error:
        what, where = (text.replace(path, start.origin) for text in (error.what, error.where))
        raise type(error)(what, where=where, fix=error.fix) from error
    _check_sizes(backend, start.origin)
    tensors = SharedTensors(start.tensors, backend.inputs, backend.outputs)
    return backend, tensors, _rehearsed_s(backend, tensors) if start.rehearse else 0.0


def _check_sizes(backend: Backend, where: str) -> None:
    """An output without values on an empty picture has a size no manifest can promise, and `Ready` cannot tell."""
    for spec in (*backend.inputs, *backend.outputs):
        if 0 in spec.shape:
            raise ModelError(
                f"tensor {spec.name!r} has no fixed size, here {list(spec.shape)}",
                where=where,
                fix="Export the model with fixed sizes.",
            )


def _rehearsed_s(backend: Backend, tensors: SharedTensors) -> float:
    """Median of a few inferences, fewer when they are slow."""
    times_s: list[float] = []
    while len(times_s) < _REHEARSALS and sum(times_s) < _REHEARSAL_S:
        began = perf_counter()
        _infer(backend, tensors)
        times_s.append(perf_counter() - began)
    return median(times_s)


def _run(backend: Backend, tensors: SharedTensors) -> Done | Failed:
    try:
        answers = _infer(backend, tensors)
        _check_types(backend, answers)
    except BackendError as error:
        return Failed(trouble=Trouble.of(error))
    shapes = {spec.name: s for spec in backend.outputs if (s := answers[spec.name].shape) != spec.shape}
    tensors.reshape_outputs(shapes)
    for name, view in tensors.outputs.items():
        view[...] = answers[name]
    return Done(shapes=shapes)


def _infer(backend: Backend, tensors: SharedTensors) -> dict[str, Tensor]:
    handed = {}
    for name, shared in tensors.inputs.items():
        view = backend.input_view(name)
        if view is None:
            handed[name] = shared
        else:
            view[...] = shared
            del view
    return backend.infer(handed)


def _check_types(backend: Backend, answers: dict[str, Tensor]) -> None:
    for spec in backend.outputs:
        if answers[spec.name].dtype != spec.dtype:
            raise BackendError(
                f"output {spec.name!r} came out as {answers[spec.name].dtype}, and {spec.dtype} was promised",
                where="inference",
                fix="Convert the model again.",
            )


def end_with_parent() -> None:
    """Have the kernel kill this process when the parent's end of standard input closes, whatever either is doing.

    PR_SET_PDEATHSIG would do it when the *thread* that started this process ends (prctl(2)), and a thread reading the
    pipe not while a library holds on to Python. So the pipe itself sends the signal (fcntl(2), O_ASYNC and F_SETSIG).
    """
    fcntl.fcntl(_PARENT, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(_PARENT, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(_PARENT, fcntl.F_SETFL, fcntl.fcntl(_PARENT, fcntl.F_GETFL) | os.O_ASYNC)
    waiting = select.poll()
    waiting.register(_PARENT, select.POLLHUP)
    if waiting.poll(0):
        sys.exit("the process that started this worker is gone")


def _be_expendable() -> None:
    """The parent decides when this process ends; its crash leaves no dump on the memory card."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_BE_KILLED)


if __name__ == "__main__":
    end_with_parent()
    _be_expendable()
    with socket.socket(fileno=int(sys.argv[1])) as parent:
        serve(parent)
