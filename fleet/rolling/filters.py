"""The small language that picks devices: `site=dock and profile in (rpi4,rpi5) and within(48.1,11.5,20km)`.

    filter = and-ed {"or" and-ed};  and-ed = term {"and" term};  term = ["not"] (test | "(" filter ")")
    test   = field ("=" | "!=") value | field "in" "(" value {"," value} ")" | "within(" lat "," lon "," number "km" ")"
    field  = id | site | profile | model | tag.NAME;  value = bare word or "quoted", with * and ? as in file names

`model` is NAME@VERSION, or NAME alone for every version. `within` needs the tags `lat` and `lon`. Pure; the
great-circle distance is the haversine formula on a sphere of 6371 km, which is wrong by at most 0.6 %.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from contract.errors import ConfigError

_TOKEN = re.compile(r'\s*(?:(?P<word>[\w.@:*?+/-]+)|"(?P<quoted>[^"]*)"|(?P<mark>!=|[=(),]))')
_EARTH_KM = 6371.0
_FIELDS = ("id", "site", "profile", "model")
_EXAMPLE = "Write it like: site=dock and tag.line=3 and not model=digits@2."
_LONGEST = 4000
_DEEPEST = 50


class Facts(NamedTuple):
    """What is known of a device, as far as filters care."""

    id: str
    site: str
    profile: str
    model: str
    """`NAME@VERSION` that serves."""
    tags: Mapping[str, str]


Filter = Callable[[Facts], bool]


def parse(text: str) -> Filter:
    """`text` as a test of one device; ConfigError says in one sentence where it cannot be read."""
    if len(text) > _LONGEST:
        raise _unreadable(text[:40] + "…", f"it is longer than {_LONGEST} characters")
    reader = _Reader(text)
    found = reader.alternatives()
    if reader.token is not None:
        raise reader.surprise("`and` or `or`")
    return found


class _Token(NamedTuple):
    text: str
    kind: str
    at: int


class _Reader:
    """One pass over the tokens, one method a rule of the grammar above."""

    def __init__(self, text: str) -> None:
        self._text, self._next, self._depth = text, 0, 0
        self._tokens = _split(text)

    @property
    def token(self) -> _Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def surprise(self, expected: str) -> ConfigError:
        found = "its end" if self.token is None else f"{self.token.text!r} at character {self.token.at + 1}"
        return _unreadable(self._text, f"{found} came where {expected} was expected")

    def alternatives(self) -> Filter:
        tests = [self._all_of()]
        while self._took("or"):
            tests.append(self._all_of())
        return tests[0] if len(tests) == 1 else lambda facts: any(test(facts) for test in tests)

    def _all_of(self) -> Filter:
        tests = [self._term()]
        while self._took("and"):
            tests.append(self._term())
        return tests[0] if len(tests) == 1 else lambda facts: all(test(facts) for test in tests)

    def _term(self) -> Filter:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _unreadable(self._text, f"it is nested deeper than {_DEEPEST} times")
        try:
            if self._took("not"):
                denied = self._term()
                return lambda facts: not denied(facts)
            if self._took("("):
                within = self.alternatives()
                self._take(")")
                return within
            return self._test()
        finally:
            self._depth -= 1

    def _test(self) -> Filter:
        field = self._word("a field")
        if field == "within":
            return self._within()
        value_of = self._value_of(field)
        by_name = field == "model"
        if self._took("in"):
            self._take("(")
            wanted = [_matcher(self._word("a value"), by_name)]
            while self._took(","):
                wanted.append(_matcher(self._word("a value"), by_name))
            self._take(")")
            return lambda facts: any(fits(value_of(facts)) for fits in wanted)
        if self._took("!="):
            other = _matcher(self._word("a value"), by_name)
            return lambda facts: not other(value_of(facts))
        self._take("=")
        fits = _matcher(self._word("a value"), by_name)
        return lambda facts: fits(value_of(facts))

    def _value_of(self, field: str) -> Callable[[Facts], str]:
        if field.startswith("tag.") and len(field) > len("tag."):
            name = field.removeprefix("tag.")
            return lambda facts: facts.tags.get(name, "")
        if field not in _FIELDS:
            raise _unreadable(self._text, f"{field!r} is none of {', '.join(_FIELDS)}, tag.NAME and within(…)")
        place = Facts._fields.index(field)
        return lambda facts: str(facts[place])

    def _within(self) -> Filter:
        self._take("(")
        latitude = self._number(90)
        self._take(",")
        longitude = self._number(180)
        self._take(",")
        word = self._word("a distance like 20km")
        if not word.endswith("km"):
            raise _unreadable(self._text, f"{word!r} is not a distance like 20km")
        radius_km = self._parsed(word.removesuffix("km"), 25_000)
        self._take(")")
        return lambda facts: _is_near(facts.tags, latitude, longitude, radius_km)

    def _number(self, most: float) -> float:
        return self._parsed(self._word("a number"), most)

    def _parsed(self, word: str, most: float) -> float:
        number = _float(word)
        if number is None or abs(number) > most:
            raise _unreadable(self._text, f"{word!r} is not a number up to {most:g}")
        return number

    def _word(self, what: str) -> str:
        if self.token is None or self.token.kind == "mark":
            raise self.surprise(what)
        self._next += 1
        return self._tokens[self._next - 1].text

    def _took(self, text: str) -> bool:
        if self.token is None or self.token.kind == "quoted" or self.token.text != text:
            return False
        self._next += 1
        return True

    def _take(self, text: str) -> None:
        if not self._took(text):
            raise self.surprise(f"`{text}`")


def _split(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    end, at = len(text.rstrip()), 0
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unreadable(text, f"nothing can be made of {text[at:].strip()[:20]!r}")
        kind = str(match.lastgroup)
        tokens.append(_Token(match[kind], kind, match.start(kind)))
        at = match.end()
    return tokens


def _matcher(pattern: str, by_name: bool) -> Callable[[str], bool]:
    """Equality where nothing is left open, which is the usual case and ten times quicker than a pattern."""
    pattern = f"{pattern}@*" if by_name and "@" not in pattern else pattern
    if not set(pattern) & {"*", "?"}:
        return pattern.__eq__
    parts = {"*": ".*", "?": "."}
    compiled = re.compile("".join(parts.get(c, re.escape(c)) for c in pattern), re.DOTALL)
    return lambda value: compiled.fullmatch(value) is not None


def _is_near(tags: Mapping[str, str], latitude: float, longitude: float, radius_km: float) -> bool:
    here, there = _float(tags.get("lat", "")), _float(tags.get("lon", ""))
    if here is None or there is None:
        return False
    a, b = math.radians(here), math.radians(latitude)
    across = math.sin(math.radians(there - longitude) / 2) ** 2 * math.cos(a) * math.cos(b)
    share = math.sin((a - b) / 2) ** 2 + across
    return 2 * _EARTH_KM * math.asin(math.sqrt(min(1.0, share))) <= radius_km


def _float(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _unreadable(text: str, why: str) -> ConfigError:
    return ConfigError(why, where=f"filter {text!r}", fix=_EXAMPLE)
