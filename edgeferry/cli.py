"""The `edgeferry` command: a table of names, each loaded from its room only when it is called.

`edgeferry --help` must answer on a Raspberry Pi in a blink, so nothing but click is imported here, and the short
help of each command stands in the table. A room's `cli.py` parses, calls one function and prints; errors that a
person may see become one sentence on standard error and the exit code of their class, in one place: `main`.
"""

from __future__ import annotations

import errno
import importlib
import signal
import sys
from types import FrameType
from typing import NamedTuple, NoReturn

import click


class _Entry(NamedTuple):
    module: str
    attribute: str
    help: str


COMMANDS = {
    "dataset": _Entry("trainer.cli", "dataset", "Look at labelled pictures before training on them."),
    "train": _Entry("trainer.cli", "train", "Train a model on labelled pictures."),
    "tune": _Entry("trainer.cli", "tune", "Search for the best network that a device can bear."),
    "evaluate": _Entry("trainer.cli", "evaluate", "Measure a run or a bundle on labelled pictures."),
    "convert": _Entry("converters.cli", "convert", "Turn a trained run into signed bundles, one a profile."),
    "bundle": _Entry("converters.cli", "bundle", "Look into bundles, check them, make deltas."),
    "keys": _Entry("converters.cli", "keys", "Make and show the keys that sign."),
    "flash": _Entry("devices.flash_cli", "flash", "Set up a device, or a fleet of them."),
    "devices": _Entry("devices.cli", "devices", "What is known about each kind of device."),
    "doctor": _Entry("devices.cli", "doctor", "Say what this device is, what works on it, and what to mend."),
    "run": _Entry("edge.cli", "run", "Run a bundle on pictures, a video or a camera."),
    "bench": _Entry("edge.cli", "bench", "Time a bundle on this machine."),
    "agent": _Entry("edge.cli", "agent", "What systemd starts on a device."),
    "enroll": _Entry("edge.enrol_command", "enroll", "Make this device a member of a fleet."),
    "fleet": _Entry("fleet.cli", "fleet", "Watch devices, release models, roll them out."),
    "demo": _Entry("edgeferry.demo.cli", "demo", "The whole way, from pictures to a live fleet page, on this machine."),
}


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
"""Whichever write met them: a full disk is no bug of ours."""


class LazyGroup(click.Group):
    """Lists commands from the table and imports one only to run it or to show its own help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        entry = COMMANDS.get(name)
        if entry is None:
            return None
        try:
            command = getattr(importlib.import_module(entry.module), entry.attribute)
        except ModuleNotFoundError as missing:
            raise click.ClickException(_missing(name, missing)) from missing
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


def _missing(command: str, missing: ModuleNotFoundError) -> str:
    room = COMMANDS[command].module.split(".")[0]
    extra = {"edge": "camera", "devices": "camera", "edgeferry": "demo"}.get(room, room)
    return (
        f"'edgeferry {command}' needs the package {missing.name!r}, which is not installed. "
        f"Run: pip install 'edgeferry[{extra}]'"
    )


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="edgeferry", prog_name="edgeferry")
def cli() -> None:
    """Carry a vision model from a folder of labelled pictures to a fleet of small computers with cameras."""


def main() -> None:
    """Run the command line; a FerryError becomes one sentence and its exit code, a bug keeps its traceback.

    SIGTERM unwinds like Ctrl-C, so that what was being written is taken away and every child ends with its parent.
    """
    from contract.errors import FerryError

    signal.signal(signal.SIGTERM, _leave)
    try:
        sys.exit(cli(standalone_mode=False))
    except FerryError as error:
        click.echo(f"Error: {error.what}\n  where: {error.where}\n  fix:   {error.fix}", err=True)
        sys.exit(error.exit_code)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.Abort:
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except OSError as problem:
        if problem.errno not in _NO_ROOM:
            raise
        where = problem.filename or "a temporary file, or the output"
        click.echo(f"Error: {problem.strerror}\n  where: {where}\n  fix:   Make room on the disk.", err=True)
        sys.exit(FerryError.exit_code)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
