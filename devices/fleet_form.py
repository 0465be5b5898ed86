"""`--csv devices.csv`: one row a device, columns named like the settings, so that a fleet is flashed in one go.

`to` and `bundle` are columns too; what a row leaves empty is said by options or the settings file. `wifi.ssid` and its
sisters reach into the table of that name. Several keys or packages in one cell are divided by `;`. Every row is checked
before the first device is touched.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from contract.errors import ConfigError
from devices.settings import Settings, Wifi, anchored, settings_from

TO, BUNDLE = "to", "bundle"
LISTS = ("publishers", "fleet_keys", "ssh_authorized_keys", "extras", "packages")
_WIFI = tuple(f"wifi.{name}" for name in Wifi.__struct_fields__)
COLUMNS = (TO, BUNDLE, *(name for name in Settings.__struct_fields__ if name != "wifi"), *_WIFI)
_TRUTH = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


class Row(NamedTuple):
    """One device of the form."""

    line: int
    """Of the file, 1 being the heading."""
    settings: Settings
    to: str
    bundle: Path


def read_form(path: Path, base: Mapping[str, Any], *, to: str | None, bundle: Path | None) -> list[Row]:
    """Every row. `base` are settings for all, `to` and `bundle` stand in for empty cells.

    In `to`, `{device_id}` and `{host}` are filled in. ConfigError names file and line of the first row that cannot be
    used, an unknown column, or a device that comes twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        what = problem.strerror if isinstance(problem, OSError) else "it is not UTF-8"
        raise ConfigError(
            f"the form cannot be read: {what}", where=str(path), fix="Save it as CSV, UTF-8."
        ) from problem
    rows = [_row(path, line, cells, base, to, bundle) for line, cells in _cells(path, text)]
    if not rows:
        raise ConfigError("there is no device in it", where=str(path), fix="Write one row a device below the heading.")
    _check_once(path, rows)
    return rows


def _cells(path: Path, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Line numbers and filled cells by column; rows without a filled cell are passed over."""
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    heading: Sequence[str] = ()
    begin = 1
    try:
        for values in reader:
            line, begin = begin, reader.line_num + 1
            cells = [value.strip() for value in values]
            if not any(cells):
                continue
            if not heading:
                heading = _heading(path, line, cells)
                continue
            if len(cells) > len(heading):
                raise _bad(path, line, f"{len(cells)} cells, and there are {len(heading)} columns", "Quote commas.")
            yield line, {name: cell for name, cell in zip(heading, cells, strict=False) if cell}
    except csv.Error as problem:
        raise _bad(path, reader.line_num, f"this is no CSV: {problem}", "Check the quotes.") from problem


def _heading(path: Path, line: int, names: Sequence[str]) -> Sequence[str]:
    unknown = [name for name in names if name not in COLUMNS]
    if unknown:
        raise _bad(path, line, f"there is no setting {unknown[0]!r}", f"Use: {', '.join(COLUMNS)}")
    if len(set(names)) < len(names):
        raise _bad(path, line, "a column comes twice", "Leave one of them out.")
    return names


def _row(
    path: Path, line: int, cells: dict[str, str], base: Mapping[str, Any], to: str | None, bundle: Path | None
) -> Row:
    where = f"{path}:{line}"
    values: dict[str, Any] = {}
    wifi: dict[str, Any] = {}
    for name, cell in cells.items():
        table, key = (wifi, name.removeprefix("wifi.")) if name in _WIFI else (values, name)
        table[key] = _value(where, name, cell)
    if wifi:
        values["wifi"] = {**(base.get("wifi") or {}), **wifi}
    own_to, own_bundle = values.pop(TO, to), values.pop(BUNDLE, None)
    settings = settings_from({**base, **anchored(values, path.resolve().parent)}, where=where)
    found = path.resolve().parent / own_bundle if own_bundle else bundle
    if own_to is None or found is None:
        missing = TO if own_to is None else BUNDLE
        raise _bad(path, line, f"nothing says its {missing}", f"Fill the column {missing}, or give it for all.")
    return Row(line, settings, _filled(where, own_to, settings), found)


def _value(where: str, name: str, cell: str) -> Any:
    if name in LISTS:
        return [part.strip() for part in cell.split(";") if part.strip()]
    if name == "wifi.hidden":
        if cell.lower() not in _TRUTH:
            raise ConfigError(f"{cell!r} is neither yes nor no", where=f"{where}, {name}", fix="Write yes or no.")
        return _TRUTH[cell.lower()]
    return cell


def _filled(where: str, to: str, settings: Settings) -> str:
    try:
        return to.format(device_id=settings.device_id, host=settings.host)
    except (KeyError, IndexError, ValueError) as problem:
        raise ConfigError(
            f"{to!r} names something else than {{device_id}} and {{host}}", where=where, fix="Use these two."
        ) from problem


def _check_once(path: Path, rows: Sequence[Row]) -> None:
    seen: dict[str, int] = {}
    for row in rows:
        for name in (f"{row.settings.fleet}/{row.settings.device_id}", row.to):
            if name in seen:
                raise _bad(path, row.line, f"{name} is in line {seen[name]} already", "Each device has one row.")
            seen[name] = row.line


def _bad(path: Path, line: int, what: str, fix: str) -> ConfigError:
    return ConfigError(what, where=f"{path}:{line}", fix=fix)
