"""How simulated devices and releases behave: a table of characters, and who gets which. Pure, seeded, reproducible.

The same seed gives the same device the same character and the same chance, whatever the number of processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from msgspec import Struct

from contract.errors import ConfigError

DEFAULT_MIX: Final = "good=0.9,slow=0.03,crashing=0.02,silent=0.02,lying-clock=0.02,flapping=0.01"


class Behaviour(Struct, frozen=True, kw_only=True):
    """What is peculiar about one kind of device."""

    latency_factor: float = 1.0
    """Of every inference."""
    pace_factor: float = 1.0
    """How much longer each step of an update takes."""
    bytes_per_s: float | None = None
    """Its line; None for as fast as it goes."""
    crash_after_s: tuple[float, float] | None = None
    """The process dies, without a word, after a time between these, and again."""
    crashes_new_models: bool = False
    """Whatever is new dies in its health window."""
    falls_silent: bool = False
    """After the switch to a new model it says nothing more, while its connection stands."""
    clock_off_s: tuple[float, ...] = (0.0,)
    """One of these is added to the right time; a moment before 1970 is 1970."""
    cut_after_s: tuple[float, float] | None = None
    """The connection breaks after a time between these, and again."""


_DAY_S = 86_400.0
BEHAVIOURS: Final[dict[str, Behaviour]] = {
    "good": Behaviour(),
    "slow": Behaviour(latency_factor=3.0, pace_factor=4.0, bytes_per_s=500_000.0),
    "crashing": Behaviour(crash_after_s=(60.0, 300.0), crashes_new_models=True),
    "silent": Behaviour(falls_silent=True),
    "lying-clock": Behaviour(clock_off_s=(-1e10, -_DAY_S, 300.0)),
    "flapping": Behaviour(cut_after_s=(5.0, 40.0)),
}


class Traits(Struct, frozen=True, kw_only=True):
    """What a release's virtual results are like; given for bad ones, all others are good."""

    confidence: float = 0.9
    """Mean score of the first answer."""
    latency: float = 1.0
    """Times the usual one."""
    crash: float = 0.0
    """Share of devices on which its process dies in the health window."""
    silent: float = 0.0
    """Share of devices that say nothing more after the switch."""
    errors: float = 0.0
    """Share of frames without an answer."""
    agreement: float = 0.98
    """With the model before, in the shadow run."""
    golden: float = 0.0
    """Share of devices on which a known picture gives a wrong answer."""


GOOD = Traits()


@dataclass(frozen=True, slots=True)
class Character:
    """One device's part in the play."""

    name: str
    kind: str
    behaviour: Behaviour
    clock_off_s: float
    chance: Random
    """Its own, from the seed and its name."""
    seed: int

    def draw(self, *about: str) -> float:
        """0..1, the same each time it is asked about the same."""
        return Random("/".join((str(self.seed), self.name, *about))).random()


def parse_mix(text: str) -> dict[str, float]:
    """`good=0.9,slow=0.1` as shares that add up to one; ConfigError otherwise."""
    mix: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        name, _, share = part.partition("=")
        try:
            mix[name.strip()] = float(share)
        except ValueError as problem:
            raise _no_mix(text, f"{part!r} is no NAME=SHARE") from problem
        if name.strip() not in BEHAVIOURS:
            raise _no_mix(text, f"{name.strip()!r} is no behaviour")
    if any(not 0 <= share <= 1 for share in mix.values()) or abs(sum(mix.values()) - 1.0) > 1e-6:
        raise _no_mix(text, f"the shares add up to {sum(mix.values()):g}")
    return mix


def parse_traits(text: str) -> tuple[str, Traits]:
    """`NAME@VERSION:confidence=0.4,crash=0.3` as the release and its traits; ConfigError otherwise."""
    release, _, rest = text.partition(":")
    said: dict[str, float] = {}
    for part in filter(None, rest.split(",")):
        name, _, value = part.partition("=")
        try:
            said[name.strip()] = float(value)
        except ValueError as problem:
            raise _no_traits(text) from problem
    if "@" not in release or not said or not set(said) <= set(Traits.__struct_fields__):
        raise _no_traits(text)
    return release, Traits(**said)


def cast(names: list[str], mix: Mapping[str, float], seed: int) -> list[Character]:
    """A character for each name. Shares are kept to the device; who gets which is drawn from the seed."""
    kinds = _counted(len(names), mix)
    Random(seed).shuffle(kinds)
    return [_character(name, kind, seed) for name, kind in zip(names, kinds, strict=True)]


def _counted(count: int, mix: Mapping[str, float]) -> list[str]:
    """So many of each kind, by largest remainder; what is left over falls to the largest share."""
    whole = {kind: int(count * share + 1e-9) for kind, share in mix.items()}
    rest = sorted(mix, key=lambda kind: (whole[kind] - count * mix[kind], -mix[kind], kind))
    for kind in rest[: count - sum(whole.values())]:
        whole[kind] += 1
    return [kind for kind, number in whole.items() for _ in range(number)]


def _character(name: str, kind: str, seed: int) -> Character:
    chance = Random(f"{seed}/{name}")
    behaviour = BEHAVIOURS[kind]
    return Character(name, kind, behaviour, chance.choice(behaviour.clock_off_s), chance, seed)


def _no_mix(text: str, why: str) -> ConfigError:
    return ConfigError(
        f"{text!r} does not say who behaves how: {why}",
        where="--behaviours",
        fix=f"Write shares that add up to 1, like {DEFAULT_MIX}.",
    )


def _no_traits(text: str) -> ConfigError:
    return ConfigError(
        f"{text!r} does not say how a release behaves",
        where="--model",
        fix=f"Write NAME@VERSION:TRAIT=NUMBER,… with traits of: {', '.join(Traits.__struct_fields__)}.",
    )
