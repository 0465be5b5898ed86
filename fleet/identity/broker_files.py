"""The broker's folder: written once by a person, its rules and list of revocations kept up to date by the server.

mosquitto reads both again on SIGHUP. Revocations count for new connections; a connection that stands is silenced by
the rules, and one of the same name pushes it off.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

from contract.errors import ConfigError
from fleet.identity import broker_rules, folder
from fleet.identity.broker_rules import ACL, CONF, CRL, PID, BrokerSettings
from fleet.identity.safe_files import PUBLIC, SECRET, read_whole, write_whole

LOG = logging.getLogger(__name__)
RELOAD = "systemctl reload mosquitto"
_FIX = "Make it: edgeferry fleet broker configure --ca DIR --name HOST --out DIR"


def configure(settings: BrokerSettings, ca: Path) -> Path:
    """Everything mosquitto needs, in the settings' folder; the path of its configuration.

    The broker's certificate is taken from the authority's folder: `fleet ca server` makes it.
    """
    out = settings.folder
    key = read_whole(ca / f"{folder.BROKER}.key", "the broker's key", "Make it: edgeferry fleet ca server --name HOST")
    certificate = read_whole(ca / f"{folder.BROKER}.pem", "the broker's certificate", "Make it: fleet ca server")
    files = {
        "ca.pem": (ca / folder.ROOT).read_bytes() + (ca / folder.ISSUING).read_bytes(),
        "broker.pem": certificate,
        CRL: read_whole(ca / folder.CRL, "the list of revocations", "Start the fleet server once with --ca."),
        ACL: broker_rules.access_rules(settings).encode(),
        CONF: broker_rules.configuration(settings).encode(),
    }
    write_whole(out / "broker.key", key, SECRET)
    for name, data in files.items():
        write_whole(out / name, data, PUBLIC)
    (out / "data").mkdir(exist_ok=True)
    _hand_over(out, settings.user or "mosquitto")
    return out / CONF


class BrokerFiles:
    """The part of it that changes by itself."""

    def __init__(self, path: Path) -> None:
        """ConfigError where there is no such folder."""
        self._path = path
        read_whole(path / ACL, "the broker's rules", _FIX)
        self.told = False
        """Whether the broker was told to read them the last time they changed."""

    def update(self, crl: bytes, banished: Sequence[str]) -> None:
        """Write what is new, and have mosquitto read it where it runs on this machine; otherwise say how."""
        rules = read_whole(self._path / ACL, "the broker's rules", _FIX).decode()
        write_whole(self._path / CRL, crl)
        write_whole(self._path / ACL, broker_rules.with_banished(rules, banished).encode())
        self.told = self._tell()
        if not self.told:
            LOG.warning("the broker must read its files again: %s", RELOAD)

    def _tell(self) -> bool:
        """SIGHUP to the process that wrote its number; False where there is none, or it is not ours to tell."""
        try:
            number = int((self._path / PID).read_text())
            if b"mosquitto" not in Path(f"/proc/{number}/cmdline").read_bytes():
                return False
            os.kill(number, signal.SIGHUP)
        except (OSError, ValueError):
            return False
        return True


def _hand_over(path: Path, user: str) -> None:
    """Mosquitto reads its key again long after it gave up root; only root can, and need, hand the files over."""
    if os.geteuid() != 0:
        return
    try:
        for each in (path, *path.iterdir()):
            shutil.chown(each, user, user if user != "root" else None)
    except LookupError as problem:
        raise ConfigError(f"there is no user {user!r} here", where=str(path), fix="Give --user.") from problem
