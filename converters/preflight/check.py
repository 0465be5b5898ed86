"""The pre-flight for a profile, chosen by what the profile has and what the file is, and how it reads to a person."""

from __future__ import annotations

from collections.abc import Iterator

from contract.manifest import Format
from converters.preflight.compile import held_against_compiler
from converters.preflight.cpu import preflight_onnx, preflight_tflite
from converters.preflight.edgetpu import preflight_edgetpu
from converters.preflight.jetson import preflight_jetson
from converters.preflight.report import Preflight, Refusal
from devices.profiles import Profile

_TFLITE = b"TFL3"


def format_of_file(model: bytes) -> Format:
    """By its first bytes: a `.tflite` names itself, anything else is taken for ONNX, which refuses what it is not."""
    return "tflite" if model[4:8] == _TFLITE else "onnx"


def preflight(model: bytes, profile: Profile, *, where: str = "the model") -> Preflight:
    """What the device of `profile` makes of `model`, told from the file. ModelError for what is no model.

    For an Edge TPU its compiler is asked as well, where it is on the PATH.
    """
    if format_of_file(model) == "tflite":
        if profile.accelerator == "edgetpu":
            found = preflight_edgetpu(model, profile, where=where)
            return held_against_compiler(found, model, profile, where=where)
        return preflight_tflite(model, profile, where=where)
    check = preflight_jetson if profile.accelerator == "cuda" else preflight_onnx
    return check(model, profile, where=where)


def preflight_lines(found: Preflight) -> Iterator[str]:
    """What a person wants to know of it: the verdict, what stays behind, then each reason with its fix."""
    share = f"{found.operators_mapped} of {found.operators} operators"
    yield f"{found.target}: {share} on {found.processor}{_memory(found)}"
    if not found.fits:
        yield "  it does not run there as it is"
    if found.left_on_cpu:
        yield f"  left to the CPU: {', '.join(f'{count} {name}' for name, count in found.left_on_cpu.items())}"
    for refusal in found.refusals:
        yield from _reason("refused", refusal)
    for warning in found.warnings:
        yield from _reason("note", warning)
    if found.compiler is not None:
        yield f"  its compiler: {'; '.join(found.compiler) or 'decided as foretold'}"


def _memory(found: Preflight) -> str:
    if not found.cache_mib:
        return ""
    least = "at least " if found.cache_at_least else ""
    streamed = f", {found.streamed_mib:.1f} MiB streamed a frame" if found.streamed_mib else ""
    return f", {least}{found.cache_mib:.2f} MiB of weights on the chip{streamed}"


def _reason(word: str, refusal: Refusal) -> Iterator[str]:
    times = f"{refusal.count} " if refusal.count > 1 else ""
    yield f"  {word}: {times}{refusal.operator}: {refusal.cause}"
    yield f"    {refusal.fix}"
