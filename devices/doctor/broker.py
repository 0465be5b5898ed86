"""Whether the broker's address answers, and proves who it is where it should. No MQTT is spoken: no client id is used.

The agent connects with paho (`edge/link.py`); here a name, a route, a port and a certificate each get a sentence.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

from devices.doctor.case import Case
from devices.doctor.finding import Finding, bad, ok

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_DEADLINE_S = 5.0


def broker_findings(case: Case, *, deadline_s: float = _DEADLINE_S) -> Iterator[Finding]:
    """One finding about the broker of the configuration."""
    assert case.config is not None
    url = case.config.broker.url
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        host, port = None, 0
    if not host or not port:
        yield bad("broker", "broker.url is no address of a broker", "Write mqtt://HOST[:PORT] or mqtts://HOST[:PORT].")
        return
    yield _reach(case, host, port, tls=parts.scheme == "mqtts", deadline_s=deadline_s)


def _reach(case: Case, host: str, port: int, *, tls: bool, deadline_s: float) -> Finding:
    where = f"{host}:{port}"
    try:
        with closing(socket.create_connection((host, port), timeout=deadline_s)) as connection:
            return _greet(case, connection, host, where) if tls else ok("broker", f"{where} accepts connections")
    except socket.gaierror as problem:
        return bad("broker", f"{host} has no address: {problem.strerror}", "Check the name, the network and its DNS.")
    except ConnectionRefusedError:
        return bad("broker", f"nothing listens at {where}", "Start the broker there, or correct broker.url.")
    except TimeoutError:
        what = f"{where} did not answer within {deadline_s:g} s"
        return bad("broker", what, "Check the network and its firewall: the port must be open from here.")
    except OSError as problem:
        return bad("broker", f"{where} cannot be reached: {problem.strerror or problem}", "Check the network.")


def _greet(case: Case, connection: socket.socket, host: str, where: str) -> Finding:
    """The TLS handshake, with the configured authorities and our certificate."""
    assert case.config is not None
    broker = case.config.broker
    try:
        context = ssl.create_default_context(cafile=str(case.path(broker.ca_file)) if broker.ca_file else None)
        if broker.cert_file:
            key = str(case.path(broker.key_file)) if broker.key_file else None
            context.load_cert_chain(str(case.path(broker.cert_file)), key)
    except OSError as problem:  # ssl.SSLError is one
        return bad("broker", f"our certificates cannot be used: {problem}", "See the findings about broker.*_file.")
    try:
        with context.wrap_socket(connection, server_hostname=host) as secured:
            return ok("broker", f"{where} accepts connections and proves who it is ({secured.version()})")
    except ssl.SSLCertVerificationError as problem:
        fix = "Check the clock first, then that broker.ca_file signed the broker's certificate for this name."
        return bad("broker", f"{where} does not prove who it is: {problem.verify_message}", fix)
    except (ssl.SSLError, ConnectionError) as problem:
        what = f"{where} does not speak TLS as we do: {problem.strerror or problem}"
        return bad("broker", what, "Use mqtt:// for a plain broker, and the port of its TLS listener for mqtts://.")
