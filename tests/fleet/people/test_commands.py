"""The commands about people, as somebody types them on the server's machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import fleet.cli
from contract.errors import FerryError


class Shell:
    """Commands on one store."""

    def __init__(self, folder: Path) -> None:
        self.store = f"sqlite:///{folder / 'fleet.db'}"
        self.file = folder / "password"
        self.file.write_text("correct horse battery\nanother line\n")

    def __call__(self, *words: str, given: str | None = None) -> Result:
        return CliRunner().invoke(fleet.cli.fleet, [*words, "--store", self.store], input=given, catch_exceptions=True)

    def add(self, name: str, role: str) -> Result:
        return self("user", "add", name, "--role", role, "--password-file", str(self.file))


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def refusal(done: Result) -> str:
    assert isinstance(done.exception, FerryError), done.output
    return str(done.exception)


def test_the_first_admin_is_made_on_the_store(shell: Shell) -> None:
    assert shell.add("anna", "admin").exit_code == 0
    assert shell.add("otto", "viewer").exit_code == 0
    assert shell("user", "role", "otto", "operator").exit_code == 0
    assert shell("user", "disable", "otto").exit_code == 0
    listed = json.loads(shell("user", "list", "--json").stdout)["users"]
    assert [(u["name"], u["role"], u["disabled"], u["must_change"]) for u in listed] == [
        ("anna", "admin", False, True),
        ("otto", "operator", True, True),
    ]
    assert "must change password" in shell("user", "list").stdout
    assert shell("user", "disable", "otto", "--undo").exit_code == 0
    assert shell("user", "password", "otto", "--keep", "--password-file", str(shell.file)).exit_code == 0
    assert "otto  operator  active" in shell("user", "list").stdout
    assert "the only admin" in refusal(shell("user", "disable", "anna"))


def test_a_password_comes_from_a_file_or_a_pipe_and_is_never_an_argument(shell: Shell) -> None:
    piped = shell("user", "add", "anna", "--role", "admin", "--password-file", "-", given="correct horse battery\n")
    assert piped.exit_code == 0
    assert "nobody is there to be asked" in refusal(shell("user", "add", "otto", "--role", "viewer"))
    assert "4 characters" in refusal(
        shell("user", "add", "otto", "--role", "viewer", "--password-file", "-", given="four\n")
    )
    assert "correct" not in piped.output


def test_a_token_is_shown_once_and_revoked(shell: Shell) -> None:
    shell.add("anna", "admin")
    made = shell("token", "new", "ci", "--scope", "rollout", "--expires", "12h", "--owner", "anna")
    secret = made.stdout.strip()
    assert secret.startswith("eft_")
    listed = shell("token", "list")
    assert secret not in listed.stdout
    assert "ci" in listed.stdout
    assert shell("token", "revoke", "1").exit_code == 0
    assert "no token 1 that still counts" in refusal(shell("token", "revoke", "1"))
    assert "no user 'otto'" in refusal(shell("token", "new", "x", "--scope", "read", "--owner", "otto"))


def test_every_command_is_in_the_audit_which_is_proved_by_another(shell: Shell) -> None:
    shell.add("anna", "admin")
    secret = shell("token", "new", "ci", "--scope", "read").stdout.strip()
    shown = json.loads(shell("audit", "show", "--json").stdout)
    assert [(e["act"], e["about"], e["address"]) for e in shown["entries"]] == [
        ("token made", "token ci", "shell"),
        ("user added", "user anna", "shell"),
    ]
    assert all(entry["who"].startswith("shell:") for entry in shown["entries"])
    assert secret not in json.dumps(shown)
    head = shell("audit", "head").stdout.strip()
    assert head == shown["head"]
    assert "2 entries, each as it was written" in shell("audit", "verify", "--head", head).stdout
    assert shell.add("anna", "admin").exception is not None
    assert shell("audit", "head").stdout.strip() == head, "what was refused changed nothing and left no entry"


def test_a_rewritten_audit_is_named_and_ends_with_an_error(shell: Shell) -> None:
    import sqlite3

    shell.add("anna", "admin")
    shell.add("otto", "viewer")
    with sqlite3.connect(shell.store.removeprefix("sqlite:///")) as database:
        database.execute("UPDATE audit SET about = 'user eve' WHERE number = 2")
    database.close()
    done = shell("audit", "verify")
    assert "broken at entry 2" in done.stdout
    assert "entry 2 of the audit is not as it was written" in refusal(done)


def test_a_misspelled_store_does_not_become_an_empty_one(shell: Shell, tmp_path: Path) -> None:
    for words in (("user", "list"), ("token", "list"), ("audit", "verify"), ("user", "disable", "anna")):
        assert "no such store" in refusal(shell(*words))
    assert list(tmp_path.glob("*.db")) == []
