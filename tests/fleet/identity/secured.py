"""A fleet with an authority and a real mosquitto that runs with the configuration written for it."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from fleet.identity import authority, folder
from fleet.identity.authority import Authority
from fleet.identity.broker_files import configure
from fleet.identity.broker_rules import BrokerSettings
from fleet.identity.mqtt_probe import Probe
from tests.broker import MOSQUITTO, free_port
from tests.fleet.simulated import FLEET


@dataclass(frozen=True)
class Identity:
    """A key with a chain in one PEM file."""

    name: str
    file: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


class SecuredBroker:
    """Authority in `ca`, broker's files in `broker`, mosquitto on a free port."""

    def __init__(self, place: Path) -> None:
        self.place, self.ca, self.files = place, place / "ca", place / "broker"
        _, self.issuing = folder.begin(self.ca, FLEET, root_days=30, issuing_days=20)
        folder.make_broker(self.ca, ["localhost", "127.0.0.1"], days=10)
        for name in ("fleet-server", "fleet-collector-1"):
            folder.make_service(self.ca, name, days=10)
        self.port = free_port()
        self.url = f"mqtts://localhost:{self.port}"
        user = "root" if os.geteuid() == 0 else ""
        settings = BrokerSettings(
            fleet=FLEET,
            folder=self.files,
            port=self.port,
            address="127.0.0.1",
            user=user,
            home_assistant="homeassistant",
            most_packet_bytes=100_000,
        )
        self.configuration = configure(settings, self.ca)
        self.start()

    def start(self) -> None:
        """Until it listens."""
        log = (self.place / "mosquitto.log").open("ab")
        self.process = subprocess.Popen([MOSQUITTO, "-c", str(self.configuration)], stderr=log)
        log.close()
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError((self.place / "mosquitto.log").read_text())

    def stop(self) -> None:
        """In good order: what is retained is saved."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)

    def device(self, name: str, *, days: float = 1.0, issuing: Authority | None = None) -> Identity:
        """A certificate as the server would issue it."""
        issuing, key = issuing or self.issuing, authority.new_key()
        made = authority.issue_device(issuing, name, key.public_key(), now=folder.now(), days=days)
        return self.keep(name, key, made, issuing)

    def keep(self, name: str, key: ec.EllipticCurvePrivateKey, made: x509.Certificate, issuing: Authority) -> Identity:
        file = self.place / f"{name}-{made.serial_number:x}.pem"
        file.write_bytes(authority.key_pem(key) + authority.pem(made, issuing.certificate).encode())
        return Identity(name, file, key, made)

    def context(self, identity: Identity | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.ca / "ca.pem"))
        if identity is not None:
            context.load_cert_chain(identity.file)
        return context

    def probe(self, identity: Identity | None, client_id: str = "") -> Probe:
        """A connection, or the OSError of being refused."""
        return Probe("localhost", self.port, self.context(identity), client_id or "any")

    def service(self, name: str) -> Identity:
        """One of the folder's."""
        key = folder.read_key(self.ca / f"{name}.key")
        certificate = x509.load_pem_x509_certificates((self.ca / f"{name}.pem").read_bytes())[0]
        return self.keep(name, key, certificate, self.issuing)
