"""The store's tables as they are now; `fleet/migrations` says how they came to be, and a test holds both together.

Portable between SQLite and PostgreSQL: times are Unix seconds (UTC) in columns ending in `_s`, structs are JSON
text, and nothing is computed by the database beyond counts and sums.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

FLEET = Table("fleet", METADATA, Column("name", String(63), primary_key=True))
"""One row: whose store this is, so that two fleets never mix."""

DEVICES = Table(
    "devices",
    METADATA,
    Column("device", String(63), primary_key=True),
    Column("boot", String(64)),
    Column("online", Boolean, nullable=False),
    Column("birth", Text),
    Column("model", Text, nullable=False),
    Column("digest", String(71)),
    Column("latest", Text),
    Column("latest_boot", String(64)),
    Column("latest_sequence", BigInteger),
    Column("reported", Text),
    Column("first_seen_s", Double, nullable=False),
    Column("last_seen_s", Double),
)
"""What is known of each device at this moment: its birth, newest reading and newest reported state."""


def _messages(name: str) -> Table:
    return Table(
        name,
        METADATA,
        Column("device", String(63), primary_key=True),
        Column("boot", String(64), primary_key=True),
        Column("sequence", BigInteger, primary_key=True),
        Column("at_s", Double, nullable=False),
        Column("received_s", Double, nullable=False),
        Column("body", Text, nullable=False),
        Index(None, "device", "at_s"),
    )


TELEMETRY = _messages("telemetry")
EVENTS = _messages("events")
REPORTED = _messages("reported")

PROGRESS = Table(
    "progress",
    METADATA,
    Column("device", String(63), primary_key=True),
    Column("boot", String(64), primary_key=True),
    Column("acknowledged", BigInteger, nullable=False),
    Column("above", Text, nullable=False),
    Column("telemetry", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("reported", BigInteger, nullable=False),
)
"""How far each boot is stored (`fleet/sequence.py`), and how many messages of each kind: counted as they come."""

GAPS = Table(
    "gaps",
    METADATA,
    Column("device", String(63), primary_key=True),
    Column("boot", String(64), primary_key=True),
    Column("first_sequence", BigInteger, primary_key=True),
    Column("last_sequence", BigInteger, nullable=False),
    Column("noticed_s", Double, nullable=False),
)

QUARANTINE = Table(
    "quarantine",
    METADATA,
    Column("topic", String(160), primary_key=True),
    Column("cause", String(16), primary_key=True),
    Column("messages", BigInteger, nullable=False),
    Column("first_s", Double, nullable=False),
    Column("last_s", Double, nullable=False),
    Column("detail", Text, nullable=False),
    Column("sample", LargeBinary, nullable=False),
)
"""One row a topic and cause, with the latest sample: a babbling device cannot fill the disk."""

RELEASES = Table(
    "releases",
    METADATA,
    Column("digest", String(71), primary_key=True),
    Column("name", String(63), nullable=False),
    Column("version", Integer, nullable=False),
    Column("profile", String(63), nullable=False),
    Column("format", String(16), nullable=False),
    Column("task", String(16), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("keyid", String(71), nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("added_s", Double, nullable=False),
    UniqueConstraint("name", "version", "profile"),
)
"""One row a bundle in the repository folder."""

DELTAS = Table(
    "deltas",
    METADATA,
    Column("digest", String(71), primary_key=True),
    Column("base", String(71), nullable=False),
    Column("target", String(71), ForeignKey("releases.digest"), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("added_s", Double, nullable=False),
    Index(None, "target", "base"),
)
"""One row a delta in the repository folder; `base` may be a bundle that was never released here."""

ROLLOUTS = Table(
    "rollouts",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(63), nullable=False),
    Column("version", Integer, nullable=False),
    Column("phases", Text, nullable=False),
    Column("limits", Text, nullable=False),
    Column("deadline_s", Double, nullable=False),
    Column("state", String(16), nullable=False),
    Column("cause", String(32)),
    Column("detail", Text, nullable=False),
    Column("created_s", Double, nullable=False),
    Column("ended_s", Double),
    Column("whole_if_delta_fails", Boolean, nullable=False, server_default=false()),
    Column("budget_bytes", BigInteger),
)
"""`deadline_s` is how long each device has after it was told."""

ASSIGNMENTS = Table(
    "assignments",
    METADATA,
    Column("rollout", Integer, ForeignKey("rollouts.id"), primary_key=True),
    Column("device", String(63), primary_key=True),
    Column("wave", Integer),
    Column("digest", String(71)),
    Column("counter", BigInteger),
    Column("state", String(16), nullable=False),
    Column("cause", String(32)),
    Column("detail", Text, nullable=False),
    Column("deadline_s", Double),
    Column("updated_s", Double, nullable=False),
    Column("told_s", Double),
    Column("delta", String(71)),
    UniqueConstraint("device", "counter"),
)
"""One row a rollout and device; `counter`, `told_s`, `deadline_s` (moments) and `delta` are empty until the device has
been told; from then on they stay, so that telling it again is the same message."""
