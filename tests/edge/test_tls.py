"""Real TLS connections with a clock that is wrong, and certificates of every age."""

from __future__ import annotations

import ssl
import threading
import time
from datetime import datetime, timedelta, timezone
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from contract.device import Broker as BrokerConfig
from contract.digest import digest_of
from contract.errors import ConfigError, LinkError
from edge import tls
from edge.clock import Anchor, FleetClock
from edge.deadline import Deadline
from edge.download import DownloadError, Wanted, fetch
from edge.durable import Disk
from edge.identity import birth
from edge.link import Link
from edge.vouching.errors import MetadataError
from edge.vouching.source import HttpSource, Patience
from tests.broker import Broker, free_port
from tests.edge.file_server import FileServer
from tests.edge.vouching.bad_server import BadServer, answering

DAY = timedelta(days=1)
TODAY = datetime.now(timezone.utc)


def certificate(folder: Path, begins: datetime, ends: datetime, *, name: str = "127.0.0.1") -> Path:
    """Self-signed, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(name))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


def clock(folder: Path, *, wall: datetime, floor: datetime | None = None) -> FleetClock:
    made = FleetClock(folder, Disk(), system=wall.timestamp, monotonic=lambda: 0.0)
    if floor is not None:
        made.follow(Anchor(version=1, signed_s=floor.timestamp(), keys=("key",)))
    return made


def fetched(pem: Path, believing: FleetClock, *, ca_file: Path | None = None) -> bytes | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with BadServer(answering(b"{}"), context) as server:
        source = HttpSource(
            server.url("https"),
            deadline=Deadline(time.time() + 60.0, threading.Event()),
            spend=[].append,
            clock=believing,
            ca_file=str(ca_file or pem),
            patience=Patience(pauses_s=(0.0,)),
        )
        return source.read("timestamp.json", 100)


def test_a_good_certificate_is_accepted_by_a_good_clock(tmp_path: Path) -> None:
    pem = certificate(tmp_path, TODAY - DAY, TODAY + DAY)
    assert fetched(pem, clock(tmp_path, wall=TODAY)) == b"{}"


def test_an_expired_certificate_is_refused_by_a_good_clock(tmp_path: Path) -> None:
    pem = certificate(tmp_path, TODAY - 2 * DAY, TODAY - DAY)
    with pytest.raises(MetadataError, match="certificate has expired"):
        fetched(pem, clock(tmp_path, wall=TODAY))


def test_a_device_whose_clock_is_behind_judges_by_the_time_it_believes(tmp_path: Path) -> None:
    """OpenSSL would ask the system's clock, which in this test is right: it would refuse the old certificate."""
    behind = clock(tmp_path, wall=datetime(1970, 1, 1, tzinfo=timezone.utc), floor=TODAY - 30 * DAY)
    assert fetched(certificate(tmp_path, TODAY - 60 * DAY, TODAY - 20 * DAY), behind) == b"{}"
    assert fetched(certificate(tmp_path, TODAY - DAY, TODAY + DAY), behind) == b"{}"
    with pytest.raises(MetadataError, match="certificate has expired"):
        fetched(certificate(tmp_path, TODAY - 60 * DAY, TODAY - 40 * DAY), behind)


def test_a_clock_that_is_behind_opens_the_door_to_no_other_certificate(tmp_path: Path) -> None:
    behind = clock(tmp_path, wall=datetime(1970, 1, 1, tzinfo=timezone.utc), floor=TODAY - 30 * DAY)
    mine = certificate(tmp_path, TODAY - DAY, TODAY + DAY).rename(tmp_path / "mine.pem")
    theirs = certificate(tmp_path, TODAY - DAY, TODAY + DAY)
    with pytest.raises(MetadataError, match="certificate verify failed"):
        fetched(theirs, behind, ca_file=mine)
    with pytest.raises(MetadataError, match="IP address mismatch"):
        fetched(certificate(tmp_path, TODAY - DAY, TODAY + DAY, name="10.0.0.1"), behind)


def test_the_broker_too_is_judged_by_the_time_that_is_believed(tmp_path: Path) -> None:
    """The broker's certificate ended before today: a system clock that is right would refuse it."""
    pem = certificate(tmp_path, TODAY - 60 * DAY, TODAY - 20 * DAY)
    tcp = free_port()
    # Started by root, it would become a user who may not read the key.
    broker = Broker(tmp_path, also=f"listener {tcp} 127.0.0.1\nuser root\ncertfile {pem}\nkeyfile {pem}\n")
    broker.start()
    begun = datetime(1970, 1, 1, tzinfo=timezone.utc)
    accepted = clock(tmp_path, wall=begun, floor=TODAY - 30 * DAY)
    (tmp_path / "other").mkdir()
    refused = clock(tmp_path / "other", wall=begun, floor=TODAY - 10 * DAY)
    try:
        linked(tcp, pem, accepted).close()
        for believed in (refused, None):
            with pytest.raises(LinkError, match="certificate"):
                linked(tcp, pem, believed)
    finally:
        broker.stop()


def linked(port: int, authority: Path, believing: FleetClock | None) -> Link:
    link = Link(
        BrokerConfig(url=f"mqtts://127.0.0.1:{port}", ca_file=str(authority)),
        "test",
        "cam-1",
        boot="b",
        birth=lambda: birth(model="m@1", digest=None, backend="none", boot="b", profile="rpi4"),
        on_message=lambda *_: None,
        clock=believing,
    )
    link.connect_now(5.0)
    return link


def test_a_bundles_server_too(tmp_path: Path) -> None:
    pem = certificate(tmp_path, TODAY - 60 * DAY, TODAY - 20 * DAY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "bundle").write_bytes(b"bundle")
    behind = clock(tmp_path, wall=datetime(1970, 1, 1, tzinfo=timezone.utc), floor=TODAY - 30 * DAY)
    with FileServer(tmp_path / "served", tls=context) as server:
        wanted = Wanted(f"{server.url}/bundle", digest_of(b"bundle"), 6)
        deadline = Deadline(time.time() + 60.0, threading.Event())
        for believed, error in ((None, DownloadError), (behind, None)):
            part = tmp_path / "part"
            if error is None:
                fetch(wanted, part, deadline=deadline, disk=Disk(), ca_file=str(pem), clock=believed)
                assert part.read_bytes() == b"bundle"
            else:
                with pytest.raises(error, match="certificate"):
                    fetch(wanted, part, deadline=deadline, disk=Disk(), ca_file=str(pem), clock=believed)


def test_authorities_that_cannot_be_read_are_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    for path in (tmp_path / "empty.pem", tmp_path / "absent.pem"):
        with pytest.raises(ConfigError, match="no certificate authorities can be read"):
            tls.context(str(path), clock(tmp_path, wall=TODAY))
