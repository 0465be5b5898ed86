"""A notice as a mail, by the standard library's SMTP: STARTTLS, TLS, or plain to a relay on the same machine."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from pathlib import Path

from contract.codec import plain
from contract.errors import LinkError
from contract.moments import unix_s
from fleet.alerts.grouping import Notice, Told
from fleet.alerts.settings import Email

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_SUBJECT_CHARACTERS = 200


def written(channel: Email, notice: Notice, delivery: str) -> EmailMessage:
    """The mail. Its Message-ID is the delivery's, so a second one in a mailbox is known as the first."""
    mail = EmailMessage()
    word = "" if notice.state == "open" else "resolved: "
    mail["Subject"] = plain(f"[edgeferry {notice.fleet}] {word}{notice.text}"[:_SUBJECT_CHARACTERS])
    mail["From"], mail["To"] = channel.sender, ", ".join(channel.to)
    mail["Date"] = _date(notice)
    mail["Message-ID"] = f"<{delivery}@edgeferry.invalid>"
    mail["Auto-Submitted"] = "auto-generated"
    lines = [notice.text, "", *(_line(alert) for alert in notice.alerts)]
    if notice.count > len(notice.alerts):
        lines.append(f"and {notice.count - len(notice.alerts)} more")
    lines += ["", notice.url] if notice.url else []
    mail.set_content("\n".join(map(plain, lines)) + "\n")
    return mail


def send(channel: Email, mail: EmailMessage) -> None:
    """Hand it to the server; LinkError where that does not take it for everybody."""
    port = channel.port or _PORTS[channel.security]
    try:
        tls = ssl.create_default_context(cafile=channel.ca_file)
        password = Path(channel.password_file).read_text().strip() if channel.password_file else ""
        with _connection(channel, port, tls) as server:
            if channel.security == "starttls":
                server.starttls(context=tls)
            if channel.user is not None:
                server.login(channel.user, password)
            refused = server.send_message(mail)
    except (OSError, smtplib.SMTPException, ValueError) as problem:
        raise _undelivered(channel, port, str(problem)) from problem
    if refused:
        raise _undelivered(channel, port, f"refused for {', '.join(refused)}")


def _connection(channel: Email, port: int, tls: ssl.SSLContext) -> smtplib.SMTP:
    if channel.security == "tls":
        return smtplib.SMTP_SSL(channel.host, port, timeout=channel.timeout_s, context=tls)
    return smtplib.SMTP(channel.host, port, timeout=channel.timeout_s)


def _line(alert: Told) -> str:
    where = f" ({alert.site})" if alert.site else ""
    times = f", came back {alert.returns} times" if alert.returns else ""
    over = f", over since {alert.ended}" if alert.ended else ""
    return f"- {alert.subject}{where}: {alert.words}, since {alert.since}{over}{times}"


def _date(notice: Notice) -> str:
    from email.utils import formatdate

    return formatdate(unix_s(notice.at))


def _undelivered(channel: Email, port: int, why: str) -> LinkError:
    return LinkError(
        f"not delivered: {plain(why)}",
        where=f"email {channel.name}, {channel.host}:{port}",
        fix="It is tried again; check the server, user and addresses.",
    )
