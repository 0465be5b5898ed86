"""How often somebody may knock."""

from __future__ import annotations

import threading

from fleet.people.knocks import Knocks, bucket


def test_one_name_from_one_address_has_five_tries_a_minute() -> None:
    knocks = Knocks()
    waits = [knocks.login("anna", "10.0.0.1", usual=False) for _ in range(6)]
    assert waits[:5] == [None] * 5
    assert waits[5] is not None
    assert 1 <= waits[5] <= 61
    assert knocks.login("otto", "10.0.0.1", usual=False) is None


def test_trying_many_names_from_one_address_ends_too() -> None:
    knocks = Knocks()
    waits = [knocks.login(f"user-{n}", "10.0.0.1", usual=False) for n in range(31)]
    assert [n for n, wait in enumerate(waits) if wait] == [30]


def test_many_addresses_against_one_name_do_not_keep_its_owner_out() -> None:
    knocks = Knocks()
    waits = [knocks.login("anna", f"10.1.{n // 200}.{n % 200}", usual=False) for n in range(120)]
    assert [n for n, wait in enumerate(waits) if wait] == list(range(100, 120))
    assert knocks.login("anna", "192.0.2.1", usual=True) is None
    assert all(wait <= 60 * 60 for wait in waits if wait)


def test_a_refused_try_does_not_prolong_the_wait() -> None:
    knocks = Knocks()
    for _ in range(50):
        knocks.login("anna", "10.0.0.1", usual=False)
    assert knocks.login("otto", "10.0.0.1", usual=False) is None, "only five of fifty were counted for the address"


def test_coming_in_forgives_the_tries_before() -> None:
    knocks = Knocks()
    for _ in range(5):
        assert knocks.login("anna", "10.0.0.1", usual=False) is None
    knocks.came_in("anna", "10.0.0.1")
    assert knocks.login("anna", "10.0.0.1", usual=False) is None


def test_a_hundred_tries_at_once_are_counted_one_by_one() -> None:
    knocks, let_in = Knocks(), list[bool]()
    start = threading.Barrier(20)

    def try_five() -> None:
        start.wait()
        for _ in range(5):
            let_in.append(knocks.login("anna", "10.0.0.1", usual=False) is None)

    threads = [threading.Thread(target=try_five) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(let_in), sum(let_in)) == (100, 5)


def test_addresses_of_one_household_are_one() -> None:
    assert bucket("2001:db8:1:2::1") == bucket("2001:db8:1:2:ffff::9") != bucket("2001:db8:1:3::1")
    assert bucket("::ffff:10.0.0.1") == bucket("10.0.0.1")
    assert bucket("x" * 100) == "x" * 64
