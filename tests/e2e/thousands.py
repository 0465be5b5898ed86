"""A fleet of thousands in a store, without thousands of connections: rows as devices would have left them."""

from __future__ import annotations

import random
import time
from pathlib import Path

import sqlalchemy as sa

from contract.codec import to_json
from contract.messages import Birth
from contract.moments import rfc3339
from fleet import tables
from fleet.store import Store, open_store
from tests.fleet.simulated import DIGEST, FLEET, reading

SITES, PROFILES = 40, ("rpi4", "rpi5", "coral-usb", "jetson-orin-jp6")


def fill(folder: Path, count: int) -> Store:
    """A store with `count` devices `cam-00000` … at 40 places, all online with a reading each."""
    store, chance, now_s = open_store(f"sqlite:///{folder / 'fleet.db'}", fleet=FLEET), random.Random(7), time.time()
    places = [(chance.uniform(47.5, 54.5), chance.uniform(6.5, 14.5)) for _ in range(SITES)]
    with store.writing() as connection:
        connection.execute(tables.DEVICES.insert(), [_row(n, places[n % SITES], chance, now_s) for n in range(count)])
    return store


def speak(store: Store, devices: range, second: int) -> None:
    """New readings of these devices, as the collector would store them."""
    chance, now_s = random.Random(second), time.time()
    table = tables.DEVICES
    update = table.update().where(table.c.device == sa.bindparam("who"))
    values = [
        {
            "who": f"cam-{n:05}",
            "latest": _latest(second + 2, chance),
            "latest_sequence": second + 2,
            "last_seen_s": now_s,
        }
        for n in devices
    ]
    with store.writing() as connection:
        connection.execute(update, values)


def _row(number: int, place: tuple[float, float], chance: random.Random, now_s: float) -> dict[str, object]:
    name = f"cam-{number:05}"
    birth = Birth(
        at=rfc3339(now_s),
        boot="b1",
        profile=PROFILES[number % len(PROFILES)],
        edgeferry="0.1.0",
        python="3.11.7",
        backend="ai-edge-litert 2.3.0",
        model=f"digits@{1 + number % 3}",
        digest=DIGEST,
        site=f"site-{number % SITES:02}",
        tags={"lat": f"{place[0]:.4f}", "lon": f"{place[1]:.4f}"},
    )
    return {
        "device": name,
        "boot": "b1",
        "online": number % 50 != 0,
        "birth": to_json(birth).decode(),
        "model": birth.model,
        "digest": DIGEST,
        "latest": _latest(1, chance),
        "latest_boot": "b1",
        "latest_sequence": 1,
        "first_seen_s": now_s - 86400,
        "last_seen_s": now_s,
    }


def _latest(sequence: int, chance: random.Random) -> str:
    return to_json(reading(sequence, rate=chance.gauss(10.0, 0.5), chance=chance)).decode()
