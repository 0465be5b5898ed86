"""`edgeferry demo`: parses, tells the story, prints."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import click

from contract.codec import to_json
from edgeferry.demo.findings import Findings
from edgeferry.demo.place import check_folder, check_port
from edgeferry.demo.story import Story


@click.command()
@click.option(
    "--exit", "leave", is_flag=True, help="Stop when everything is checked, instead of staying for you to look."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was measured as one JSON object on standard output.")
@click.option("--port", type=click.IntRange(1, 65535), help="Of the page; any free one when not given.")
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    help="An empty folder to work in and keep; a temporary one when not given.",
)
@click.option("--embedded-broker", is_flag=True, help="Use the embedded broker even where mosquitto is installed.")
def demo(leave: bool, as_json: bool, port: int | None, work: Path | None, embedded_broker: bool) -> None:
    """The whole way on this machine: from pictures to a live fleet page, with a good and a bad update."""
    if port is not None:
        check_port(port)
    if work is not None:
        check_folder(work)
    folder = work or Path(tempfile.mkdtemp(prefix="edgeferry-demo-"))
    story = Story(folder.resolve(), port, embedded_broker=embedded_broker, say=lambda line: click.echo(line, err=True))
    with story.children:
        found = story.tell()
        click.echo(to_json(found).decode() if as_json else _summary(found))
        if not leave:
            click.echo(f"The devices go on working: {found.page.url}   Ctrl-C stops.", err=True)
            story.stay()
    if found.ok and work is None:
        shutil.rmtree(folder, ignore_errors=True)
    elif not found.ok:
        click.echo(f"Left for you to look into: {folder}", err=True)
    sys.exit(not found.ok)


def _summary(found: Findings) -> str:
    marks = {True: "ok  ", False: "FAIL"}
    lines = [f"{marks[check.ok]}  {check.name}: {check.found}" for check in found.checks]
    return "\n".join([*lines, f"      {found.seconds:.0f} s with the broker {found.broker}"])
