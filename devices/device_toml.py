"""`device.toml` written: the counterpart of `contract/device.py`, which reads it back before anybody else sees it.

A writer for this one file: text, numbers, lists of text, and tables one level deep.
"""

from __future__ import annotations

from collections.abc import Mapping
from json import dumps
from typing import TypeAlias

from contract.device import DeviceConfig, parse_device_config

Value: TypeAlias = "str | int | float | bool | tuple[str, ...] | None"
Document: TypeAlias = "Mapping[str, Value | Mapping[str, Value]]"


def written(document: Document, *, where: str) -> tuple[bytes, DeviceConfig]:
    """The file's bytes, and what the agent will read in them; None is left out. ConfigError where it would refuse."""
    lines = [f"{name} = {_text(value)}" for name, value in document.items() if _is_plain(value)]
    for name, table in document.items():
        if isinstance(table, Mapping):
            lines += ["", f"[{name}]"]
            lines += [f"{key} = {_text(value)}" for key, value in table.items() if _is_plain(value)]
    data = ("\n".join(lines) + "\n").encode()
    return data, parse_device_config(data, where=where)


def _is_plain(value: object) -> bool:
    return value is not None and not isinstance(value, Mapping)


def _text(value: object) -> str:
    """JSON's spelling is TOML's too, for these kinds; DEL alone is not, and is refused when it is read back."""
    return dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
