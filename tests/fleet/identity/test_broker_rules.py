"""Breaking in at a real mosquitto that runs with the configuration written for it."""

from __future__ import annotations

import os
import secrets
import signal
import ssl
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from contract.errors import ConfigError
from contract.topics import Kind, topic
from fleet.identity import authority, folder
from fleet.identity.authority import Authority
from fleet.identity.broker_check import check_broker
from fleet.identity.broker_files import BrokerFiles
from fleet.identity.broker_rules import BrokerSettings, access_rules, with_banished
from fleet.identity.mqtt_probe import Probe
from tests.fleet.identity.secured import Identity, SecuredBroker
from tests.fleet.server_process import eventually
from tests.fleet.simulated import FLEET

REFUSED = (ssl.SSLError, ConnectionResetError, BrokenPipeError)


def name() -> str:
    return f"cam-{secrets.token_hex(3)}"


def of(device: Identity, kind: Kind) -> str:
    return topic(FLEET, device.name, kind)


class Scene:
    """A thief, a victim, and the fleet's server, all connected."""

    def __init__(self, secured: SecuredBroker, stack: ExitStack) -> None:
        self.a, self.b = secured.device(name()), secured.device(name())
        self.thief = stack.enter_context(secured.probe(self.a))
        self.victim = stack.enter_context(secured.probe(self.b))
        self.server = stack.enter_context(secured.probe(secured.service("fleet-server")))


@pytest.mark.parametrize(
    "pattern",
    [
        "#",
        "+/#",
        "edgeferry/v1/+/+/desired",
        "edgeferry/v1/+/+/ack",
        "$SYS/#",
        "$share/thieves/#",
        "$share/thieves/edgeferry/v1/+/+/desired",
        "homeassistant/#",
    ],
)
def test_no_subscription_brings_a_device_what_is_anothers(secured: SecuredBroker, pattern: str) -> None:
    with ExitStack() as stack:
        scene = Scene(secured, stack)
        scene.thief.subscribe(pattern)
        scene.thief.subscribe(of(scene.a, "command"))
        for kind in ("desired", "ack", "command"):
            scene.server.publish(of(scene.b, kind), b"secret")
        scene.victim.publish(of(scene.b, "telemetry"), b"reading")
        scene.server.publish(of(scene.a, "command"), b"mine")
        assert scene.thief.wait_for(b"mine")
        assert {about for about, _ in scene.thief.heard} == {of(scene.a, "command")}


def test_what_is_retained_for_another_is_not_handed_out(secured: SecuredBroker) -> None:
    with ExitStack() as stack:
        scene = Scene(secured, stack)
        scene.server.publish(of(scene.b, "desired"), b"assignment of b", retain=True)
        scene.thief.subscribe("edgeferry/v1/+/+/desired")
        scene.victim.subscribe(of(scene.b, "desired"))
        assert scene.victim.wait_for(b"assignment of b")
        scene.thief.subscribe(of(scene.a, "command"))
        scene.server.publish(of(scene.a, "command"), b"mine")
        assert scene.thief.wait_for(b"mine")
        assert [said for _, said in scene.thief.heard] == [b"mine"]


@pytest.mark.parametrize("kind", ["birth", "presence", "telemetry", "events", "reported", "reply"])
def test_a_device_speaks_for_itself_alone(secured: SecuredBroker, kind: Kind) -> None:
    with ExitStack() as stack:
        scene = Scene(secured, stack)
        scene.server.subscribe(f"edgeferry/v1/{FLEET}/+/{kind}")
        scene.thief.publish(of(scene.b, kind), b"forged")
        scene.thief.publish(of(scene.a, kind), b"own")
        assert scene.server.wait_for(b"own")
        assert [said for _, said in scene.server.heard] == [b"own"]


