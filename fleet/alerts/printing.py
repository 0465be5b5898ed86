"""What `edgeferry fleet alerts` prints for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from fleet.alerts.settings import AlertSettings
from fleet.printing import columns

Json = Mapping[str, Any]


def alerts(answer: Json) -> str:
    """One line an alert."""
    rows = [
        (
            alert["id"],
            alert["severity"],
            alert["kind"],
            alert["subject"],
            alert["site"],
            alert["since"],
            alert["ended"] or (f"silenced until {alert['silenced_until']}" if alert["silenced_until"] else "open"),
            alert["words"],
        )
        for alert in answer["alerts"]
    ]
    return columns(("ID", "SEVERITY", "KIND", "SUBJECT", "SITE", "SINCE", "ENDED", "WORDS"), rows)


def silences(answer: Json) -> str:
    """One line a silence."""
    parts = ("alert", "kind", "device", "site", "profile", "tag")
    rows = [
        (
            one["id"],
            ", ".join(f"{part} {one[part]}" for part in parts if one[part] is not None),
            one["until"],
            one["made_by"],
            one["why"],
        )
        for one in answer["silences"]
    ]
    return columns(("ID", "SILENCES", "UNTIL", "BY", "WHY"), rows)


def deliveries(answer: Json) -> str:
    """One line a channel."""
    if not answer["deliveries"]:
        return "No channel: name a [[webhook]] or an [[email]] in the file of `fleet serve --alerts`."
    return "\n".join(f"{one['channel']}: {one['detail']}" for one in answer["deliveries"])


def settings(found: AlertSettings) -> str:
    """The whole file as TOML, with every default filled in."""
    lines: list[str] = []
    tables = msgspec.to_builtins(found)
    for name, value in tables.items():
        if not isinstance(value, (dict, list, tuple)):
            lines.append(_line(name, value))
    for name, value in tables.items():
        for head, table in [(f"[{name}]", value)] if isinstance(value, dict) else _several(name, value):
            lines += ["", head, *(_line(key, inner) for key, inner in table.items())]
    return "\n".join(lines)


def _several(name: str, value: object) -> list[tuple[str, Json]]:
    return [(f"[[{name}]]", table) for table in value] if isinstance(value, (list, tuple)) else []


def _line(name: str, value: object) -> str:
    """`key = value`; what is not set has no form in TOML, and is a comment. Strings and lists are as in JSON."""
    return f"# {name} is not set" if value is None else f"{name} = {msgspec.json.encode(value).decode()}"
