"""The options of `fleet serve` that say how it may be reached."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from contract.errors import ConfigError

if TYPE_CHECKING:
    from fleet.people.entrance import Entrance

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def entrance_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add them."""
    for option in (
        click.option(
            "--insecure-no-login", is_flag=True, help="Let anybody in from anywhere while there are no users."
        ),
        click.option(
            "--behind-proxy",
            multiple=True,
            metavar="ADDRESS",
            help="A proxy (address or network) whose word counts on who calls, and by https or not.",
        ),
        click.option("--tls-key", type=_FILE, help="Its private key."),
        click.option("--tls-cert", type=_FILE, help="Certificate chain: speak https."),
    ):
        command = option(command)
    return command


def chosen_entrance(options: dict[str, Any]) -> Entrance:
    """What was given; takes its options out of `options`."""
    from fleet.people.entrance import Entrance

    proxies = tuple(options.pop("behind_proxy"))
    for proxy in proxies:
        _check(proxy)
    return Entrance(
        tls_cert=options.pop("tls_cert"),
        tls_key=options.pop("tls_key"),
        proxies=proxies,
        insecure=options.pop("insecure_no_login"),
    )


def _check(proxy: str) -> None:
    try:
        ipaddress.ip_network(proxy)
    except ValueError as problem:
        raise ConfigError(
            f"{proxy!r} is no address", where="--behind-proxy", fix="Write it like 127.0.0.1 or 10.0.0.0/24."
        ) from problem