@pytest.mark.parametrize("kind", ["desired", "command", "ack"])
def test_a_device_commands_nobody_not_even_itself(secured: SecuredBroker, kind: Kind) -> None:
    with ExitStack() as stack:
        scene = Scene(secured, stack)
        scene.victim.subscribe(of(scene.b, kind))
        scene.thief.subscribe(of(scene.a, kind))
        for device in (scene.a, scene.b):
            scene.thief.publish(of(device, kind), b"usurped", retain=True)
    with ExitStack() as stack:
        server = stack.enter_context(secured.probe(secured.service("fleet-server")))
        victim, thief = (stack.enter_context(secured.probe(one)) for one in (scene.b, scene.a))
        for probe, device in ((victim, scene.b), (thief, scene.a)):
            probe.subscribe(of(device, kind))
            server.publish(of(device, kind), b"real")
            assert probe.wait_for(b"real")
            assert [said for _, said in probe.heard] == [b"real"]


def connected(
    secured: SecuredBroker, identity: Identity, *, client_id: str = "", will: str | None = None
) -> paho.Client:
    """A paho client that is under way."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id or identity.name, reconnect_on_failure=False)
    client.tls_set_context(secured.context(identity))
    if will is not None:
        client.will_set(will, b"will", 1, retain=True)
    client.connect("localhost", secured.port)
    client.loop_start()
    return client


def test_a_will_on_anothers_topic_is_never_carried_out(secured: SecuredBroker) -> None:
    with ExitStack() as stack:
        scene = Scene(secured, stack)
        scene.server.subscribe(f"edgeferry/v1/{FLEET}/+/presence")
        thief = secured.device(name())
        client = connected(secured, thief, will=of(scene.b, "presence"))
        eventually(client.is_connected, within_s=2)
        client.socket() and client.socket().close()  # type: ignore[union-attr]
        client.loop_stop()
        honest = connected(secured, thief, will=of(thief, "presence"))
        assert eventually(honest.is_connected)
        honest.socket().close()  # type: ignore[union-attr]
        honest.loop_stop()
        assert scene.server.wait_for(b"will")
        assert {about for about, _ in scene.server.heard} == {of(thief, "presence")}


def test_taking_anothers_client_id_pushes_nobody_off(secured: SecuredBroker) -> None:
    with ExitStack() as stack:
        scene = Scene(secured, stack)
        for taken in (scene.b.name, f"{FLEET}.{scene.b.name}", "fleet-server"):
            stack.enter_context(secured.probe(secured.device(name()), taken))
        scene.victim.subscribe(of(scene.b, "command"))
        scene.server.publish(of(scene.b, "command"), b"still there")
        assert scene.victim.wait_for(b"still there")


def test_strangers_are_not_let_in(secured: SecuredBroker) -> None:
    root = authority.make_root(FLEET, now=folder.now())
    foreign = authority.make_issuing(root, now=folder.now())
    a_while_ago = folder.now() - timedelta(days=3)
    key = authority.new_key()
    ended = authority.issue_device(secured.issuing, "cam-old", key.public_key(), now=a_while_ago, days=1)
    broker_itself = authority.issue_broker(
        secured.issuing, [authority.san("localhost")], key.public_key(), now=folder.now()
    )
    forged = Authority(key, secured.device("cam-forger").certificate)
    strangers = {
        "without": None,
        "foreign": secured.device("cam-1", issuing=foreign),
        "expired": secured.keep("cam-old", key, ended, secured.issuing),
        "wrong usage": secured.keep("broker", key, broker_itself, secured.issuing),
        "issued by a device": secured.device("cam-2", issuing=forged),
    }
    assert [kind for kind, stranger in strangers.items() if not is_refused(secured, stranger)] == []


def test_a_device_is_no_broker(secured: SecuredBroker) -> None:
    """Its certificate does not do for a server: clients ask for server authentication and the broker's name."""
    device = secured.device("localhost")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(device.file)
    client = secured.context(None)
    ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(ours, theirs, server_hostname="localhost")
    answering = server.wrap_bio(theirs, ours, server_side=True)
    with pytest.raises(ssl.SSLWantReadError):
        asking.do_handshake()
    with pytest.raises(ssl.SSLWantReadError):
        answering.do_handshake()
    with pytest.raises(ssl.SSLCertVerificationError):
        asking.do_handshake()


