"""What TensorRT's ONNX parser takes, by version: `tensorrt.toml`, read strictly."""

from __future__ import annotations

from functools import cache
from importlib import resources

from msgspec import Struct

from contract.codec import from_toml
from contract.errors import ConfigError


class TensorRt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version."""

    name: str
    profiles: tuple[str, ...]
    """The devices it is met on."""
    opset: int
    """The newest it reads."""
    ir_version: int
    unsupported: frozenset[str]
    """Standard operators it refuses."""
    source: str


class _File(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: tuple[TensorRt, ...]


@cache
def tensorrt_of(profile: str) -> TensorRt:
    """The version on devices of this profile; ConfigError where none is listed."""
    where = "converters/preflight/tensorrt.toml"
    data = (resources.files("converters") / "preflight" / "tensorrt.toml").read_bytes()
    for version in from_toml(data, _File, where=where, error=ConfigError).version:
        if profile in version.profiles:
            return version
    raise ConfigError(f"no TensorRT is listed for {profile}", where=where, fix="Add the profile to a version.")
