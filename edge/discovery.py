"""What Home Assistant is told about a device: one device announcement, built from plain values.

Format: home-assistant.io/integrations/mqtt (device discovery, since 2024.11), with the full names and not the
abbreviations. Every value template reads the JSON of one topic, `Shown` in `edge/home_assistant.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

Component = dict[str, object]
_PLAIN = re.compile(r"[A-Za-z0-9-]+")
_ONLINE = "{{ 'online' if value_json.online else 'offline' }}"
"""Reads `contract.messages.Presence`."""


class Named(NamedTuple):
    """Whom the announcement is about."""

    id: str
    """`object_id`."""
    name: str
    profile: str
    version: str
    """Of this software."""
    site: str = ""


def object_id(fleet: str, device: str) -> str:
    """Letters, digits, `_` and `-` only, and no two devices the same: names that had to be changed, or could be read
    in two ways, carry eight digits of their digest.
    """
    plain = all(map(_PLAIN.fullmatch, (fleet, device)))
    mark = "" if plain else "_" + sha256(f"{fleet}/{device}".encode()).hexdigest()[:8]
    return "edgeferry_" + re.sub(r"[^A-Za-z0-9_-]", "_", f"{fleet}_{device}") + mark


def slugs(labels: Iterable[str]) -> dict[str, str]:
    """A key of `a`..`z`, digits and `_` for each label, in order, no two the same."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for number, label in enumerate(dict.fromkeys(labels)):
        plain = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_") or str(number)
        slug = plain if plain not in taken else f"{plain}_{number}"
        taken.add(slug)
        found[label] = slug
    return found


def announcement(
    named: Named, *, state_topic: str, presence_topic: str, labels: Mapping[str, str], removed: Sequence[str] = ()
) -> dict[str, object]:
    """The payload of `PREFIX/device/ID/config`. `labels` are slugs by label, `removed` the slugs of former ones."""
    components = {**_standing(), **{f"count_{slug}": _count(label, slug) for label, slug in labels.items()}}
    for key, component in components.items():
        component["unique_id"] = f"{named.id}_{key}"
    gone = {f"count_{slug}": {"platform": "sensor"} for slug in removed}
    return {
        "device": _device(named),
        "origin": {"name": "edgeferry", "sw_version": named.version},
        "availability": [{"topic": presence_topic, "value_template": _ONLINE}],
        "state_topic": state_topic,
        "qos": 1,
        "components": {**components, **gone},
    }


def _device(named: Named) -> dict[str, object]:
    area = {"suggested_area": named.site} if named.site else {}
    return {
        "identifiers": [named.id],
        "name": named.name,
        "manufacturer": "edgeferry",
        "model": named.profile,
        "sw_version": named.version,
        **area,
    }


def _standing() -> dict[str, Component]:
    """What every device has."""
    return {
        "frames_per_s": _measured("Frames per second", "frames_per_s", unit="fps"),
        "latency_p95": _measured("Latency p95", "latency_p95_ms", unit="ms", device_class="duration"),
        "temperature": _measured("Temperature", "temperature_c", unit="°C", device_class="temperature"),
        "model": {
            "platform": "sensor",
            "name": "Model",
            "value_template": "{{ value_json.model }}",
            "entity_category": "diagnostic",
        },
        "seen": {
            "platform": "binary_sensor",
            "name": "Something seen",
            "value_template": "{{ 'ON' if value_json.seen else 'OFF' }}",
            "device_class": "occupancy",
        },
        "update": {
            "platform": "update",
            "name": "Model update",
            "value_template": "{{ value_json.model_update | to_json }}",
        },
    }


def _measured(name: str, key: str, *, unit: str, device_class: str | None = None) -> Component:
    known = {} if device_class is None else {"device_class": device_class}
    return {
        "platform": "sensor",
        "name": name,
        "value_template": f"{{{{ value_json.{key} }}}}",
        "unit_of_measurement": unit,
        "state_class": "measurement",
        "entity_category": "diagnostic",
        **known,
    }


def _count(label: str, slug: str) -> Component:
    return {
        "platform": "sensor",
        "name": label,
        "value_template": f"{{{{ value_json.counts.get('{slug}', 0) }}}}",
        "state_class": "measurement",
    }
