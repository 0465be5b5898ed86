"""Logging in and out through the forms, and what strangers try there."""

from __future__ import annotations

import re
import time

import argon2
import pytest
import sqlalchemy as sa

from fleet.people import sessions, users
from fleet.people.login import safe_next
from fleet.people.passwords import Passwords
from fleet.tables import AUDIT, SESSIONS, USERS
from tests.fleet.people.browser import TestClient
from tests.fleet.people.conftest import PASSWORD, URL, House, log_in


def is_in(browser: TestClient) -> bool:
    return bool(browser.get("/api/devices").status_code == 200)


def test_a_name_and_its_password_open_the_door_and_logout_closes_it(house: House) -> None:
    house.user("anna", "operator")
    browser = house.browser()
    page = browser.get("/releases?sort=name", headers={"accept": "text/html"})
    assert (page.status_code, page.headers["location"]) == (303, "/login?next=%2Freleases%3Fsort%3Dname")
    form = browser.get(page.headers["location"]).text
    assert 'value="/releases?sort=name"' in form
    assert "<script" not in form
    assert log_in(browser, "anna", wanted="/releases?sort=name").headers["location"] == "/releases?sort=name"
    assert browser.get("/api/me").json() == {
        "name": "anna",
        "role": "operator",
        "kind": "session",
        "must_change": False,
    }
    assert browser.post("/logout").headers["location"] == "/login"
    assert not is_in(browser)


def test_a_stolen_cookie_opens_nothing_after_logout(house: House) -> None:
    house.user("anna", "admin")
    browser, thief = house.logged_in("anna"), house.browser()
    stolen = browser.cookies["edgeferry"]
    thief.cookies.set("edgeferry", stolen, domain="127.0.0.1")
    assert is_in(thief)
    browser.post("/logout")
    assert not is_in(thief)


def test_a_session_planted_before_the_login_stays_worth_nothing(house: House) -> None:
    house.user("anna", "admin")
    house.user("eve", "viewer")
    victim, eve = house.browser(), house.logged_in("eve")
    for planted in ("A" * 43, eve.cookies["edgeferry"]):
        victim.cookies.set("edgeferry", planted, domain="127.0.0.1")
        log_in(victim, "anna")
        got = [cookie.value for cookie in victim.cookies.jar if cookie.name == "edgeferry"]
        assert planted not in got
        thief = house.browser()
        thief.cookies.set("edgeferry", planted, domain="127.0.0.1")
        assert not is_in(thief)
    assert victim.get("/api/me").json()["name"] == "anna"


def test_each_login_makes_another_session_and_ends_the_one_before(house: House) -> None:
    house.user("anna", "admin")
    browser = house.logged_in("anna")
    first = browser.cookies["edgeferry"]
    log_in(browser, "anna")
    assert browser.cookies["edgeferry"] != first
    with house.store.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(SESSIONS)) == 1


@pytest.mark.parametrize("change", ["role", "disabled", "password"])
def test_another_role_or_password_ends_every_session(house: House, change: str) -> None:
    house.user("root", "admin")
    house.user("anna", "operator")
    root, anna, other = house.logged_in("root"), house.logged_in("anna"), house.logged_in("anna")
    order = {"role": "admin", "disabled": True, "password": "another long password"}
    assert root.patch("/api/users/anna", json={change: order[change]}).status_code == 200
    assert not is_in(anna)
    assert not is_in(other)
    assert is_in(root)


def test_changing_ones_own_password_keeps_this_browser_and_ends_the_others(house: House) -> None:
    house.user("anna", "viewer")
    here, there = house.logged_in("anna"), house.logged_in("anna")
    before = here.cookies["edgeferry"]
    new = "another long password"
    wrong = {"old": "not the present one", "new": new, "again": new}
    assert "the present password is another" in here.post("/password", data=wrong).text
    assert "differ" in here.post("/password", data={"old": PASSWORD, "new": new, "again": "x"}).text
    assert "repeats too few" in here.post("/password", data={"old": PASSWORD, "new": "a" * 12, "again": "a" * 12}).text
    assert is_in(there)
    assert here.post("/password", data={"old": PASSWORD, "new": new, "again": new}).status_code == 303
    assert (is_in(here), is_in(there)) == (True, False)
    assert here.cookies["edgeferry"] != before
    assert log_in(house.browser(), "anna").status_code == 401
    assert log_in(house.browser(), "anna", new).status_code == 303


def test_sessions_end_after_a_time_without_use_and_after_a_day_with_it(house: House) -> None:
    house.user("anna", "viewer")
    for column, age_s in (("used_s", sessions.IDLE_S), ("created_s", sessions.ABSOLUTE_S)):
        browser = house.logged_in("anna")
        with house.store.writing() as connection:
            connection.execute(SESSIONS.update().values({column: time.time() - age_s + 30}))
        assert is_in(browser)
        with house.store.writing() as connection:
            connection.execute(SESSIONS.update().values({column: time.time() - age_s - 1}))
        assert not is_in(browser)


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(house: House) -> None:
    house.user("anna", "viewer")
    plain = log_in(house.browser(), "anna").headers["set-cookie"]
    assert re.fullmatch(r"edgeferry=[\w-]{43}; HttpOnly; Max-Age=43200; Path=/; SameSite=lax", plain)
    app = house.build(host="0.0.0.0", public_url="https://fleet.example")
    secure = log_in(house.browser(app=app, url="https://fleet.example"), "anna").headers["set-cookie"]
    assert re.fullmatch(r"__Host-edgeferry=[\w-]{43}; HttpOnly; Max-Age=43200; Path=/; SameSite=lax; Secure", secure)


