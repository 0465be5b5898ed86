"""What `fleet serve` is told about identity; importing this stays cheap."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fleet.identity.registrar import Terms

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_DAYS = click.FloatRange(0, 36500, min_open=True)


def identity_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options."""
    for option in (
        click.option("--grace-days", type=_DAYS, help="A certificate may be renewed so long after its end."),
        click.option("--certificate-days", type=_DAYS, help="How long devices' certificates count."),
        click.option("--broker-files", type=_FOLDER, help="Folder of `broker configure`, if it is on this machine."),
        click.option("--device-broker", help="Where devices find the broker, when that is not --broker."),
        click.option("--ca", type=_FOLDER, help="Folder of `ca init`: lets devices enrol."),
    ):
        command = option(command)
    return command


def chosen_terms(options: dict[str, Any], key: Path | None, publishers: tuple[Path, ...]) -> Terms | None:
    """What devices are certified on; None without an authority. ConfigError for files that are no keys."""
    if options["ca"] is None:
        return None
    from fleet.identity.member_keys import public_half, public_texts
    from fleet.identity.registrar import Terms

    days = {"device_days": options["certificate_days"], "grace_days": options["grace_days"]}
    return Terms(
        ca=options["ca"],
        broker=options["device_broker"] or options["broker"],
        publishers=public_texts(publishers),
        fleet_keys=() if key is None else (public_half(key),),
        broker_files=options["broker_files"],
        **{name: value for name, value in days.items() if value is not None},
    )
