"""One command on another machine, through the system's own OpenSSH client.

The client is a child process and not a library: it honours the user's `~/.ssh/config`, agent, hardware keys, jump
hosts and known hosts without a line of ours, and adds no package. Keys only: BatchMode never asks for a password, so
nothing hangs where nobody sits. A host's key must be known; `accept_new_host_key` takes the first one it shows.
"""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from shlex import quote
from typing import IO, NamedTuple
from urllib.parse import urlsplit

from contract.codec import plain
from contract.errors import ConfigError, FerryError, LinkError, MissingPartError, UpdateError

_SILENT_FOR_GOOD_S = 30
"""A connection over which nothing comes for so long is dead (ServerAliveInterval and its count)."""
_OWN_EXIT_CODE = 255
"""ssh(1): an error of ssh itself; everything else is the remote command's."""
Say = Callable[[str], None]


class Address(NamedTuple):
    """Where to log in, and as whom; None for what `~/.ssh/config` says."""

    host: str
    user: str | None
    port: int | None

    def __str__(self) -> str:
        """As it is written after `--to`."""
        user, port = f"{self.user}@" if self.user else "", f":{self.port}" if self.port else ""
        return f"ssh://{user}{self.host}{port}"


def address_of(text: str) -> Address:
    """`ssh://[USER@]HOST[:PORT]` taken apart; ConfigError otherwise."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    host = parts.hostname or ""
    wrong = parts.scheme != "ssh" or not host or host.startswith("-") or (parts.username or "").startswith("-")
    if wrong or parts.path not in ("", "/") or parts.password is not None:
        raise ConfigError("this is no address to log in at", where="--to", fix="Write ssh://USER@HOST[:PORT].")
    return Address(host, parts.username, port)


class CutError(LinkError):
    """The connection broke while something was being done over it."""


class Ssh:
    """Log-ins at one address, one after the other. `kill`, from another thread, ends the one under way."""

    def __init__(self, address: Address, *, accept_new_host_key: bool = False, options: Iterable[str] = ()) -> None:
        """`options` as in ssh_config(5), e.g. `IdentityFile=KEY`."""
        self.address = address
        self._accept_new = accept_new_host_key
        self._options = tuple(options)
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False

    def run(
        self,
        script: str,
        *,
        as_root: bool = False,
        feed: Callable[[IO[bytes]], None] | None = None,
        say: Say | None = None,
    ) -> bytes:
        """What a POSIX shell script writes to standard output there; `say` hears each line as it comes.

        `feed` writes the script's standard input. ConfigError where the host's key is not the known one, LinkError
        where nobody lets us in, CutError where the connection breaks, UpdateError with the script's last word where
        it fails.
        """
        command = f"sh -c {quote(script)}"
        with tempfile.TemporaryFile() as errors:
            process = self._started(f"sudo -n {command}" if as_root else command, errors, feed is not None)
            try:
                feeding = _Feeding(process, feed)
                output = _heard(process, say)
                code = process.wait()
                feeding.finish()
            finally:
                process.kill()
                process.wait()
            errors.seek(0)
            if code != 0:
                raise self._explained(code, errors.read().decode(errors="replace"))
        return output

    def kill(self) -> None:
        """End the log-in under way, and any that would begin."""
        self._killed = True
        if self._process is not None:
            self._process.kill()

    def _started(self, command: str, errors: IO[bytes], fed: bool) -> subprocess.Popen[bytes]:
        if self._killed:
            raise self._cut("stopped")
        try:
            self._process = subprocess.Popen(
                [*self._client(), command],
                stdin=subprocess.PIPE if fed else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        except FileNotFoundError as problem:
            raise MissingPartError(
                "there is no ssh client", where="ssh", fix="Install it: apt-get install openssh-client"
            ) from problem
        return self._process

    def _client(self) -> list[str]:
        settings = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "accept-new" if self._accept_new else "yes",
            "ConnectTimeout": "20",
            "ServerAliveInterval": str(_SILENT_FOR_GOOD_S // 3),
            "ServerAliveCountMax": "3",
            "LogLevel": "ERROR",
        }
        given = [*self._options, *(f"{name}={value}" for name, value in settings.items())]
        command = ["ssh", "-T", *(word for option in given for word in ("-o", option))]
        if self.address.user:
            command += ["-l", self.address.user]
        if self.address.port:
            command += ["-p", str(self.address.port)]
        return [*command, "--", self.address.host]

    def _explained(self, code: int, errors: str) -> FerryError:
        where, words = str(self.address), _last_line(errors)
        if code == _OWN_EXIT_CODE or code < 0:
            return self._own_error(errors, words)
        if "sudo:" in errors:
            return ConfigError(
                f"its user may not become root without a password: {words}",
                where=where,
                fix="Log in as root, or allow it in sudoers: NOPASSWD.",
            )
        return UpdateError(words.removeprefix("edgeferry: "), where=where, fix="Mend that on the device; try again.")

    def _own_error(self, errors: str, words: str) -> FerryError:
        where = str(self.address)
        if "IDENTIFICATION HAS CHANGED" in errors:
            return ConfigError(
                "its host key is not the one that is known: another machine answers, or it was set up anew",
                where=where,
                fix=f"If you know why, forget the old one: ssh-keygen -R {self.address.host}",
            )
        if "Host key verification failed" in errors:
            return ConfigError(
                "its host key is not known here",
                where=where,
                fix="Log in once by hand and compare it, or take what comes: --accept-new-host-key",
            )
        if "Permission denied" in errors:
            return LinkError(
                "it does not let us in by key, and passwords are never asked for",
                where=where,
                fix="Put your public key into its ~/.ssh/authorized_keys: ssh-copy-id",
            )
        if any(sign in errors for sign in ("refused", "timed out", "resolve", "No route", "unreachable")):
            return LinkError(f"it cannot be reached: {words}", where=where, fix="Check address, network and sshd.")
        return self._cut(words)

    def _cut(self, words: str) -> CutError:
        return CutError(
            f"the connection broke{': ' + words if words else ''}", where=str(self.address), fix="Do it again."
        )


class _Feeding:
    """The thread that writes a process's standard input."""

    def __init__(self, process: subprocess.Popen[bytes], feed: Callable[[IO[bytes]], None] | None) -> None:
        self._process, self._feed = process, feed
        self._problem: Exception | None = None
        self._thread = threading.Thread(target=self._write, name="feed", daemon=True)
        if feed is not None:
            self._thread.start()

    def finish(self) -> None:
        """After the process has ended; what went wrong on this side is raised here."""
        if self._feed is not None:
            self._thread.join()
        if self._problem is not None:
            raise self._problem

    def _write(self) -> None:
        assert self._process.stdin is not None
        assert self._feed is not None
        try:
            self._feed(self._process.stdin)
        except BrokenPipeError:
            pass  # The other end has gone; its exit code says why.
        except (OSError, FerryError) as problem:
            self._problem = problem
            self._process.kill()
        with suppress(OSError):
            self._process.stdin.close()


def _heard(process: subprocess.Popen[bytes], say: Say | None) -> bytes:
    assert process.stdout is not None
    lines = []
    with process.stdout as output:
        for line in output:
            lines.append(line)
            if say is not None:
                say(plain(line.decode(errors="replace").rstrip("\n")))
    return b"".join(lines)


def _last_line(errors: str) -> str:
    """The last line that says what went wrong; the device's farewell after it does not."""
    lines = [line.strip() for line in errors.splitlines() if line.strip() and "is as it was before" not in line]
    return plain(lines[-1]) if lines else ""
