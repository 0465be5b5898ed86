"""When something is sent again: the policy, with times handed in."""

from __future__ import annotations

import math

from contract.flight import Flight, Place

BOOT = "b"


def test_a_window_of_batches_goes_ahead_of_the_collectors_word() -> None:
    flight = Flight(window=2, wait_s=10)
    flight.sent(Place(BOOT, 5), now=0)
    assert flight.may_send()
    flight.sent(Place(BOOT, 9), now=0)
    assert not flight.may_send()
    flight.acknowledged(Place(BOOT, 5), now=1)
    assert flight.may_send()
    assert flight.cursor == Place(BOOT, 9)


def test_the_oldest_batch_is_sent_again_when_no_word_comes_and_then_ever_later() -> None:
    flight = Flight(wait_s=10, longest_wait_s=25)
    flight.sent(Place(BOOT, 5), now=0)
    asked = [now for now in range(100) if flight.probe_due(now)]
    assert asked == [10, 30, 55, 80]


def test_without_a_collector_everything_goes_out_once() -> None:
    flight = Flight(window=1, wait_s=10)
    flight.sent(Place(BOOT, 5), now=0)
    assert flight.probe_due(10)
    for sequence in range(6, 20):
        assert flight.may_send()
        flight.sent(Place(BOOT, sequence), now=11)
    assert flight.cursor == Place(BOOT, 19)


def test_a_collector_that_comes_back_gets_everything_from_the_oldest_on() -> None:
    flight = Flight(wait_s=10)
    flight.sent(Place(BOOT, 5), now=0)
    assert flight.probe_due(10)
    flight.acknowledged(Place(BOOT, 5), now=12)
    assert flight.cursor is None
    assert flight.may_send()


def test_nothing_is_probed_when_nothing_is_in_the_air() -> None:
    flight = Flight(wait_s=10)
    assert flight.pause_s(now=0) == math.inf
    flight.sent(Place(BOOT, 5), now=0)
    assert flight.pause_s(now=4) == 6
    flight.acknowledged(Place(BOOT, 5), now=5)
    assert not flight.probe_due(1000)


def test_an_old_acknowledgement_of_another_boot_frees_nothing() -> None:
    flight = Flight(window=1)
    flight.sent(Place(BOOT, 5), now=0)
    flight.acknowledged(Place("an older boot", 99), now=1)
    assert not flight.may_send()
