"""What is known about each kind of device: `devices/catalog/NAME.toml`, read strictly.

A profile is data, so that a new board is a new file and no code. Every fact about hardware names the public source it
was taken from; choices of ours (`formats`, `threads`) need none. What a profile means for a conversion is decided in
`converters/`, what it means for a running device in `edge/`.
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
    notes: tuple[str, ...] = ()
    package: tuple[Package, ...]
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
    if missing := [fact for fact in SOURCED if fact not in claimed]:
        raise ConfigError(f"no source for {', '.join(missing)}", where=where, fix="Say where it was read.")
    return profile


@cache
def _files() -> dict[str, bytes]:
    """Contents of the catalog by profile name; small enough to be read once."""
    catalog = resources.files("devices") / "catalog"
    return {
        entry.name.removesuffix(SUFFIX): entry.read_bytes()
        for entry in catalog.iterdir()
        if entry.name.endswith(SUFFIX)
    }
