"""Struct to bytes and back, in two tempers: strict for what people write, kind for what newer versions send.

Strict refuses unknown keys (the struct says `forbid_unknown_fields`); kind keeps going and refuses only a newer
major `schema`. JSON written here is canonical: keys in the struct's order, no spaces, one byte string per value.
What is read here may come from anybody: whatever its bytes, they end in a struct or in one of our errors, and an
error's words are short and safe for a terminal.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeVar

import msgspec

from contract.errors import FerryError

T = TypeVar("T")
_SHOWN_CHARACTERS = 300


class _Schema(msgspec.Struct):
    schema: Annotated[int, msgspec.Meta(ge=1)] = 1


_SCHEMA_OF = msgspec.json.Decoder(_Schema)
"""Made here, because threads must not meet at msgspec's first look at a struct: `contract.messages.prepare`."""


def to_json(value: Any) -> bytes:
    """One line of JSON; equal values give equal bytes."""
    return msgspec.json.encode(value)


def to_pretty_json(value: Any) -> bytes:
    """The same, indented by two, ending in a newline: for files people open."""
    return msgspec.json.format(to_json(value), indent=2) + b"\n"


def from_json(data: bytes, kind: type[T], *, where: str, error: type[FerryError], newest_schema: int = 1) -> T:
    """Decode and check `data` as `kind`, or raise `error` naming the path of what is wrong.

    A newer major `schema` is refused before the rest is looked at: its fields may mean something else.
    """
    try:
        found = _SCHEMA_OF.decode(data).schema
        if found > newest_schema:
            raise error(
                f"schema {plain(str(found))} is newer than {newest_schema}, the newest this version reads",
                where=where,
                fix="Update edgeferry on this machine.",
            )
        return msgspec.json.decode(data, type=kind)
    except _NO_JSON as problem:
        what = f"not a valid {kind.__name__}: {plain(str(problem))}"
        raise error(what, where=where, fix="Write it anew.") from problem


_NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises; RecursionError for brackets nested deeper than the interpreter's stack."""
_WITH_DIGITS_AS_WRITTEN = msgspec.json.Decoder(float_hook=msgspec.Raw)


def is_pretty_json(data: bytes) -> bool:
    """Whether `data` is spelled the one way `to_pretty_json` spells it, unknown keys included.

    So no key stands there twice, for two readers to see different values. Floating-point numbers are taken as they
    are written: their shortest form is a matter of the writer's version.
    """
    try:
        return to_pretty_json(_WITH_DIGITS_AS_WRITTEN.decode(data)) == data
    except _NO_JSON:
        return False


def plain(text: str) -> str:
    """A stranger's text for an error's sentence: on one line, without control characters, its middle left out if long.

    msgspec quotes a wrong value as it came, and ends with its path.
    """
    if len(text) > _SHOWN_CHARACTERS:
        text = f"{text[: _SHOWN_CHARACTERS - 100]} … {text[-97:]}"
    return "".join(character if character.isprintable() else "?" for character in text)


def from_toml(data: bytes, kind: type[T], *, where: str, error: type[FerryError]) -> T:
    """Decode a TOML file a person wrote; the message names the key, and its line where the file has one."""
    try:
        return msgspec.toml.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        place = _line_of(data, str(problem))
        raise error(f"{problem}", where=f"{where}{place}", fix="Correct that key.") from problem


def _line_of(data: bytes, problem: str) -> str:
    """`:LINE` of the key that msgspec's message names, where it can be found."""
    named = re.search(r"field `([^`]+)`", problem) or re.search(r"\$\.(?:[^`]*\.)?([A-Za-z0-9_-]+)[^`.]*`", problem)
    if named is None:
        return ""
    lines = data.decode(errors="replace").splitlines()
    table = re.search(r"\$\.([A-Za-z0-9_-]+)\[(\d+)\]", problem)
    heads = [n for n, line in enumerate(lines) if table and line.replace(" ", "").startswith(f"[[{table[1]}]]")]
    begin = heads[int(table[2])] if table and int(table[2]) < len(heads) else 0
    for number, line in enumerate(lines[begin:], begin + 1):
        if line.split("=")[0].strip(" []\"'").rsplit(".", 1)[-1] == named[1]:
            return f":{number}"
    return ""
