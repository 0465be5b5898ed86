"""What is known about each kind of device: `devices/catalog/NAME.toml`, read strictly.

A profile is data, so that a new board is a new file and no code. Every fact about hardware names the public source it
was taken from; choices of ours (`formats`, `threads`, `memory_budget_mib`) need none. What a profile means for a
conversion is decided in `converters/`, what it means for a running device in `edge/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import Annotated, Literal

from msgspec import Meta, Struct

from contract.codec import from_toml
from contract.errors import ConfigError
from contract.manifest import Format
from devices.versions import satisfies

SUFFIX = ".toml"
SOURCED = ("processor", "memory_mib", "int8", "accelerator")
"""Facts about hardware: each must be claimed by a `[[source]]`."""
_Count = Annotated[int, Meta(ge=1)]


class Source(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where facts of this profile were read."""

    facts: Annotated[tuple[str, ...], Meta(min_length=1)]
    """Names of the keys it stands for."""
    title: str
    url: str = ""


class Package(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An inference library that serves here."""

    name: str
    versions: str
    """A version specifier as pip reads it, e.g. `>=2.1`."""
    known_bad: tuple[str, ...] = ()
    """Versions inside that range that must not be installed."""
    why_bad: str = ""
    python: str = ""
    """For which interpreters there are wheels, as a specifier; empty for all that edgeferry runs on."""
    machine: Literal["", "aarch64", "armv7l", "x86_64"] = ""
    """The userland it is meant for; empty for the profile's own."""
    source: str


class Conflict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two packages that are each well and must not meet in one environment."""

    package: str
    beside: str
    versions: str
    """Of `beside`, as a specifier: where they match, `package` does not work."""
    why: str
    fix: str
    source: str


class Driver(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an accelerator needs from the system, outside Python."""

    name: str
    """The package as its publisher calls it, e.g. `libedgetpu1-std`."""
    publisher: str
    """Who publishes it: `Debian`, `Google`, `NVIDIA JetPack` …"""
    library: str = ""
    """The shared object that proves it, e.g. `libedgetpu.so.1`."""
    group: str = ""
    """The group that may open the device's files, by its udev rule."""
    why: str
    source: str


class Thermal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the board slows itself down."""

    slows_from_c: Annotated[float, Meta(gt=0, le=150)]
    """Clocks are lowered step by step from here."""
    limit_c: Annotated[float, Meta(gt=0, le=150)]
    """The firmware does what it must to stay below."""
    source: str


class ModelRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model must be for the accelerator to take it; without the table, whatever the libraries read."""

    precision: Literal["int8", "fp16"]
    """The one to ship first."""
    full_int8: bool = False
    """Every tensor 8-bit, inputs and outputs included; nothing else is taken."""
    static_shapes: bool = False
    """Sizes and parameters known when the model is compiled."""
    batch: _Count | None = None
    """The only batch size; None for any."""
    int8_needs_gate: bool = False
    """int8 only where its accuracy on labelled pictures was shown to hold."""
    built_on_device: bool = False
    """The compiled form fits one machine: it is built there and never shipped."""
    operators: tuple[str, ...] = ()
    """TFLite's names of the operators that run on the accelerator; empty for no list."""
    onnx_opset: _Count | None = None
    """The newest operator set its reader of ONNX knows; None for whatever the libraries read."""
    symmetric_int8: bool = False
    """Its int8 activations have no zero points."""
    source: str


class System(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operating system the device is met with."""

    name: str
    python: str
    """The system's own, e.g. `3.13`."""
    glibc: str
    source: str


class Profile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of device."""

    name: str
    title: str
    processor: str
    architecture: Literal["aarch64", "x86_64", "any"]
    """As `uname -m` says it; `any` where the profile is an accelerator that plugs into either."""
    memory_mib: _Count
    """Of the smallest variant sold."""
    accelerator: Literal["none", "edgetpu", "cuda"]
    formats: Annotated[tuple[Format, ...], Meta(min_length=1)]
    """Model formats, the one to ship first."""
    int8: Literal["dot-product", "vnni", "neither", "unknown"]
    """Instructions for 8-bit products: where there is `neither`, 8-bit sums may saturate or save no time."""
    threads: _Count
    """Inference threads unless the device's configuration says otherwise."""
    memory_budget_mib: _Count
    """What agent, vision and inference may take together: `MemoryMax` of their service."""
    compatible: tuple[str, ...] = ()
    """Device-tree names of the boards meant, as `/proc/device-tree/compatible` lists them; see `devices/detect.py`."""
    models: tuple[str, ...] = ()
    """How `/proc/device-tree/model` begins there; `/proc/cpuinfo` says the same where a container hides the tree."""
    l4t_release: _Count | None = None
    """Jetson Linux' major release, where boards of one name run several."""
    notes: tuple[str, ...] = ()
    thermal: Thermal | None = None
    """None where no published figure was found: the kernel's trip points say it then."""
    model: ModelRules | None = None
    package: tuple[Package, ...]
    conflict: tuple[Conflict, ...] = ()
    driver: tuple[Driver, ...] = ()
    system: tuple[System, ...]
    source: tuple[Source, ...]

    @property
    def preferred_format(self) -> Format:
        """The format bundles for this device carry."""
        return self.formats[0]


def profile_names() -> tuple[str, ...]:
    """Every name there is a profile for, sorted."""
    return tuple(sorted(_files()))


def all_profiles() -> Iterator[Profile]:
    """Every profile, by name."""
    return map(load_profile, profile_names())


def load_profile(name: str) -> Profile:
    """The profile called `name`; ConfigError names the near ones where there is none."""
    text = _files().get(name)
    if text is None:
        near = get_close_matches(name, profile_names(), n=3, cutoff=0.5) or profile_names()
        raise ConfigError(f"no profile {name!r}", where="profile", fix=f"There is: {', '.join(near)}")
    return parse_profile(text, name=name)


def parse_profile(data: bytes, *, name: str) -> Profile:
    """The profile in `data`; ConfigError for an unknown key, a fact without a source, or another name than its file's.

    What a source claims must be a key of the profile, so that a typing error cannot pass as evidence.
    """
    where = f"devices/catalog/{name}{SUFFIX}"
    profile = from_toml(data, Profile, where=where, error=ConfigError)
    if profile.name != name:
        raise ConfigError(f"it calls itself {profile.name!r}", where=where, fix="Give file and key the same name.")
    claimed = {fact for source in profile.source for fact in source.facts}
    if unknown := sorted(claimed - set(Profile.__struct_fields__)):
        raise ConfigError(f"a source stands for {unknown[0]!r}, which is no key", where=where, fix="Correct it.")
    facts = [*SOURCED, "compatible"] if profile.compatible else SOURCED
    if missing := [fact for fact in facts if fact not in claimed]:
        raise ConfigError(f"no source for {', '.join(missing)}", where=where, fix="Say where it was read.")
    _check_specifiers(profile, where)
    return profile


def _check_specifiers(profile: Profile, where: str) -> None:
    """Every range of versions is one that `devices/versions.py` reads; the doctor compares with them."""
    ranges = [text for package in profile.package for text in (package.versions, package.python)]
    try:
        for text in ranges + [conflict.versions for conflict in profile.conflict]:
            satisfies("1", text)
    except ValueError as problem:
        raise ConfigError(str(problem), where=where, fix="Write it like >=2.1,!=2.3.0") from problem


@cache
def _files() -> dict[str, bytes]:
    """Contents of the catalog by profile name; small enough to be read once."""
    catalog = resources.files("devices") / "catalog"
    return {
        entry.name.removesuffix(SUFFIX): entry.read_bytes()
        for entry in catalog.iterdir()
        if entry.name.endswith(SUFFIX)
    }
