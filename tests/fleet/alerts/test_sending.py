"""From the outbox to real HTTP and SMTP servers: signed, tried again, never to somebody else."""

from __future__ import annotations

import email
import hashlib
import hmac
import json
from collections.abc import Iterator
from email.policy import default
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from contract.errors import LinkError
from fleet import tables
from fleet.alerts import mail, outbox, webhook
from fleet.alerts.grouping import Notice, Told
from fleet.alerts.sender import Sender, trial_notice
from fleet.alerts.settings import AlertSettings, Email, Webhook
from fleet.store import Store
from tests.broker import free_port
from tests.fleet.alerts.receivers import HookReceiver, MailReceiver, certificate, receiving
from tests.fleet.simulated import FLEET

NOW_S = 1_700_000_000.0
ALERT = Told(3, "cam-7", "cam-7", "dock\r\nBcc: x@y", None, "critical", "offline", "2026-01-01T00:00:00.000Z", None, 2)
NOTICE = Notice(
    fleet=FLEET,
    kind="offline",
    state="open",
    severity="critical",
    text="cam-7 at dock\r\nBcc: x@y: offline",
    at="2026-01-01T00:00:30.000Z",
    count=61,
    sites={"dock": 61},
    alerts=(ALERT,),
    url="http://fleet.example",
)


@pytest.fixture
def hook() -> Iterator[HookReceiver]:
    with receiving(HookReceiver()) as server:
        yield server


def test_a_webhook_is_signed_over_its_time_and_body(hook: HookReceiver, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("between us\n")
    channel = Webhook(name="ops", url=hook.url, secret_file=str(tmp_path / "secret"))
    webhook.post(channel, msgspec.json.encode(NOTICE), "barn-5")
    ((headers, body),) = hook.taken
    signed = headers["x-edgeferry-timestamp"].encode() + b"." + body
    wanted = hmac.new(b"between us", signed, hashlib.sha256).hexdigest()
    assert headers["x-edgeferry-signature"] == f"sha256={wanted}"
    assert headers["x-edgeferry-delivery"] == "barn-5"
    said = json.loads(body)
    assert (said["kind"], said["count"], said["sites"], said["alerts"][0]["device"]) == (
        "offline",
        61,
        {"dock": 61},
        "cam-7",
    )


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_followed_nowhere(hook: HookReceiver, status: int) -> None:
    with receiving(HookReceiver()) as elsewhere:
        hook.status, hook.location = status, elsewhere.url
        with pytest.raises(LinkError, match=f"HTTP {status}"):
            webhook.post(Webhook(name="ops", url=hook.url), b"{}", "x")
        assert elsewhere.taken == []


def test_what_is_not_taken_is_tried_again_with_growing_pauses_and_then_given_up(
    hook: HookReceiver, either_store: Store
) -> None:
    settings = AlertSettings(webhook=(Webhook(name="ops", url=hook.url),), give_up_hours=0.02)
    sender = Sender(FLEET, either_store, settings)
    with either_store.writing() as connection:
        outbox.put(connection, [NOTICE], settings.channels, NOW_S)
        number = connection.scalar(sa.select(tables.NOTIFICATIONS.c.id))
    hook.status = 503
    assert sender.send_due(NOW_S) == 0
    with either_store.reading() as connection:
        row = connection.execute(sa.select(tables.NOTIFICATIONS)).one()
        assert (row.attempts, "HTTP 503" in row.problem, row.sent_s) == (1, True, None)
    hook.status = 200
    again_s = 4_000_000_000.0
    with either_store.writing() as connection:
        connection.execute(tables.NOTIFICATIONS.update().values(next_s=again_s))
    assert [sender.send_due(at_s) for at_s in (again_s - 1, again_s, again_s + 9999)] == [0, 1, 0]
    assert [headers["x-edgeferry-delivery"] for headers, _ in hook.taken] == [f"{FLEET}-{number}"] * 2
    assert [outbox.pause_s(n) for n in (1, 2, 3, 50)] == [10, 20, 40, 900]
    with either_store.writing() as connection:
        outbox.put(connection, [NOTICE], settings.channels, NOW_S)
    hook.status = 500
    assert sender.send_due(NOW_S) == 0
    with either_store.reading() as connection:
        left = sa.select(sa.func.count()).where(tables.NOTIFICATIONS.c.next_s.is_not(None))
        assert connection.scalar(left) == 0, "made in 2023, so given up by now"


def test_two_senders_do_not_send_the_same(hook: HookReceiver, either_store: Store) -> None:
    channels = (Webhook(name="ops", url=hook.url),)
    with either_store.writing() as connection:
        outbox.put(connection, [NOTICE], channels, NOW_S)
    with either_store.reading() as connection:
        (letter,) = outbox.due(connection, NOW_S)
    with either_store.writing() as connection:
        assert outbox.claim(connection, letter, NOW_S)
    with either_store.writing() as connection:
        assert not outbox.claim(connection, letter, NOW_S)
        assert outbox.due(connection, NOW_S) == []
        assert outbox.due(connection, NOW_S + outbox.IN_HAND_S) != [], "a crash while sending loses nothing"


def test_a_dead_channel_holds_up_no_other_and_each_gets_what_it_wants(hook: HookReceiver, store: Store) -> None:
    settings = AlertSettings(
        webhook=(
            Webhook(name="dead", url=f"http://127.0.0.1:{free_port()}/"),
            Webhook(name="ops", url=hook.url),
            Webhook(name="rollouts", url=hook.url, kinds=("rollout-halted",)),
        ),
        email=(Email(name="mail", host="127.0.0.1", sender="a@b", to=("c@d",), kinds=("heat",)),),
    )
    with store.writing() as connection:
        outbox.put(connection, [NOTICE] * 3, settings.channels, NOW_S)
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.NOTIFICATIONS)) == 6
    sender = Sender(FLEET, store, settings)
    assert [sender.send_due(NOW_S) for _ in range(4)] == [1, 1, 1, 0]
    assert len(hook.taken) == 3


