"""Codes people type: which slips are found, and what both sides make of them."""

from __future__ import annotations

import random

import pytest

from contract import claim_code
from contract.claim_code import ALPHABET, RANDOM_CHARACTERS, keys_of, normal, spelled
from contract.errors import ConfigError


def some_code(chance: random.Random) -> str:
    return spelled([chance.randrange(32) for _ in range(RANDOM_CHARACTERS)])


def test_a_code_is_read_however_it_is_written() -> None:
    code = some_code(random.Random(1))
    assert len(code) == 19
    loose = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert normal(f"  {loose} ") == normal(code) == code.replace("-", "")
    assert keys_of(loose) == keys_of(code)


def test_every_single_slip_is_found() -> None:
    chance = random.Random(2)
    text = normal(some_code(chance))
    for at, right in enumerate(text):
        for wrong in set(ALPHABET) - {right}:
            with pytest.raises(ConfigError, match="mistyped"):
                normal(text[:at] + wrong + text[at + 1 :])


def test_neighbours_exchanged_are_found_but_for_one_pair() -> None:
    chance, missed, tried = random.Random(3), set(), 0
    for _ in range(300):
        text = normal(some_code(chance))
        for at in range(len(text) - 1):
            if text[at] != text[at + 1]:
                tried += 1
                try:
                    normal(text[:at] + text[at + 1] + text[at] + text[at + 2 :])
                except ConfigError:
                    continue
                missed.add(frozenset(text[at : at + 2]))
    assert tried > 4000
    assert missed <= {frozenset("0Z")}


@pytest.mark.parametrize("typed", ["", "ABCD", "U" * 16, "ABCD-EFGH-JKMN-PQR!", "0" * 17, "é" * 16])
def test_what_is_no_code_is_never_repeated(typed: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        normal(typed)
    assert not typed or typed not in str(refusal.value)


def test_keys_are_stretched_from_the_code_and_stay_what_they_are() -> None:
    found = keys_of(spelled(range(RANDOM_CHARACTERS)))
    assert (len(found.id), len(found.key)) == (16, 32)
    assert found == keys_of("0123-4567-89AB-CDE" + normal(spelled(range(15)))[-1])
    assert found.id == "73a3fb77fb6fd210"


def test_proofs_bind_request_and_answer() -> None:
    key = bytes(32)
    assert claim_code.request_proof(key, "a") != claim_code.request_proof(key, "b")
    assert claim_code.answer_proof(key, "a", "x") != claim_code.answer_proof(key, "b", "x")
    assert claim_code.answer_proof(key, "a", "x") != claim_code.answer_proof(bytes(31) + b"1", "a", "x")
    assert claim_code.answer_proof(key, "ab", "c") != claim_code.answer_proof(key, "a", "bc")
