"""Every MQTT topic, built and parsed here and nowhere else: `edgeferry/v1/FLEET/DEVICE/KIND`.

| kind        | who publishes | retained | payload (contract/messages.py)                   |
|-------------|---------------|----------|--------------------------------------------------|
| `birth`     | device        | yes      | Birth: what this device is and holds             |
| `presence`  | device, will  | yes      | Presence: online or offline                      |
| `telemetry` | device        | no       | Batch of Telemetry                               |
| `events`    | device        | no       | Batch of Event                                   |
| `reported`  | device        | no       | Batch of Reported                                |
| `ack`       | collector     | no       | Ack: stored up to here                           |
| `desired`   | fleet         | yes      | signed Assignment (DSSE envelope)                |
| `command`   | fleet         | no       | Command                                          |
| `reply`     | device        | no       | Reply                                            |
| `state`     | device        | yes      | for Home Assistant alone: edge/home_assistant.py |

Beside them `edgeferry/v1/FLEET/collectors` is a collector's question to itself (fleet/link.py).

All are QoS 1 and need nothing beyond MQTT 3.1.1.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, get_args

from contract.errors import ConfigError, LinkError

Kind = Literal["birth", "presence", "telemetry", "events", "reported", "ack", "desired", "command", "reply", "state"]
ROOT = "edgeferry/v1"
FROM_DEVICE: tuple[Kind, ...] = ("birth", "presence", "telemetry", "events", "reported", "reply")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class Topic(NamedTuple):
    """A parsed topic."""

    fleet: str
    device: str
    kind: Kind


def checked_name(name: str, *, what: str) -> str:
    """`name` if it may stand in a topic, a file name and a page's address; `what` is `fleet` or `device`."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot name a {what}",
            where=f"{what} id",
            fix="Use 1 to 63 letters, digits, dots, hyphens and underscores, beginning with a letter or digit.",
        )
    return name


def topic(fleet: str, device: str, kind: Kind) -> str:
    """The topic of one device."""
    return f"{ROOT}/{fleet}/{device}/{kind}"


def every_device(fleet: str, kind: Kind) -> str:
    """The subscription for one kind of message from a whole fleet."""
    return f"{ROOT}/{fleet}/+/{kind}"


def shared(text: str, *, group: str) -> str:
    """The subscription `text` as a share: the broker gives each message to one member of the group.

    MQTT 5, section 4.8.2; mosquitto, EMQX, VerneMQ and HiveMQ have it for MQTT 3.1.1 too. Retained messages do not come
    this way.
    """
    return f"$share/{group}/{text}"


def among_collectors(fleet: str) -> str:
    """Where a collector says something to itself, to see whether the broker shares. No device's topic."""
    return f"{ROOT}/{fleet}/collectors"


def parse(text: str) -> Topic:
    """The parts of `text`, or LinkError: brokers may hand over topics nobody asked for."""
    root, _, rest = text.partition("/v1/")
    parts = rest.split("/")
    if (
        f"{root}/v1" != ROOT
        or len(parts) != 3
        or parts[2] not in get_args(Kind)
        or not all(map(_NAME.fullmatch, parts[:2]))
    ):
        raise LinkError(f"{text!r} is not one of our topics", where="MQTT", fix="Check who publishes there.")
    return Topic(parts[0], parts[1], parts[2])  # type: ignore[arg-type]