def test_severity_is_a_threshold(hook: HookReceiver, store: Store) -> None:
    mild = msgspec.structs.replace(NOTICE, severity="warning")
    with store.writing() as connection:
        outbox.put(
            connection,
            [mild, NOTICE],
            [Webhook(name="ops", url=hook.url, min_severity="critical")],
            NOW_S,
        )
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.NOTIFICATIONS)) == 1


def channel(port: int, **said: object) -> Email:
    fields = {
        "name": "mail",
        "host": "localhost",
        "port": port,
        "sender": "fleet@example.org",
        "to": ("a@example.org",),
    }
    return Email(**(fields | said))  # type: ignore[arg-type]


def test_a_plain_mail_says_it_all_and_no_name_can_add_a_header() -> None:
    with receiving(MailReceiver()) as server:
        plainly = channel(server.port, security="none", to=("a@example.org", "b@example.org"))
        mail.send(plainly, mail.written(plainly, NOTICE, "barn-5"))
    ((recipients, text),) = server.mails
    read = email.message_from_string(text, policy=default)
    assert recipients == ["a@example.org", "b@example.org"]
    assert read["Subject"] == "[edgeferry barn] cam-7 at dock??Bcc: x@y: offline"
    assert (read["Bcc"], read["Message-ID"]) == (None, "<barn-5@edgeferry.invalid>")
    body = read.get_content()
    assert "- cam-7 (dock??Bcc: x@y): offline, since 2026-01-01T00:00:00.000Z, came back 2 times" in body
    assert "and 60 more" in body
    assert "http://fleet.example" in body


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_is_encrypted_to_a_server_whose_name_is_checked(security: str, tmp_path: Path) -> None:
    context, trusted = certificate(tmp_path)
    (tmp_path / "password").write_text("pass\n")
    with receiving(MailReceiver(tls=context, at_once=security == "tls")) as server:
        safely = channel(
            server.port,
            security=security,
            ca_file=str(trusted),
            user="fleet",
            password_file=str(tmp_path / "password"),
        )
        mail.send(safely, mail.written(safely, NOTICE, "barn-5"))
        stranger = channel(server.port, security=security)
        with pytest.raises(LinkError, match="certificate"):
            mail.send(stranger, mail.written(stranger, NOTICE, "barn-6"))
    assert (len(server.mails), server.encrypted, len(server.logins)) == (1, [True], 1)


def test_a_mail_server_without_starttls_gets_no_password(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("pass\n")
    with receiving(MailReceiver()) as server:
        hopeful = channel(server.port, user="fleet", password_file=str(tmp_path / "password"))
        with pytest.raises(LinkError, match="STARTTLS"):
            mail.send(hopeful, mail.written(hopeful, NOTICE, "barn-5"))
    assert (server.logins, server.mails) == ([], [])


def test_a_refused_recipient_and_an_absent_server_are_one_sentence() -> None:
    with receiving(MailReceiver(refuse="550 nobody here")) as server:
        refused = channel(server.port, security="none")
        with pytest.raises(LinkError, match="nobody here"):
            mail.send(refused, mail.written(refused, NOTICE, "x"))
    absent = channel(free_port(), security="none")
    with pytest.raises(LinkError, match="not delivered") as problem:
        mail.send(absent, mail.written(absent, NOTICE, "x"))
    assert "\n" not in str(problem.value)


def test_a_trial_tells_of_each_channel_whether_it_works(hook: HookReceiver, store: Store) -> None:
    dead = Webhook(name="dead", url=f"http://127.0.0.1:{free_port()}/")
    settings = AlertSettings(webhook=(Webhook(name="ops", url=hook.url), dead))
    done = {one.channel: one for one in Sender(FLEET, store, settings).trial(None, NOW_S)}
    assert (done["ops"].ok, done["dead"].ok) == (True, False)
    assert "webhook dead" in done["dead"].detail
    assert json.loads(hook.taken[0][1])["text"] == trial_notice(FLEET, NOW_S, "").text
