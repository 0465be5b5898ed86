"""What mosquitto is told: its configuration, and who may write and read which topic. Text out of settings, no files.

Every client proves who it is with a certificate, and its common name becomes both user name and client id, so nobody
can push another one off the broker by taking its id. Rules for devices are patterns with `%u` for that name: mosquitto
refuses names with `+`, `#` or `/` there (CVE-2017-7650), and our authority certifies none
(`contract.topics.checked_name`).

mosquitto 2.0 lets anybody subscribe to anything and judges each message when it is delivered. So `#` brings a device
its own messages alone; but a device that guesses the name of a shared subscription's group swallows what is dealt to
it. Nothing is lost, because only the collector's own acknowledgement counts; the group's name must still be a secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.errors import ConfigError
from contract.topics import FROM_DEVICE, ROOT, Kind, among_collectors, checked_name, every_device

SERVER = "fleet-server"
COLLECTOR = "fleet-collector-{}"
HOME_ASSISTANT = "fleet-home-assistant"
CHECK = "fleet-check"
"""Of `broker check`; its certificates are made for the occasion."""
TO_DEVICE: tuple[Kind, ...] = ("ack", "desired", "command")
_SHOWN: tuple[Kind, ...] = ("state", "presence")
_ACCESS = ("read", "write", "readwrite")
ACL, CONF, CRL, PID = "acl", "mosquitto.conf", "crl.pem", "mosquitto.pid"
_MARK = "# Devices whose certificates were all revoked: a connection that still stands serves them no more."


@dataclass(frozen=True, kw_only=True)
class BrokerSettings:
    """What a person decides about the broker."""

    fleet: str
    folder: Path
    """Where its files lie."""
    port: int = 8883
    address: str = ""
    """To listen on; empty for all."""
    user: str = ""
    """Whom mosquitto becomes when root starts it; empty for its own choice, `mosquitto`."""
    collectors: int = 4
    """How many `fleet-collector-N` are known to it."""
    home_assistant: str | None = None
    """Its discovery prefix, if devices announce themselves there."""
    extra: tuple[str, ...] = ()
    """Further rules of the server's, like `readwrite spBv1.0/#`."""
    most_connections: int = 10_000
    most_packet_bytes: int = 1 << 20
    memory_mib: int = 1024


def configuration(settings: BrokerSettings) -> str:
    """`mosquitto.conf`, for mosquitto 2.0 and later."""
    folder = _plain_path(settings.folder)
    listener = f"listener {settings.port} {settings.address}".rstrip()
    user = f"user {settings.user}\n" if settings.user else ""
    return f"""\
# Written by `edgeferry fleet broker configure`; run it again rather than editing.
per_listener_settings false
{user}pid_file {folder}/{PID}

# Who: certificates of the fleet {settings.fleet}, and nobody else.
allow_anonymous false
acl_file {folder}/{ACL}
{listener}
cafile {folder}/ca.pem
certfile {folder}/broker.pem
keyfile {folder}/broker.key
crlfile {folder}/{CRL}
tls_version tlsv1.2
require_certificate true
use_identity_as_username true
use_username_as_clientid true
max_connections {settings.most_connections}

# How much: nobody fills the broker's memory.
max_packet_size {settings.most_packet_bytes}
max_inflight_messages 200
max_inflight_bytes {8 * settings.most_packet_bytes}
max_queued_messages 10000
max_queued_bytes {64 * settings.most_packet_bytes}
memory_limit {settings.memory_mib << 20}
max_keepalive 3600
persistent_client_expiration 14d

# What outlives a restart: retained assignments, births and presence.
persistence true
persistence_location {folder}/data/
autosave_interval 30
log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages true
"""


def access_rules(settings: BrokerSettings, banished: Sequence[str] = ()) -> str:
    """The ACL file; `banished` devices may do nothing, whatever else it says."""
    fleet = settings.fleet
    server = [
        *(f"topic read {every_device(fleet, kind)}" for kind in FROM_DEVICE),
        *(f"topic write {every_device(fleet, kind)}" for kind in TO_DEVICE),
        f"topic readwrite {among_collectors(fleet)}",
        *(f"topic {_checked_rule(rule)}" for rule in settings.extra),
    ]
    collector = [
        *(f"topic read {every_device(fleet, kind)}" for kind in FROM_DEVICE),
        f"topic write {every_device(fleet, 'ack')}",
        f"topic readwrite {among_collectors(fleet)}",
    ]
    lines = _user(SERVER, server)
    for number in range(1, settings.collectors + 1):
        lines += _user(COLLECTOR.format(number), collector)
    lines += _user(
        CHECK, [f"topic read {every_device(fleet, 'reply')}", f"topic write {every_device(fleet, 'command')}"]
    )
    if settings.home_assistant is not None:
        lines += _user(HOME_ASSISTANT, _home_assistant(settings, settings.home_assistant))
    lines += ["# Every device: its own topics."]
    lines += [f"pattern write {_own(fleet, kind)}" for kind in FROM_DEVICE]
    lines += [f"pattern read {_own(fleet, kind)}" for kind in TO_DEVICE]
    if settings.home_assistant is not None:
        prefix = settings.home_assistant
        lines += [
            f"pattern write {_own(fleet, 'state')}",
            f"pattern write {prefix}/device/edgeferry_{fleet}_%u/config",
            f"pattern read {prefix}/status",
        ]
    return "\n".join([*lines, "", *banishments(banished)]) + "\n"


def banishments(devices: Sequence[str]) -> list[str]:
    """The last part of the ACL file; mosquitto looks at a user's refusals before anything else."""
    lines = [_MARK]
    for device in devices:
        lines += [f"user {checked_name(device, what='device')}", "topic deny #"]
    return lines


def with_banished(rules: str, devices: Sequence[str]) -> str:
    """An ACL file with other devices banished."""
    return "\n".join([rules.partition(_MARK)[0] + banishments(devices)[0], *banishments(devices)[1:]]) + "\n"


def _own(fleet: str, kind: Kind) -> str:
    return f"{ROOT}/{fleet}/%u/{kind}"


def _home_assistant(settings: BrokerSettings, prefix: str) -> list[str]:
    if not prefix or set(prefix) & set("+#% \n"):
        raise ConfigError(f"{prefix!r} is no discovery prefix", where="--home-assistant", fix="Use: homeassistant")
    return [
        f"topic read {prefix}/device/+/config",
        f"topic write {prefix}/status",
        *(f"topic read {every_device(settings.fleet, kind)}" for kind in _SHOWN),
    ]


def _checked_rule(rule: str) -> str:
    access, _, pattern = rule.partition(" ")
    if access not in _ACCESS or not pattern or not pattern.isprintable() or " " in pattern:
        raise ConfigError(f"{rule!r} is no rule", where="--server-topic", fix="Write it like: readwrite spBv1.0/#")
    return rule


def _user(name: str, rules: Sequence[str]) -> list[str]:
    return [f"user {name}", *rules, ""]


def _plain_path(path: Path) -> str:
    text = str(path.resolve())
    if not text.isprintable():
        raise ConfigError(f"{text!r} cannot stand in mosquitto.conf", where="--out", fix="Choose a plain path.")
    return text
