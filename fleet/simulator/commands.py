"""`edgeferry fleet simulate`: parses, plays, prints."""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from pathlib import Path
from typing import IO, Any

import click

from fleet.simulator.behaviours import DEFAULT_MIX, parse_mix, parse_traits

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_POSITIVE = click.FloatRange(0, min_open=True)
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def _duration(_context: click.Context, _option: click.Parameter, text: str | None) -> float | None:
    """`90`, `90s`, `5m` or `2h` in seconds."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if found is None:
        raise click.BadParameter(f"{text!r} is no time: write 90s, 5m or 2h")
    return float(found[1]) * _SECONDS[found[2]]


@click.command()
@click.option("--devices", default=100, show_default=True, type=click.IntRange(1, 100_000), help="How many.")
@click.option("--broker", default="mqtt://127.0.0.1:1883", show_default=True, help="mqtt[s]://HOST[:PORT].")
@click.option("--broker-user", help="User name for the broker.")
@click.option("--broker-password-file", type=_FILE, help="File with the broker's password.")
@click.option("--broker-ca", type=_FILE, help="CA certificate for mqtts:// where the system lacks it.")
@click.option("--fleet", required=True, help="The fleet's name.")
@click.option("--behaviours", default=DEFAULT_MIX, show_default=True, help="Who behaves how: shares that add up to 1.")
@click.option("--model", "models", multiple=True, help="How a release behaves: NAME@VERSION:confidence=0.4,crash=0.3.")
@click.option("--every", "every_s", default=10.0, show_default=True, type=_POSITIVE, help="Seconds between readings.")
@click.option("--backlog", default=0, type=click.IntRange(0), help="Readings each holds in the beginning.")
@click.option("--for", "for_s", callback=_duration, help="How long, like 90s or 5m; else until Ctrl-C.")
@click.option("--seed", default=1, show_default=True, help="Who gets which behaviour, and all chance.")
@click.option("--key", "keys", multiple=True, type=_FILE, help="The fleet's public key.  [default: development]")
@click.option("--profile", default="rpi4", show_default=True, help="What kind of device they are.")
@click.option("--serving", default="digits@1", show_default=True, help="The release that serves in the beginning.")
@click.option("--prefix", default="sim-", show_default=True, help="Names are PREFIX and a number.")
@click.option("--whole-share", default=1.0, show_default=True, type=click.FloatRange(0, 1), help="Fetch whole files.")
@click.option("--downloads", default=8, show_default=True, type=click.IntRange(1), help="At once, in each process.")
@click.option("--flush", "flush_s", default=30.0, show_default=True, type=_POSITIVE, help="Seconds for the last words.")
@click.option("--processes", type=click.IntRange(1, 64), help="[default: one a core]")
@click.option("--ledger", type=click.File("wb"), help="Write what the store must hold: a line a device and boot.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for machines.")
def simulate(processes: int | None, for_s: float | None, ledger: IO[bytes] | None, as_json: bool, **said: Any) -> None:
    """Play many devices against a real broker and a real server.

    They speak the agent's protocol: numbered batches until acknowledged, signed assignments, real downloads, states in
    the agent's order. What they see is virtual. Without --key they obey the development key.
    """
    import msgspec

    from contract.codec import to_json
    from contract.device import Broker
    from contract.digest import digest_of
    from fleet.simulator.crowd import Part
    from fleet.simulator.simulate import simulate as play

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    digits = len(str(said["devices"]))
    kept = ("fleet", "seed", "every_s", "backlog", "profile", "whole_share", "downloads", "flush_s")
    part = Part(
        broker=Broker(
            url=said["broker"],
            username=said["broker_user"],
            password_file=_path(said["broker_password_file"]),
            ca_file=_path(said["broker_ca"]),
        ),
        names=tuple(f"{said['prefix']}{number:0{digits}d}" for number in range(1, said["devices"] + 1)),
        first=0,
        step=1,
        began_s=time.monotonic(),
        mix=parse_mix(said["behaviours"]),
        traits=dict(parse_traits(text) for text in said["models"]),
        keys=tuple(str(key) for key in said["keys"]),
        model=said["serving"],
        digest=digest_of(said["serving"].encode()),
        **{name: said[name] for name in kept},
    )
    outcome = play(part, processes=processes or len(os.sched_getaffinity(0)), for_s=for_s, ledger=ledger)
    text = to_json(outcome)
    click.echo((text if as_json else msgspec.json.format(text, indent=2)).decode())


def _path(file: Path | None) -> str | None:
    return str(file) if file else None
