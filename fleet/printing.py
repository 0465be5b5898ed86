"""What the commands print for people: answers of the server as lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]


def columns(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table with two spaces between its columns."""
    lines = [list(head), *([("" if cell is None else str(cell)) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def devices(answer: Json) -> str:
    """One line a device."""
    rows = []
    for device in answer["devices"]:
        reading = device["telemetry"]
        rate = f"{reading['frames_per_s']:.1f}" if reading and device["online"] else ""
        presence = "online" if device["online"] else "offline"
        rows.append((device["id"], presence, device["profile"], device["model"], rate, device["last_seen"]))
    return columns(("DEVICE", "PRESENCE", "PROFILE", "MODEL", "FRAMES/S", "LAST SEEN"), rows)


def rollouts(answer: Json) -> str:
    """One line a rollout."""
    rows = [(r["id"], r["release"], r["state"], _counts(r["counts"]), r["cause"]) for r in answer["rollouts"]]
    return columns(("ID", "RELEASE", "STATE", "DEVICES", "CAUSE"), rows)


def rollout(answer: Json) -> str:
    """One rollout, one line a device."""
    first = f"rollout {answer['id']} of {answer['release']}: {answer['state']}"
    why = f" ({answer['cause']}: {answer['detail']})" if answer["cause"] else ""
    rows = [
        (t["device"], "" if t["wave"] is None else t["wave"] + 1, t["state"], t["cause"], t["detail"])
        for t in answer["devices"]
    ]
    return f"{first}{why}\n" + columns(("DEVICE", "WAVE", "STATE", "CAUSE", "DETAIL"), rows)


def trust(answer: Json) -> str:
    """The documents of the update repository's metadata, and what has to be done about them."""
    if not answer["roles"]:
        return "No metadata: devices with a pinned root take no update from here."
    rows = [
        (r["role"], r["version"], r["expires"], ", ".join(f"{key[:15]}…" for key in r["keys"])) for r in answer["roles"]
    ]
    lines = [
        columns(("DOCUMENT", "VERSION", "EXPIRES", "KEYS"), rows),
        f"{answer['listed']} files listed, security floor {answer['security_floor']}, {len(answer['revoked'])} revoked",
    ]
    lines += [f"not in the list: {f['release']} for {f['profile']} ({f['kind']})" for f in answer["unvouched"]]
    return "\n".join([*lines, *(f"warning: {warning}" for warning in answer["warnings"])])


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
