"""The broker's address: a real mosquitto, with and without TLS, and addresses where nobody is."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from devices.doctor.broker import broker_findings
from devices.doctor.finding import Finding
from tests.broker import Broker, free_port
from tests.devices.doctor.planted import configured
from tests.edge.authority import server_context


def reached(folder: Path, broker: str, *, deadline_s: float = 5.0) -> Finding:
    (finding,) = broker_findings(configured(folder, broker=broker), deadline_s=deadline_s)
    return finding


@pytest.fixture
def secure(broker: Broker, tmp_path: Path) -> Broker:
    """The same mosquitto with a certificate of a test's own authority."""
    broker.stop()
    server_context(tmp_path)
    pem = tmp_path / "server.pem"
    lines = f"user root\nlistener {broker.port} 127.0.0.1\nallow_anonymous true\ncertfile {pem}\nkeyfile {pem}\n"
    (tmp_path / "mosquitto.conf").write_text(lines)
    broker.start()
    return broker


def test_a_broker_that_answers_is_well(broker: Broker, tmp_path: Path) -> None:
    finding = reached(tmp_path, f'url = "{broker.url}"')
    assert (finding.status, finding.what) == ("ok", f"127.0.0.1:{broker.port} accepts connections")


def test_a_broker_that_is_down_is_bad(tmp_path: Path) -> None:
    finding = reached(tmp_path, f'url = "mqtt://127.0.0.1:{free_port()}"')
    assert finding.status == "bad"
    assert "nothing listens" in finding.what


def test_a_broker_with_a_certificate_by_our_authority_is_well(secure: Broker, tmp_path: Path) -> None:
    finding = reached(tmp_path, f'url = "mqtts://127.0.0.1:{secure.port}"\nca_file = "ca.pem"')
    assert finding.status == "ok"
    assert "proves who it is (TLSv1." in finding.what


def test_a_broker_with_anybodys_certificate_is_bad(secure: Broker, tmp_path: Path) -> None:
    finding = reached(tmp_path, f'url = "mqtts://127.0.0.1:{secure.port}"')
    assert finding.status == "bad"
    assert "does not prove who it is" in finding.what
    assert finding.fix.startswith("Check the clock first")


def test_a_broker_asked_for_tls_that_has_none_is_bad(broker: Broker, tmp_path: Path) -> None:
    finding = reached(tmp_path, f'url = "mqtts://127.0.0.1:{broker.port}"')
    assert finding.status == "bad"
    assert "does not speak TLS" in finding.what


def test_certificates_that_cannot_be_read_are_ours_to_mend(broker: Broker, tmp_path: Path) -> None:
    finding = reached(tmp_path, f'url = "mqtts://127.0.0.1:{broker.port}"\nca_file = "absent.pem"')
    assert "our certificates cannot be used" in finding.what


def test_a_listener_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"mqtts://127.0.0.1:{silent.getsockname()[1]}"
        finding = reached(tmp_path, f'url = "{url}"', deadline_s=0.3)
    assert finding.status == "bad"
    assert "did not answer within 0.3 s" in finding.what


@pytest.mark.parametrize("url", ["localhost", "mqtt://", "mqtt://host:port", "http://host", "mqtt://host:99999"])
def test_what_is_no_address_is_bad(tmp_path: Path, url: str) -> None:
    finding = reached(tmp_path, f'url = "{url}"')
    assert (finding.status, finding.what) == ("bad", "broker.url is no address of a broker")


def test_a_name_nobody_knows_is_bad(tmp_path: Path) -> None:
    finding = reached(tmp_path, 'url = "mqtt://no-such-host.invalid"')
    assert finding.status == "bad"
    assert "no-such-host.invalid" in finding.what