def test_the_form_is_taken_from_our_own_page_alone(house: House) -> None:
    house.user("anna", "viewer")
    browser = house.browser()
    assert browser.post("/login", json={"name": "anna", "password": PASSWORD}).status_code == 403
    browser.headers["origin"] = "https://evil.example"
    assert log_in(browser, "anna").status_code == 403
    del browser.headers["origin"]
    assert log_in(browser, "anna").status_code == 403
    assert browser.post("/login", data={"name": "a" * 9000}).status_code == 403
    browser.headers["origin"] = URL
    assert log_in(browser, "anna").status_code == 303
    del browser.headers["origin"]
    assert browser.post("/logout").status_code == 403
    assert is_in(browser)


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/%0d%0aset-cookie:x=1",
        "/\nset-cookie: x=1",
        "javascript:alert(1)",
        "",
        "evil",
        "/\t/evil.example",
        "/logout",
        '/"><script>',
        "/é",
    ],
)
def test_a_login_never_leads_elsewhere(wanted: str) -> None:
    assert safe_next(wanted) in ("/", "/%0d%0aset-cookie:x=1")


def test_every_wrong_login_gets_the_same_answer(house: House) -> None:
    house.user("anna", "admin")
    house.user("root", "admin")
    with house.store.writing() as connection:
        users.set_disabled(connection, "anna", True)
    tries = [
        ("anna", PASSWORD),
        ("anna", "wrong"),
        ("root", "wrong"),
        ("nobody", PASSWORD),
        ("", ""),
        ("' OR 1=1", "x"),
    ]
    answers = [log_in(house.browser(address=f"10.0.1.{n}"), *said) for n, said in enumerate(tries)]
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, answers[0].text)}
    assert "do not belong together" in answers[0].text
    assert not any("set-cookie" in answer.headers for answer in answers)


class Counting(argon2.PasswordHasher):
    """Says how often, and against what, it was asked."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.asked: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
        self.asked.append(str(hash))
        return super().verify(hash, password)


def test_a_name_nobody_has_costs_the_same_work_as_one_that_exists() -> None:
    hasher = Counting()
    passwords = Passwords(hasher)
    kept = passwords.hash(PASSWORD, name="anna")
    assert [passwords.fits(kept, "wrong"), passwords.fits(None, "wrong"), passwords.fits(kept, PASSWORD)] == [
        False,
        False,
        True,
    ]
    assert len(hasher.asked) == 3
    assert all(argon2.extract_parameters(asked) == argon2.extract_parameters(kept) for asked in hasher.asked)


def test_even_the_right_guess_for_nobody_is_refused() -> None:
    hasher = Counting()
    passwords = Passwords(hasher)
    passwords.fits(None, "x")
    assert passwords.fits(hasher.asked[0], "x") is False
    assert passwords.fits("not a hash at all", PASSWORD) is False


def test_guessing_is_slowed_down_and_does_not_lock_the_owner_out(house: House) -> None:
    house.user("anna", "admin")
    home = "10.0.0.1"
    assert log_in(house.browser(address=home), "anna").status_code == 303
    stranger = house.browser(address="203.0.113.9")
    answers = [log_in(stranger, "anna", f"guess {n} of many") for n in range(7)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert log_in(stranger, "anna").status_code == 429, "the right password does not help a guesser over the limit"
    assert log_in(house.browser(address=home), "anna").status_code == 303
    assert log_in(house.browser(address="198.51.100.4"), "anna").status_code == 303


def test_a_wait_costs_no_hash_and_no_entry(house: House) -> None:
    house.user("anna", "admin")
    stranger = house.browser(address="203.0.113.9")
    for n in range(12):
        log_in(stranger, "anna", f"guess {n} of many")
    with house.store.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(AUDIT)) == 5


def test_logins_are_written_without_what_was_typed_as_a_name(house: House) -> None:
    house.user("anna", "admin")
    browser = house.browser(address="10.9.9.9")
    log_in(browser, "my-secret-password-in-the-wrong-field", "x")
    log_in(browser, "anna", "wrong one")
    log_in(browser, "anna")
    browser.post("/logout")
    with house.store.reading() as connection:
        rows = connection.execute(sa.select(AUDIT.c.who, AUDIT.c.address, AUDIT.c.act, AUDIT.c.outcome))
        assert [tuple(row) for row in rows] == [
            ("anonymous", "10.9.9.9", "login", "refused"),
            ("anna", "10.9.9.9", "login", "refused"),
            ("anna", "10.9.9.9", "login", "done"),
            ("anna", "10.9.9.9", "logout", "done"),
        ]


def test_a_hash_of_older_parameters_is_renewed_at_the_login(house: House) -> None:
    house.user("anna", "admin")
    old = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with house.store.writing() as connection:
        connection.execute(USERS.update().values(password=old))
    assert log_in(house.browser(), "anna").status_code == 303
    with house.store.reading() as connection:
        assert str(connection.scalar(sa.select(USERS.c.password))).startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert log_in(house.browser(), "anna").status_code == 303


def test_without_users_the_page_says_how_to_make_one(house: House) -> None:
    assert "edgeferry fleet user add" in house.browser().get("/login").text
