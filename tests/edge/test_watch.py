"""Counting and giving up, on a pair of real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from edge.deadline import Deadline, DeadlineError
from edge.watch import BrokenError, Patience, RefusedError, Watch

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(7.0)
        yield ours, theirs


def new(spent: list[int], *, most_bytes: float = 1e9, patience: Patience | None = None, left_s: float = 60.0) -> Watch:
    deadline = Deadline(left_s, threading.Event(), clock=lambda: 0.0)
    return Watch(deadline, spent.append, most_bytes=most_bytes, patience=patience or Patience())


def receive(watch: Watch, ours: socket.socket) -> int:
    return watch.receive_into(ours, bytearray(1 << 16))


def test_what_comes_is_counted_and_paid_for_once(pair: Pair) -> None:
    spent: list[int] = []
    watch = new(spent)
    assert watch.connecting(tls=False) == 30.0
    pair[1].sendall(b"x" * 1000)
    assert receive(watch, pair[0]) == 1000
    watch.pay()
    watch.pay()
    watch.connecting(tls=True)
    watch.pay()
    assert (spent, watch.received) == ([1512, 5632], 1000)
    assert pair[0].gettimeout() == 7.0


def test_connecting_takes_no_longer_than_the_deadline_allows() -> None:
    assert new([], left_s=2.5).connecting(tls=True) == 2.5
    with pytest.raises(DeadlineError):
        new([], left_s=0.0).connecting(tls=False)


def test_too_much_in_all_is_refused_and_too_long_a_head_breaks_off(pair: Pair) -> None:
    watch = new([], most_bytes=100_000)
    watch.connecting(tls=False)
    pair[1].sendall(b"x" * 60_000)
    receive(watch, pair[0])
    pair[1].sendall(b"x" * 20_000)
    with pytest.raises(BrokenError, match="head of the answer does not end"):
        receive(watch, pair[0])
    watch.connecting(tls=False)
    watch.body_begins()
    pair[1].sendall(b"x" * 20_001)
    with pytest.raises(RefusedError, match="has sent 100001 bytes"):
        receive(watch, pair[0])


def test_silence_is_borne_for_a_while(pair: Pair) -> None:
    watch = new([], patience=Patience(silence_s=0.05))
    watch.connecting(tls=False)
    with pytest.raises(BrokenError, match=r"nothing came for 0\.05 s"):
        receive(watch, pair[0])


def test_a_drip_is_not_silence_and_still_too_slow(pair: Pair) -> None:
    watch = new([], patience=Patience(window_s=0.0, least_bytes_per_s=1e9))
    watch.connecting(tls=False)
    pair[1].sendall(b"x")
    with pytest.raises(BrokenError, match="only 1 bytes came in 0 s"):
        receive(watch, pair[0])


def test_each_window_is_judged_by_itself(pair: Pair) -> None:
    watch = new([], patience=Patience(window_s=0.0, least_bytes_per_s=1.0))
    watch.connecting(tls=False)
    for _ in range(3):
        pair[1].sendall(b"x" * 1000)
        assert receive(watch, pair[0]) == 1000
