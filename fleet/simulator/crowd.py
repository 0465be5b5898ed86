"""One process full of simulated devices, on one event loop."""

from __future__ import annotations

import asyncio
import gc
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from contract import messages
from contract.device import Broker
from contract.manifest import Digest
from devices.keys import development_verifier, load_verifiers
from fleet.link import address_of
from fleet.simulator.behaviours import Traits, cast
from fleet.simulator.connection import Where
from fleet.simulator.device import Device, World
from fleet.simulator.tally import Sent, Tally

_LOOK_S = 1.0
_REST_S = 1.0
"""For the last words to leave before the sockets are closed."""


class Part(Struct, frozen=True, kw_only=True):
    """What one process is told."""

    fleet: str
    broker: Broker
    names: tuple[str, ...]
    """Every device of the simulation; this process plays those from `first`, each `step`th."""
    first: int
    step: int
    mix: dict[str, float]
    seed: int
    every_s: float
    backlog: int
    traits: dict[str, Traits]
    keys: tuple[str, ...]
    """Public keys of the fleet (PEM); none for the development key."""
    profile: str
    model: str
    digest: Digest
    whole_share: float
    downloads: int
    """At once."""
    flush_s: float
    began_s: float
    """When the simulation was started, by the clock all processes of a machine share (`time.monotonic`)."""


def run(part: Part, told: Callable[[Tally], bool]) -> tuple[Tally, list[Sent]]:
    """Play until `told`, which gets the counts once a second, says that it is time to end."""
    messages.prepare()
    gc.freeze()
    return asyncio.run(_play(part, told))


async def _play(part: Part, told: Callable[[Tally], bool]) -> tuple[Tally, list[Sent]]:
    world = _world(part)
    characters = cast(list(part.names), part.mix, part.seed)[part.first :: part.step]
    devices = [Device(character, world) for character in characters]
    tally = world.tally
    tally.devices = len(devices)
    tally.behaviours.update(character.kind for character in characters)
    living = [asyncio.ensure_future(device.live()) for device in devices]
    while not told(_counted(tally, devices)):
        await asyncio.sleep(_LOOK_S)
        _raise_bugs(living)
    for task in living:
        task.cancel()
    await asyncio.gather(*living, return_exceptions=True)
    until_s = time.monotonic() + part.flush_s
    await asyncio.gather(*(device.flush(until_s) for device in devices))
    await asyncio.sleep(_REST_S)
    return _counted(tally, devices), [sent for device in devices for sent in device.sent()]


def _raise_bugs(living: list[asyncio.Task[None]]) -> None:
    """A device lives until it is told to stop: one that has ended did so by a bug, which must be seen."""
    for task in living:
        if task.done():
            task.result()


def _counted(tally: Tally, devices: list[Device]) -> Tally:
    tally.waiting = sum(device.waiting for device in devices)
    tally.lost = sum(device.lost for device in devices)
    tally.models.clear()
    tally.models.update(device.model for device in devices)
    return tally


def _world(part: Part) -> World:
    return World(
        fleet=part.fleet,
        where=_where(part.broker),
        trusted=load_verifiers(Path(key) for key in part.keys) if part.keys else development_verifier(),
        profile=part.profile,
        model=part.model,
        digest=part.digest,
        every_s=part.every_s,
        backlog=part.backlog,
        traits=part.traits,
        whole_share=part.whole_share,
        turns=asyncio.Semaphore(part.downloads),
        doors=asyncio.Semaphore(100),
        began_s=part.began_s,
    )


def _where(broker: Broker) -> Where:
    host, port, tls = address_of(broker.url)
    password = Path(broker.password_file).read_text().strip() if broker.password_file else None
    context = ssl.create_default_context(cafile=broker.ca_file) if tls else None
    return Where(host, port, context, broker.username, password)
