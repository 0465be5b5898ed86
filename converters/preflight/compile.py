"""The Edge TPU's own compiler, where a person has installed it: run, bounded in time, and held against the prediction.

`edgetpu_compiler` is closed, is published for x86-64 Debian only, and is no part of this kit (coral.ai/docs/edgetpu/
compiler). It is looked for on the PATH and never fetched.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from contract.errors import MissingPartError, ModelError
from converters.preflight.compiled import Compiled, differences, read_compiled
from converters.preflight.edgetpu import preflight_edgetpu
from converters.preflight.report import Preflight
from devices.profiles import Profile

PROGRAM = "edgetpu_compiler"
TIME_LIMIT_S = 300.0
"""The compiler's own limit for one partition is 180 s; some models keep it busy for ever (google-coral/edgetpu#206)."""

_REFUSED = "Mend what the pre-flight names, or ship the uncompiled model, which runs on the CPU."


class Compilation(Struct, frozen=True, kw_only=True):
    """A compiled model, and how it compares with what was foretold."""

    model: bytes
    compiled: Compiled
    predicted: Preflight
    differences: tuple[str, ...]
    """Empty where the prediction held."""


def compiler() -> Path | None:
    """Where the compiler is; None where it is not installed."""
    found = shutil.which(PROGRAM)
    return Path(found) if found else None


def held_against_compiler(predicted: Preflight, model: bytes, profile: Profile, *, where: str) -> Preflight:
    """`predicted` with what the compiler says of it, where there is one: a refusal counts as foretold where nothing
    was to run on the Edge TPU.
    """
    if compiler() is None:
        return predicted
    try:
        said = compile_for_edgetpu(model, profile, where=where).differences
    except ModelError as problem:
        said = () if not predicted.fits else (problem.what,)
    return replace(predicted, compiler=said)


def compile_for_edgetpu(
    model: bytes, profile: Profile, *, where: str = "the model", time_limit_s: float = TIME_LIMIT_S
) -> Compilation:
    """`model` compiled, and compared with `preflight_edgetpu`.

    Raises MissingPartError where there is no compiler, ModelError where it refuses, does not end in `time_limit_s`, or
    leaves something that is no compiled model.
    """
    program = compiler()
    if program is None:
        raise MissingPartError(
            f"{PROGRAM} is not installed",
            where=where,
            fix="On 64-bit Debian: coral.ai/docs/edgetpu/compiler; elsewhere keep the uncompiled model.",
        )
    predicted = preflight_edgetpu(model, profile, where=where)
    written = _run(program, model, where, time_limit_s)
    compiled = read_compiled(written, where=f"{where}, compiled")
    return Compilation(
        model=written, compiled=compiled, predicted=predicted, differences=tuple(differences(predicted, compiled))
    )


def _run(program: Path, model: bytes, where: str, time_limit_s: float) -> bytes:
    with tempfile.TemporaryDirectory(prefix="edgetpu-") as folder:
        source = Path(folder) / "model.tflite"
        source.write_bytes(model)
        code, said = _bounded([str(program), "--out_dir", folder, str(source)], where, time_limit_s)
        target = source.with_name("model_edgetpu.tflite")
        if code != 0 or not target.is_file():
            raise ModelError(f"{PROGRAM} refused it: {_last_word(code, said)}", where=where, fix=_REFUSED)
        return target.read_bytes()


def _bounded(command: list[str], where: str, time_limit_s: float) -> tuple[int, str]:
    """Exit code and all it wrote. The compiler works in a child of its own: both end, whatever happens here."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=time_limit_s)
        return process.returncode, said.decode(errors="replace")
    except subprocess.TimeoutExpired as problem:
        raise ModelError(
            f"{PROGRAM} did not end within {time_limit_s:g} s", where=where, fix="Make the model smaller, or simpler."
        ) from problem
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _last_word(code: int, said: str) -> str:
    """The most telling line a failing compiler leaves."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("ERROR", "Invalid", "Internal"))] or lines
    return telling[-1] if telling else f"exit code {code}, without a word"