def banish(secured: SecuredBroker, *devices: Identity) -> None:
    """As the server does when these are revoked."""
    before = folder.read_crl(secured.ca)
    revoked = [(entry.serial_number, entry.revocation_date_utc) for entry in before or ()]
    revoked += [(device.certificate.serial_number, folder.now()) for device in devices]
    crl = folder.write_crl(secured.ca, secured.issuing, revoked)
    files = BrokerFiles(secured.files)
    files.update(crl, [device.name for device in devices])
    assert files.told


def test_a_revoked_device_cannot_come_back_and_its_standing_connection_is_mute(secured: SecuredBroker) -> None:
    with ExitStack() as stack:
        scene = Scene(secured, stack)
        scene.server.subscribe(f"edgeferry/v1/{FLEET}/+/telemetry")
        scene.thief.subscribe("#")
        banish(secured, scene.a)
        assert eventually(lambda: is_refused(secured, scene.a))
        scene.thief.publish(of(scene.a, "telemetry"), b"from beyond")
        scene.server.publish(of(scene.a, "command"), b"to the beyond")
        scene.victim.publish(of(scene.b, "telemetry"), b"alive")
        assert scene.server.wait_for(b"alive")
        assert [said for _, said in scene.server.heard] == [b"alive"]
        assert scene.thief.heard == []


def test_two_revocations_within_a_second_are_both_known(secured: SecuredBroker) -> None:
    one, two = secured.device(name()), secured.device(name())
    assert not is_refused(secured, one)
    banish(secured, one)
    banish(secured, two)
    assert eventually(lambda: is_refused(secured, two))
    assert is_refused(secured, one)


def is_refused(secured: SecuredBroker, identity: Identity | None) -> bool:
    try:
        with secured.probe(identity):
            return False
    except REFUSED:
        return True


def test_what_is_too_large_ends_the_connection(secured: SecuredBroker) -> None:
    device = secured.device(name())
    with secured.probe(device) as probe, pytest.raises(OSError, match=r"hung up|reset|Broken|EOF|closed"):
        probe.publish(of(device, "telemetry"), b"x" * 200_000)
    assert not is_refused(secured, device)


def test_home_assistant_hears_a_devices_announcement_and_nobody_forges_one(secured: SecuredBroker) -> None:
    one, other = secured.device(name()), secured.device(name())
    home = folder.make_service(secured.ca, "fleet-home-assistant", days=1)
    with ExitStack() as stack:
        assistant = stack.enter_context(secured.probe(secured.service(home.name)))
        probe = stack.enter_context(secured.probe(one))
        assistant.subscribe("homeassistant/device/+/config")
        assistant.subscribe(f"edgeferry/v1/{FLEET}/+/state")
        probe.publish(f"homeassistant/device/edgeferry_{FLEET}_{other.name}/config", b"forged")
        probe.publish(of(other, "state"), b"forged")
        probe.publish(f"homeassistant/device/edgeferry_{FLEET}_{one.name}/config", b"announced")
        probe.publish(of(one, "state"), b"shown")
        assert assistant.wait_for(b"shown")
        assert [said for _, said in assistant.heard] == [b"announced", b"shown"]
        probe.subscribe("homeassistant/status")
        assistant.publish("homeassistant/status", b"online")
        assert probe.wait_for(b"online")


