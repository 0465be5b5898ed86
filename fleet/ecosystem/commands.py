"""`edgeferry fleet ecosystem` prints files for other systems; `edgeferry fleet bridge` speaks their languages."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from contract.device import Broker

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
GRAFANA, RULES = "grafana-dashboard.json", "prometheus-rules.yml"


@click.group()
def ecosystem() -> None:
    """Files for Prometheus and Grafana, printed to standard output."""


@ecosystem.command()
def grafana() -> None:
    """A dashboard over /metrics: import it, and choose the data source."""
    click.echo(shipped(GRAFANA), nl=False)


@ecosystem.command("prometheus-rules")
def prometheus_rules() -> None:
    """Alert rules over /metrics: name the file under rule_files."""
    click.echo(shipped(RULES), nl=False)


def shipped(name: str) -> str:
    """A file of this folder, wherever it is installed."""
    return resources.files("fleet.ecosystem").joinpath(name).read_text("utf-8")


@click.group()
def bridge() -> None:
    """Speak another system's language beside the fleet's own."""


@bridge.command()
@click.option("--fleet", "fleet_name", required=True, help="The fleet's name.")
@click.option(
    "--broker", default="mqtt://127.0.0.1:1883", show_default=True, help="The fleet's: mqtt[s]://HOST[:PORT]."
)
@click.option("--broker-user", help="User name for it.")
@click.option("--broker-password-file", type=_FILE, help="File with its password.")
@click.option("--broker-ca", type=_FILE, help="CA certificate for mqtts:// where the system lacks it.")
@click.option("--host-broker", help="The Sparkplug hosts' broker.  [default: the fleet's, with its options]")
@click.option("--host-user", help="User name for that.")
@click.option("--host-password-file", type=_FILE, help="File with its password.")
@click.option("--host-ca", type=_FILE, help="Its CA certificate.")
@click.option("--group", required=True, help="Sparkplug group id.")
@click.option("--node", help="Edge node id.  [default: the fleet's name]")
def sparkplug(fleet_name: str, group: str, node: str | None, **options: Any) -> None:
    """The fleet as one Sparkplug B edge node with its devices, until SIGTERM or Ctrl-C."""
    from contract.topics import checked_name
    from fleet.ecosystem.bridging import run_sparkplug

    own = _broker(options, "broker", options["broker"])
    host = _broker(options, "host", options["host_broker"]) if options["host_broker"] else own
    name = checked_name(fleet_name, what="fleet")
    run_sparkplug(name, own, host, group, node or name, lambda: click.echo("Bridging.", err=True))


def _broker(options: dict[str, Any], side: str, url: str) -> Broker:
    from contract.device import Broker

    password, authority = options[f"{side}_password_file"], options[f"{side}_ca"]
    return Broker(
        url=url,
        username=options[f"{side}_user"],
        password_file=str(password) if password else None,
        ca_file=str(authority) if authority else None,
    )
