"""The little of YAML that a `data.yaml` is written in, read strictly, without a library.

Keys at the left margin; their values are scalars, lists or maps of scalars, in blocks or in brackets that may go over
several lines; quotes, comments and block texts (`|`, `>`). Anchors, tags, aliases, several documents and deeper
nesting are refused with their line: nothing is guessed (YAML 1.2.2, https://yaml.org/spec/1.2.2/).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from contract.errors import DataError

Value = str | list[str] | dict[str, str]
_KEY = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s#:,\[\]{}"'&*!|>%@`-][^#:,\[\]{}]*?|-?\d+)\s*:(?=\s|$)""")
_TOKEN = re.compile(
    r"""\s*("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[\[\]{},]|:(?=\s|$)|(?:[^\s\[\]{},:]|:(?=\S)|[^\S\n]+(?=[^\s\[\]{},:#]))+)"""
)
_REFUSED = re.compile(r"[&*!%@`]")


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    indent: int
    text: str


def read_yaml(text: str, *, where: str) -> dict[str, Value]:
    """Key to value of a plain YAML file; DataError names the line of what is not that plain."""
    lines = _lines(text, where)
    found: dict[str, Value] = {}
    while lines:
        line = lines.pop(0)
        key, rest = _key(line, where)
        if line.indent or key in found:
            raise _refusal(f"key {key!r} stands there twice" if not line.indent else "this is indented", line, where)
        block: list[_Line] = []
        while lines and (lines[0].indent > 0 or (not rest and _is_item(lines[0]))):
            block.append(lines.pop(0))
        while lines and rest[:1] in ("[", "{") and lines[0].text[:1] in ("]", "}"):
            block.append(lines.pop(0))
        found[key] = _value(line, rest, block, where)
    return found


def _lines(text: str, where: str) -> list[_Line]:
    lines: list[_Line] = []
    for number, raw in enumerate(text.splitlines(), 1):
        stripped = _without_comment(raw).rstrip()
        line = _Line(number, len(stripped) - len(stripped.lstrip()), stripped.lstrip())
        if "\t" in stripped[: line.indent]:
            raise _refusal("this is indented with a tab", line, where)
        if line.text and not (line.text == "---" and not lines):
            lines.append(line)
    return lines


def _without_comment(raw: str) -> str:
    """Up to a `#` that begins the line or follows a space, outside quotes."""
    quote = ""
    for at, character in enumerate(raw):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'" and (not at or raw[at - 1] in " [{,:\t-"):
            quote = character
        elif character == "#" and (not at or raw[at - 1] in " \t"):
            return raw[:at]
    return raw


def _key(line: _Line, where: str) -> tuple[str, str]:
    found = _KEY.match(line.text)
    if found is None:
        raise _refusal("`key: value` is expected here", line, where)
    return _scalar(found[1], line, where), line.text[found.end() :].strip()


def _value(line: _Line, rest: str, block: list[_Line], where: str) -> Value:
    if rest[:1] in ("|", ">"):
        return "\n".join(each.text for each in block)
    if rest[:1] in ("[", "{"):
        return _bracketed(" ".join([rest, *(each.text for each in block)]), line, where)
    if rest and not block:
        return _scalar(rest, line, where)
    if rest:
        raise _refusal("a value that goes on over lines is not read", block[0], where)
    if len({each.indent for each in block}) > 1:
        deeper = next(each for each in block if each.indent != block[0].indent)
        raise _refusal("values within values are not read", deeper, where)
    if block and _is_item(block[0]):
        return [_item(each, where) for each in block]
    pairs = [(*_key(each, where), each) for each in block]
    _no_twins([key for key, _, _ in pairs], line, where)
    return {key: _scalar(value, each, where) for key, value, each in pairs} if pairs else ""


def _is_item(line: _Line) -> bool:
    return line.text == "-" or line.text.startswith("- ")


def _item(line: _Line, where: str) -> str:
    if not _is_item(line):
        raise _refusal("another `- item` is expected here", line, where)
    text = line.text[1:].strip()
    if _KEY.match(text):
        raise _refusal("maps within lists are not read", line, where)
    return _scalar(text, line, where)


def _bracketed(text: str, line: _Line, where: str) -> list[str] | dict[str, str]:
    """`[a, 'b']` or `{0: a, 1: b}`."""
    closing = "]" if text[0] == "[" else "}"
    tokens = _tokens(text, line, where)
    if tokens[-1] != closing or sum(token in ("[", "]", "{", "}") for token in tokens) != 2:
        raise _refusal(f"brackets are not closed by one {closing}, or stand within brackets", line, where)
    entries: list[list[str]] = [[]]
    for token in tokens[1:-1]:
        if token == ",":  # nosec B105  # a comma
            entries.append([])
        else:
            entries[-1].append(token)
    if not entries[-1]:
        entries.pop()  # a comma may end the list
    wanted = 1 if closing == "]" else 3
    if any(len(entry) != wanted or (wanted == 3 and entry[1] != ":") for entry in entries):
        raise _refusal("an entry in brackets is not one value" if wanted == 1 else "an entry is no `k: v`", line, where)
    if wanted == 1:
        return [_scalar(entry[0], line, where) for entry in entries]
    keys = [_scalar(entry[0], line, where) for entry in entries]
    _no_twins(keys, line, where)
    return {key: _scalar(entry[2], line, where) for key, entry in zip(keys, entries, strict=True)}


def _tokens(text: str, line: _Line, where: str) -> list[str]:
    tokens: list[str] = []
    at = 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if found is None:
            raise _refusal(f"{text[at : at + 20]!r} is not read", line, where)
        tokens.append(found[1].strip())
        at = found.end()
    return tokens


def _scalar(text: str, line: _Line, where: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if len(text) >= 2 and text[0] == text[-1] == '"':
        if "\\" in text.replace('\\"', "").replace("\\\\", ""):
            raise _refusal('only \\" and \\\\ are read in double quotes', line, where)
        return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if _REFUSED.match(text) or text[:1] in ("'", '"', "[", "{", "|", ">"):
        raise _refusal(f"{text[:20]!r} is not read here: write it in one line, in quotes", line, where)
    return "" if text in ("~", "null") else text


def _no_twins(keys: list[str], line: _Line, where: str) -> None:
    for key in keys:
        if keys.count(key) > 1:
            raise _refusal(f"key {key!r} stands there twice", line, where)


def _refusal(what: str, line: _Line, where: str) -> DataError:
    return DataError(
        what,
        where=f"{where}:{line.number}",
        fix="Write keys with values, lists and maps of one level, as in docs/datasets.md.",
    )
