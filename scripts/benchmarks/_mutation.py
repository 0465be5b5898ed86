"""Makes wrong inputs from right ones: bytes turned, numbers at their edges, JSON said twice or nested without end.

Everything is drawn from the `Random` handed in, so an input can be made again from its number. What a mutation knows
of structure is what attackers know: little-endian fields, JSON's tokens, pieces of other inputs of the same kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

Mutation = Callable[[bytes, Random], bytes]

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[-+.\w]+|\s+|.', re.DOTALL)
_EDGES = (0, 1, 2, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63, 2**64 - 1)
_ZIP = (b"PK\3\4", b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\7")
_PIECES = (*_ZIP, b"\0", b"\xff\xff\xff\xff", b"\n", b"{}", b"\xef\xbb\xbf")
_WORDS = (
    *rb"""
    null true false {} [] [[]] 0 -0 -1 1.5 -1e-999 1e999 NaN Infinity
    2147483647 2147483648 4294967296 9223372036854775808 18446744073709551616
    "" "." ".." "../x" "/etc/x" "a/../b" "a\\b" "x\n" "\u0000" "\u001b[2J" "\ud800"
    "bundle" "manifest.json" "signature.json" "model.tflite" "Model.tflite" ".staging-x" "x" "schema" "sha256:"
    "9999-12-31T23:59:59Z" "0001-01-01T00:00:00+23:59" "file:///etc/passwd"
    """.split(),
    b'"\xff\xfe"',
    b'"' + b"x" * 5000 + b'"',
    b"1" + b"0" * 400,
    b"1" + b"0" * 5000,
)


def turned(data: bytes, chance: Random) -> bytes:
    """One to four places of the bytes changed."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        _BYTE_CHANGES[chance.randrange(len(_BYTE_CHANGES))](changed, chance)
    return bytes(changed)


def retold(data: bytes, chance: Random) -> bytes:
    """One to three tokens of a JSON text exchanged, said twice, left out or buried."""
    tokens = _TOKEN.findall(data)
    for _ in range(chance.choice((1, 1, 2, 3))):
        if not tokens:
            break
        place = _place_of_a_word(tokens, chance)
        tokens[place : place + 1] = _instead(tokens, place, chance)
    return b"".join(tokens)


def chosen(mutations: Sequence[Mutation]) -> Mutation:
    """One of `mutations` each time."""
    return lambda data, chance: chance.choice(mutations)(data, chance)


def _place_of_a_word(tokens: list[bytes], chance: Random) -> int:
    """Mostly a key or a value: most texts with other brackets or commas are no JSON, which is one attack among many."""
    place = 0
    for _ in range(4):
        place = chance.randrange(len(tokens))
        if tokens[place][:1] not in b" \n{}[],:":
            break
    return place


def _instead(tokens: list[bytes], place: int, chance: Random) -> list[bytes]:
    token = tokens[place]
    match chance.randrange(12):
        case 0:
            return []
        case 1:
            return [token, token]
        case 2:
            return [turned(token, chance)]
        case 3:
            other = chance.randrange(len(tokens))
            return tokens[min(place, other) : max(place, other) + 1][:200]
        case 4:
            depth = chance.choice((1, 2, 900, 1100, 20_000))
            return [chance.choice((b"[", b'{"x":')) * depth, token]
        case 5:
            return [b'"x":', chance.choice(_WORDS), b",", token]
        case 6:
            return [chance.choice((b" ", b"\n", b"\t", b"\0", b"\x0c"))]
        case 7:
            return [tokens[chance.randrange(len(tokens))]]
        case 8 if len(token) > 2 and token.startswith(b'"'):
            return [b'"\\u%04x' % token[1] + token[2:]]
        case _:
            return [chance.choice(_WORDS)]


def _flip(data: bytearray, chance: Random) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _put_number(data: bytearray, chance: Random) -> None:
    width, value = chance.choice((1, 2, 4, 8)), chance.choice(_EDGES) + chance.choice((-1, 0, 0, 0, 1))
    place = chance.randrange(len(data) + 1)
    data[place : place + width] = (value % 256**width).to_bytes(width, "little")


def _leave_out(data: bytearray, chance: Random) -> None:
    place = chance.randrange(len(data) + 1)
    del data[place : place + chance.choice((1, 4, 16, 100, 10_000))]


def _say_twice(data: bytearray, chance: Random) -> None:
    place, length = chance.randrange(len(data) + 1), chance.choice((1, 4, 22, 46, 300))
    data[place:place] = data[place : place + length]


def _put_piece(data: bytearray, chance: Random) -> None:
    place = chance.randrange(len(data) + 1)
    data[place : place + chance.choice((0, 0, 4))] = chance.choice(_PIECES)


def _put_noise(data: bytearray, chance: Random) -> None:
    place, length = chance.randrange(len(data) + 1), chance.choice((1, 2, 8, 40))
    data[place : place + length] = chance.randbytes(length)


def _swap(data: bytearray, chance: Random) -> None:
    length = chance.choice((1, 4, 46, 200))
    one, other = chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)
    data[one : one + length], data[other : other + length] = data[other : other + length], data[one : one + length]


_BYTE_CHANGES = (_flip, _flip, _put_number, _put_number, _leave_out, _say_twice, _put_piece, _put_noise, _swap)
