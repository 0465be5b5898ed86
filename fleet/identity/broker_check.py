"""Proves that a running broker keeps everybody to his own: it is tried as strangers, devices and services.

The certificates for it are made on the spot from the authority's folder, count for an hour, and belong to names no
device and no program has (`edgeferry-check-…`, `fleet-check`), so nobody is pushed off.
"""

from __future__ import annotations

import secrets
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from contract.errors import ConfigError, LinkError
from contract.topics import topic
from fleet.identity import authority, folder
from fleet.identity.authority import Authority
from fleet.identity.broker_rules import CHECK
from fleet.identity.mqtt_probe import Probe
from fleet.identity.safe_files import SECRET, write_whole

_HOUR_DAYS = 1 / 24


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """One thing that was tried."""

    ok: bool
    what: str

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)


def check_broker(ca: Path, url: str) -> list[CheckFinding]:
    """Every finding. LinkError where nothing answers there; ConfigError for an address that is none."""
    host, port = _address(url)
    with tempfile.TemporaryDirectory(prefix="edgeferry-check-") as place:
        return list(_Check(folder.open_issuing(ca), ca, host, port, Path(place)).findings())


class _Check:
    def __init__(self, issuing: Authority, ca: Path, host: str, port: int, place: Path) -> None:
        self._issuing, self._ca, self._host, self._port, self._place = issuing, ca, host, port, place
        mark = secrets.token_hex(3)
        self._one, self._other = f"edgeferry-check-{mark}-1", f"edgeferry-check-{mark}-2"

    def findings(self) -> Iterator[CheckFinding]:
        """In the order of an attack: from outside, then from within."""
        yield self._refuses("nobody without a certificate is let in", self._context(None))
        yield self._refuses("no certificate of another authority is let in", self._foreign())
        with ExitStack() as open_probes:
            try:
                service, one, other = (
                    open_probes.enter_context(self._probe(name)) for name in (CHECK, self._one, self._other)
                )
            except OSError as problem:
                raise LinkError(
                    f"the broker does not take the fleet's own certificates: {problem}",
                    where=f"{self._host}:{self._port}",
                    fix="Check that it runs with the files of `broker configure`, and was made under this name.",
                ) from problem
            yield CheckFinding(True, "the broker proves who it is, and lets the fleet's certificates in")
            yield from self._topics(service, one, other)

    def _topics(self, service: Probe, one: Probe, other: Probe) -> Iterator[CheckFinding]:
        """Forbidden messages first, allowed ones behind them: when those have come, the others never will."""
        fleet = self._issuing.fleet
        for probe in (one, other):
            probe.subscribe("#")
            probe.subscribe("$SYS/#")
        service.subscribe(topic(fleet, self._one, "reply"))
        service.subscribe(topic(fleet, self._other, "reply"))
        one.publish(topic(fleet, self._other, "reply"), b"forged")
        one.publish(topic(fleet, self._one, "reply"), b"own")
        yield CheckFinding(service.wait_for(b"own"), "a device may say what is its own")
        forged = any(said == b"forged" for _, said in service.heard)
        yield CheckFinding(not forged, "a device may not speak for another one")
        one.publish(topic(fleet, self._other, "command"), b"usurped")
        service.publish(topic(fleet, self._other, "command"), b"for the other")
        service.publish(topic(fleet, self._one, "command"), b"for the one")
        both = one.wait_for(b"for the one") and other.wait_for(b"for the other")
        yield CheckFinding(both, "a device hears what is meant for it")
        usurped = any(said == b"usurped" for _, said in other.heard)
        yield CheckFinding(not usurped, "a device may not command another one")
        overheard = [about for about, _ in one.heard if about != topic(fleet, self._one, "command")]
        yield CheckFinding(not overheard, "a device hears nothing else" + "".join(f", but {t}" for t in overheard[:1]))

    def _refuses(self, what: str, context: ssl.SSLContext) -> CheckFinding:
        try:
            with Probe(self._host, self._port, context, "edgeferry-check-stranger") as probe:
                return CheckFinding(probe.code != 0, what)
        except (ssl.SSLError, ConnectionResetError, BrokenPipeError):
            return CheckFinding(True, what)
        except OSError as problem:
            raise LinkError(
                f"the broker cannot be reached: {problem}",
                where=f"{self._host}:{self._port}",
                fix="Start it: mosquitto -c mosquitto.conf",
            ) from problem

    def _probe(self, name: str) -> Probe:
        key = authority.new_key()
        made = authority.issue_device(self._issuing, name, key.public_key(), now=folder.now(), days=_HOUR_DAYS)
        chain = authority.pem(made, self._issuing.certificate)
        return Probe(self._host, self._port, self._context(authority.key_pem(key) + chain.encode()), name)

    def _foreign(self) -> ssl.SSLContext:
        root = authority.make_root(self._issuing.fleet, now=folder.now())
        issuing, key = authority.make_issuing(root, now=folder.now()), authority.new_key()
        made = authority.issue_device(issuing, self._one, key.public_key(), now=folder.now())
        return self._context(authority.key_pem(key) + authority.pem(made, issuing.certificate).encode())

    def _context(self, identity: bytes | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self._ca / folder.ROOT))
        if identity is not None:
            file = self._place / "identity.pem"
            write_whole(file, identity, SECRET)
            context.load_cert_chain(file)
        return context


def _address(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port or 8883
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme != "mqtts" or not parts.hostname:
        raise ConfigError(f"{url!r} is not an address with TLS", where="--broker", fix="Write mqtts://HOST[:PORT].")
    return parts.hostname, port
