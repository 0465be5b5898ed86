"""`edgeferry enroll`: typed once at a new device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("code")
@click.option("--server", required=True, help="The fleet's server: https://HOST[:PORT] or http://…")
@click.option(
    "--state-dir",
    default="/var/lib/edgeferry",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Where key and certificate are kept.",
)
@click.option("--config", type=_FILE, help="device.toml to write, or to set the broker in.  [default: in STATE_DIR]")
@click.option("--ca-file", type=click.Path(path_type=Path, exists=True), help="Authorities of an https server (PEM).")
@click.option("--fingerprint", help="Of the fleet's root, as `fleet ca show` prints it: checked besides the code.")
@click.option("--profile", help="What kind of device this is.  [default: what the code says, or what is found]")
@click.option("--camera", default="/dev/video0", show_default=True, help="As for `edgeferry run --source`.")
@click.option("--bundle", type=_FILE, help="The model to begin with.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def enroll(config: Path | None, state_dir: Path, as_json: bool, **said: Any) -> None:
    """Make this device a member of a fleet with a one-time CODE.

    The private key is made here and stays here. The code proves the server, too: it never travels, and an answer that
    does not know it is refused. Whatever goes wrong on the way, the same command may be given again.
    """
    from contract.codec import to_json
    from contract.moments import rfc3339
    from edge.joining import Wishes, join

    joined = join(Wishes(state_dir=state_dir, config=config or state_dir / "device.toml", **said))
    if as_json:
        click.echo(to_json(joined))
        return
    until = rfc3339(joined.counts_until_s)[:10]
    click.echo(f"{joined.device} belongs to {joined.fleet}; its certificate counts until {until}, and renews itself.")
    click.echo(f"Start it: edgeferry agent --config {joined.config}")
