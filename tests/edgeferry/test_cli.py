"""The front door: quick to answer, every command documented, errors in one sentence."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from edgeferry.cli import COMMANDS, LazyGroup, cli
from tests.conftest import edgeferry


def test_help_imports_no_room() -> None:
    code = "import sys, edgeferry.cli as c; c.cli(['--help'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stdout.splitlines()[-1].split())
    assert not modules & {"numpy", "contract", "edge", "fleet", "trainer", "converters", "devices"}


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    """Every command below `group` with the words that call it."""
    context = click.Context(group)
    found = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found.append(((*path, name), command))
        if isinstance(command, click.Group):
            found += commands(command, (*path, name))
    return found


def test_every_command_and_option_has_help() -> None:
    for path, command in commands(cli):
        assert command.help, path
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (path, parameter.name)


def test_the_table_says_what_the_commands_say_of_themselves() -> None:
    assert isinstance(cli, LazyGroup)
    for name, entry in COMMANDS.items():
        assert cli.get_command(click.Context(cli), name) is not None, entry


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "/nowhere/a.bundle", "--source", "/nowhere"),
        ("convert", "/nowhere/run", "--for", "rpi4", "--out", "/nowhere/out"),
        ("train", "/nowhere/pictures", "--task", "classify", "--out", "/nowhere/run"),
        ("agent", "--config", "/nowhere/device.toml"),
        ("bundle", "verify", "/nowhere/a.bundle"),
        ("devices", "show", "abacus"),
    ],
)
def test_what_is_not_there_is_one_sentence_and_an_exit_code(arguments: tuple[str, ...]) -> None:
    done = edgeferry(*arguments, check=False)
    assert done.returncode not in (0, -6, -11)
    assert "Traceback" not in done.stderr
    assert "/nowhere" in done.stderr or "abacus" in done.stderr
    assert done.stdout == ""
