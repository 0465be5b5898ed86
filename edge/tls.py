"""TLS for a device whose clock may be wrong.

OpenSSL judges certificates by the system's clock, and in 1970 no certificate is valid yet. Where signed metadata has
proved that clock wrong, OpenSSL is told not to judge by time (X509_V_FLAG_NO_CHECK_TIME, x509_vfy.h), and the server's
certificate is compared with the time the device believes instead. That is a lower bound, so only `expired` can be
certain, not `not yet valid`. Names and signatures are checked as ever.
"""

from __future__ import annotations

import ssl

from contract.errors import ConfigError
from edge.clock import FleetClock

_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)


def context(ca_file: str | None, clock: FleetClock | None) -> ssl.SSLContext:
    """For one connection: `ca_file`'s authorities, or the system's. ConfigError where the file is of no use.

    Without a clock the system's is believed.
    """
    try:
        made = ssl.create_default_context(cafile=ca_file)
    except OSError as problem:
        raise ConfigError(
            f"no certificate authorities can be read: {problem.strerror or problem}",
            where=ca_file or "the system's authorities",
            fix="Name a PEM file with the certificate that signed the server's.",
        ) from problem
    believe(made, clock)
    return made


def believe(context: ssl.SSLContext, clock: FleetClock | None) -> None:
    """Have OpenSSL judge by the system's clock, or not, as it is at this moment. Before each connection."""
    if clock is not None and clock.behind:
        context.verify_flags |= _NO_CHECK_TIME
    else:
        context.verify_flags &= ~_NO_CHECK_TIME


def check_not_expired(connection: object, clock: FleetClock | None) -> None:
    """After the handshake; ssl.SSLError where the server's certificate ended before the time that is believed."""
    if clock is None:
        return
    assert isinstance(connection, ssl.SSLSocket)
    certificate = connection.getpeercert() or {}
    ends = str(certificate.get("notAfter", ""))
    if not ends or ssl.cert_time_to_seconds(ends) < clock.now():
        raise ssl.SSLError(f"certificate has expired: {ends or 'it says no end'}")
