"""A device to log in to: a real sshd on loopback, in mount and process namespaces of its own.

It sees this machine's programs, but its `/opt`, `/etc/systemd`, `/var/lib`, `/var/cache` and `/var/tmp` are folders of
the test. systemd is a stand-in beside its programs.
"""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.broker import free_port

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
PLACES = ("opt", "etc/systemd", "var/lib", "var/cache", "var/tmp")
_TOOLS = (SSHD, "ssh", "ssh-keygen", "unshare", "mount", "flock")


def why_not() -> str:
    """The reason there can be no such device here; empty where there can."""
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    asked = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "true"]
    allowed = os.geteuid() == 0 and subprocess.run(asked, capture_output=True, check=False).returncode == 0
    return "" if allowed else "no mount namespaces here: needs root"


class SshDevice:
    """One such device. `files` is its root as the test sees it, as far as it has its own."""

    def __init__(self, folder: Path, *, small: Mapping[str, str] | None = None, venvs: Path | None = None) -> None:
        """`small` limits places, e.g. `{"opt": "8m"}`; `venvs` are environments it has already."""
        self.folder, self.files = folder, folder / "files"
        for place in PLACES:
            (self.files / place).mkdir(parents=True)
        (self.files / "etc/systemd/system").mkdir()
        if venvs is not None:
            shutil.copytree(venvs, self.files / "opt/edgeferry/venvs", symlinks=True, copy_function=os.link)
        self.port = free_port()
        self.url = f"ssh://root@127.0.0.1:{self.port}"
        self._small = small or {}
        self._make_keys()
        self._make_tools()

    @property
    def ssh_options(self) -> tuple[str, ...]:
        """Its keys, as ssh_config(5) names them."""
        return (
            f"IdentityFile={self.folder / 'user'}",
            "IdentitiesOnly=yes",
            f"UserKnownHostsFile={self.folder / 'known_hosts'}",
            "GlobalKnownHostsFile=/dev/null",
        )

    def start(self) -> None:
        """Start and wait until it takes connections."""
        mounts = [f"mount --bind {self.files / place} /{place}" for place in PLACES if place not in self._small]
        mounts += [f"mount -t tmpfs -o size={size} none /{place}" for place, size in self._small.items()]
        script = " && ".join(["mkdir -p /run/sshd", *mounts, f"exec {SSHD} -D -e -f {self.folder / 'sshd_config'}"])
        unshare = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
        with (self.folder / "sshd.log").open("ab") as log:
            self._process = subprocess.Popen([*unshare, "sh", "-c", script], stderr=log)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError("sshd did not come up")

    def stop(self) -> None:
        """End it, and with its namespace everything that runs in it."""
        self._process.kill()
        self._process.wait()

    def cut(self) -> None:
        """End every log-in under way, as if the network had gone."""
        (sshd,) = psutil.Process(self._process.pid).children()
        for session in sshd.children():
            if session.name() == "sshd":
                for process in [*session.children(recursive=True), session]:
                    if process.name() == "sshd":
                        process.kill()

    def run(self, command: str) -> str:
        """What a command in its namespaces prints."""
        (sshd,) = psutil.Process(self._process.pid).children()
        words = ["nsenter", "--target", str(sshd.pid), "--mount", "--pid", "sh", "-c", command]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout

    def know(self) -> None:
        """Have the user know the host's key."""
        kind, key, *_ = (self.folder / "host.pub").read_text().split()
        (self.folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")

    def _make_keys(self) -> None:
        for name in ("host", "user"):
            asked = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", self.folder / name]
            subprocess.run(asked, check=True)
        self.know()

    def _make_tools(self) -> None:
        tools = self.folder / "tools"
        tools.mkdir()
        program = (Path(__file__).parent / "stand_in_systemd.py").read_text()
        for name in ("systemctl", "journalctl"):
            (tools / name).write_text(f"#!{sys.executable}\n{program}")
            (tools / name).chmod(stat.S_IRWXU)
        (tools / "python3").symlink_to(getattr(sys, "_base_executable", sys.executable))
        (self.folder / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1:{self.port}\n"
            f"HostKey {self.folder / 'host'}\n"
            f"AuthorizedKeysFile {self.folder / 'user.pub'}\n"
            f"PidFile {self.folder / 'sshd.pid'}\n"
            "StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n"
            f"SetEnv PATH={tools}:/usr/sbin:/usr/bin:/sbin:/bin\n"
        )