def test_collectors_share_what_comes(secured: SecuredBroker) -> None:
    device = secured.device(name())
    with ExitStack() as stack:
        probe = stack.enter_context(secured.probe(device))
        collectors = [
            stack.enter_context(secured.probe(secured.service(one))) for one in ("fleet-server", "fleet-collector-1")
        ]
        for collector in collectors:
            collector.subscribe(f"$share/{secrets.token_hex(8)}/edgeferry/v1/{FLEET}/+/telemetry")
            collector.subscribe(f"$share/together/edgeferry/v1/{FLEET}/+/events")
        for number in range(4):
            probe.publish(of(device, "events"), b"%d" % number)
        probe.publish(of(device, "telemetry"), b"end")
        assert all(collector.wait_for(b"end") for collector in collectors)
        shares = [{said for _, said in collector.heard} - {b"end"} for collector in collectors]
        assert shares[0] | shares[1] == {b"0", b"1", b"2", b"3"}
        assert not shares[0] & shares[1]


def test_the_check_finds_this_broker_in_order(secured: SecuredBroker) -> None:
    findings = check_broker(secured.ca, secured.url)
    assert [one.what for one in findings if not one.ok] == []
    assert len(findings) == 8


def test_the_check_finds_what_an_open_broker_lets_through(secured: SecuredBroker) -> None:
    rules = (secured.files / "acl").read_text()
    try:
        reload_with(secured, "pattern readwrite #\n")
        assert eventually(lambda: any(not one.ok for one in check_broker(secured.ca, secured.url)))
        bad = {one.what.split(",")[0] for one in check_broker(secured.ca, secured.url) if not one.ok}
        assert "a device may not speak for another one" in bad
        assert "a device hears nothing else" in bad
    finally:
        reload_with(secured, rules)


def reload_with(secured: SecuredBroker, rules: str) -> None:
    (secured.files / "acl").write_text(rules)
    os.kill(secured.process.pid, signal.SIGHUP)


def test_names_that_would_be_patterns_are_written_into_no_rules(tmp_path: Path) -> None:
    settings = BrokerSettings(fleet=FLEET, folder=tmp_path)
    for bad in ("+", "#", "a/b", "cam 1", "cam\nuser x"):
        with pytest.raises(ConfigError):
            access_rules(settings, [bad])
        with pytest.raises(ConfigError):
            with_banished("", [bad])
    with pytest.raises(ConfigError):
        access_rules(BrokerSettings(fleet=FLEET, folder=tmp_path, extra=("write a b",)))


def test_a_certificate_with_a_pattern_for_a_name_gets_nothing(secured: SecuredBroker) -> None:
    """Ours never certifies one; were it made all the same, mosquitto would not fill it in."""
    victim = secured.device(name())
    for bad in ("+", "#", f"{victim.name}/x"):
        key = authority.new_key()
        made = authority._leaf(  # what no public function does
            secured.issuing, bad, key.public_key(), begins=folder.now(), ends=folder.now() + timedelta(days=1)
        )
        evil = secured.keep("evil", key, made, secured.issuing)
        with ExitStack() as stack:
            try:
                thief = stack.enter_context(secured.probe(evil))
            except OSError:
                continue
            server = stack.enter_context(secured.probe(secured.service("fleet-server")))
            honest = stack.enter_context(secured.probe(victim))
            server.subscribe(f"edgeferry/v1/{FLEET}/+/telemetry")
            attempt(thief, victim)
            honest.publish(of(victim, "telemetry"), b"own")
            assert server.wait_for(b"own")
            assert [said for _, said in server.heard] == [b"own"]
            assert thief.heard == []


def attempt(thief: Probe, victim: Identity) -> None:
    try:
        thief.subscribe("#")
        thief.publish(of(victim, "telemetry"), b"forged")
    except OSError:
        return


def test_the_crl_is_signed_by_the_authority_and_grows(secured: SecuredBroker) -> None:
    crl = folder.read_crl(secured.ca)
    assert crl is not None
    key = secured.issuing.certificate.public_key()
    assert crl.is_signature_valid(key)  # type: ignore[arg-type]
    assert isinstance(crl.signature_hash_algorithm, hashes.SHA256)
    again = folder.write_crl(secured.ca, secured.issuing, [])
    assert again
    later = folder.read_crl(secured.ca)
    assert later is not None
    assert later.last_update_utc > crl.last_update_utc
