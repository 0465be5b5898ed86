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
    text,
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
    Column("site", Text, nullable=False, server_default=""),
    Column("profile", Text, nullable=False, server_default=""),
    Column("telemetry", BigInteger, nullable=False, server_default="0"),
    Column("events", BigInteger, nullable=False, server_default="0"),
    Column("messages", BigInteger, nullable=False, server_default="0"),
    Column("gaps", BigInteger, nullable=False, server_default="0"),
    Column("lost", BigInteger, nullable=False, server_default="0"),
    Column("starts", Text),
    Column("restless_s", Double),
    Index(None, "restless_s"),
)
"""What is known of each device at this moment: its birth, newest reading and newest reported state. What lists are
sorted by, and totals, stand in columns of their own: `messages` counts all kinds, `lost` the numbers in its gaps.
`starts` are the moments at which it was last heard to have started anew, `restless_s` the first of them where there are
as many as may be (`fleet/device_rows.py`)."""


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


# On PostgreSQL the first two are partitioned by the day of `received_s`, which then belongs to their primary key; that
# no message is stored twice rests on `progress` on either database.
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
    Column("counters", Text),
)
"""How far each boot is stored (`fleet/sequence.py`), and how many messages of each kind: counted as they come.
`counters` are those of its newest reading (`fleet/keeping/tallies.py`); empty until one of them is rolled up."""

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
    Column("created_by", String(63), nullable=False, server_default="local"),
    Column("terms", Text, nullable=False, server_default="{}"),
    Column("back_of", Integer),
    Column("wave_from_s", Double),
    Column("rested_s", Double),
    Column("joined_s", Double),
)
"""`deadline_s` is how long each device has after it was told. `terms` is `fleet/rolling/terms.py`, `back_of` the
rollout this one takes back. Moments: the rated wave under way began (less the time in which nobody might be told),
everybody told had finished, and new devices were last looked for."""

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
    Column("before", String(71)),
    Column("state_s", Double),
    Column("unsent", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("device", "counter"),
    Index(None, "rollout", "state", "wave", "device"),
    Index(None, "state"),
)
"""One row a rollout and device; `counter`, `told_s`, `deadline_s` (moments) and `delta` are empty until the device has
been told; from then on they stay, so that telling it again is the same message. `before` is the bundle it ran when it
was told, `state_s` since when it is in its state; `unsent` rows wait to be published."""

# rollouts

GROUPS = Table(
    "groups",
    METADATA,
    Column("name", String(63), primary_key=True),
    Column("filter", Text),
    Column("devices", Text),
    Column("created_s", Double, nullable=False),
    Column("created_by", String(63), nullable=False),
)
"""Either a filter or a list of devices."""

ROLLOUT_STEPS = Table(
    "rollout_steps",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("rollout", Integer, ForeignKey("rollouts.id"), nullable=False),
    Column("at_s", Double, nullable=False),
    Column("by", String(63), nullable=False),
    Column("what", String(32), nullable=False),
    Column("detail", Text, nullable=False),
    Index(None, "rollout"),
)
"""Who did what with a rollout, and why; `server` for what it did by itself."""

PENALTIES = Table(
    "penalties",
    METADATA,
    Column("device", String(63), primary_key=True),
    Column("since_s", Double, nullable=False),
    Column("until_s", Double, nullable=False),
    Column("detail", Text, nullable=False),
)
"""Devices that are told nothing until then, because they failed again and again."""

# people

USERS = Table(
    "users",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("password", Text, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("must_change", Boolean, nullable=False),
    Column("created_s", Double, nullable=False),
    Column("seen_s", Double),
    Column("seen_from", String(64)),
)
"""People; `password` is an argon2id hash, `seen_s` and `seen_from` tell of the last login. Nobody is ever deleted."""

TOKENS = Table(
    "tokens",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("owner", String(64), ForeignKey("users.name")),
    Column("created_s", Double, nullable=False),
    Column("expires_s", Double),
    Column("used_s", Double),
    Column("revoked_s", Double),
    UniqueConstraint("digest"),
)
"""Tokens of programs by the SHA-256 of what is shown once; without an owner where it was made on the store itself."""

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("name", String(64), ForeignKey("users.name"), nullable=False),
    Column("created_s", Double, nullable=False),
    Column("used_s", Double, nullable=False),
    Index(None, "name"),
)
"""Browsers that have logged in, by the SHA-256 of what is in their cookie."""

AUDIT = Table(
    "audit",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at_s", Double, nullable=False),
    Column("who", String(80), nullable=False),
    Column("address", String(64), nullable=False),
    Column("act", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("detail", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)
"""Who did what, numbered from 1 without a hole; each entry's `hash` covers its content and the one before."""

# store


def _rollups(name: str) -> Table:
    return Table(
        name,
        METADATA,
        Column("device", String(63), primary_key=True),
        Column("start_s", BigInteger, primary_key=True),
        Column("profile", Text, primary_key=True),
        Column("model", Text, primary_key=True),
        Column("shard", Integer, primary_key=True, autoincrement=False),
        Column("body", LargeBinary, nullable=False),
    )


ROLLUP_MINUTES = _rollups("rollup_minutes")
"""Readings summed up (`fleet/keeping/summary.py`) by device and minute; rows of the device "" are of all devices of a
profile and model, one a `shard` so that collectors need not wait for each other. Partitioned like the readings."""
ROLLUP_HOURS = _rollups("rollup_hours")
"""The same by hour."""

# identity

CERTIFICATES = Table(
    "certificates",
    METADATA,
    Column("serial", String(40), primary_key=True),
    Column("device", String(63), nullable=False, index=True),
    Column("key", String(64), nullable=False, unique=True),
    Column("chain", Text, nullable=False),
    Column("issued_s", Double, nullable=False),
    Column("expires_s", Double, nullable=False),
    Column("predecessor", String(40), unique=True),
)
"""One row a certificate of a device; `serial` and `key` (SHA-256 of its SubjectPublicKeyInfo) in hexadecimal digits.
`predecessor` is the one it renewed; each is renewed once."""

REVOCATIONS = Table(
    "revocations",
    METADATA,
    Column("serial", String(40), primary_key=True),
    Column("device", String(63), nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("revoked_s", Double, nullable=False),
    Column("by", String(63), nullable=False),
)
"""Certificates that count no more, of devices and services."""

CLAIMS = Table(
    "claims",
    METADATA,
    Column("id", String(16), primary_key=True),
    Column("device", String(63), nullable=False, index=True),
    Column("key", String(64), nullable=False),
    Column("replaces", Boolean, nullable=False),
    Column("profile", String(63), nullable=False),
    Column("site", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("created_s", Double, nullable=False),
    Column("created_by", String(63), nullable=False),
    Column("expires_s", Double, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("voided_s", Double),
    Column("serial", String(40)),
)
"""One row a claim code, which itself is nowhere: `id` and `key` were stretched from it (`contract/claim_code.py`).
`tries` counts failed ones; `serial` is the certificate it led to."""

# alerts
ALERTS = Table(
    "alerts",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("subject", String(80), nullable=False),
    Column("device", String(63)),
    Column("site", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("rollout", Integer),
    Column("severity", String(16), nullable=False),
    Column("words", Text, nullable=False),
    Column("since_s", Double, nullable=False),
    Column("raised_s", Double, nullable=False),
    Column("ended_s", Double),
    Column("returns", Integer, nullable=False),
    Column("told", String(8), nullable=False),
    Column("told_s", Double),
    Index("ix_alerts_ended_s", "ended_s"),
    Index("ix_alerts_device", "device"),
    Index(
        "uq_alerts_open",
        "kind",
        "subject",
        unique=True,
        sqlite_where=text("ended_s IS NULL"),
        postgresql_where=text("ended_s IS NULL"),
    ),
)
"""One row an occurrence; `returns` counts how often it came back within the quiet period. `told` is what people were
last told of it: nothing, `open` or `ended`."""

SILENCES = Table(
    "silences",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("alert", Integer),
    Column("kind", String(32)),
    Column("device", Text),
    Column("site", Text),
    Column("profile", Text),
    Column("tag", Text),
    Column("until_s", Double, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("made_s", Double, nullable=False),
    Column("ended_s", Double),
    Column("ended_by", Text),
    Index("ix_silences_until_s", "until_s"),
)
"""What need not be told until a moment; every filled column must fit an alert."""

NOTIFICATIONS = Table(
    "notifications",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("channel", String(63), nullable=False),
    Column("body", Text, nullable=False),
    Column("made_s", Double, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_s", Double),
    Column("sent_s", Double),
    Column("problem", Text, nullable=False),
    Index("ix_notifications_next_s", "next_s"),
)
"""The outbox: `next_s` is when to try; empty once it was sent or given up."""

WATCH_LEASE = Table(
    "watch_lease",
    METADATA,
    Column("name", String(32), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("until_s", Double, nullable=False),
)
"""Which server process watches: one at a time."""

DEVICE_TALLIES = Table(
    "device_tallies",
    METADATA,
    Column("device", String(63), primary_key=True),
    Column("boot", String(64), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("digest", String(71), nullable=False),
    Column("ledger", Text, nullable=False),
    Column("usual_p95_ms", Double),
    Column("learned_s", Double, nullable=False),
    Column("input_changed", Boolean, nullable=False),
    Column("model_suffering", Boolean, nullable=False),
)
"""Up to which reading a device's frames are in `frame_totals`, what latency is usual for it, and its drift lamps as it
last said."""

FRAME_TOTALS = Table(
    "frame_totals",
    METADATA,
    Column("outcome", String(16), primary_key=True),
    Column("cause", String(32), primary_key=True),
    Column("frames", BigInteger, nullable=False),
)
"""Frames of the whole fleet by what became of them: counters that outlive restarts of devices and servers."""

# judging
JUDGING = Table(
    "judging",
    METADATA,
    Column("rollout", Integer, ForeignKey("rollouts.id"), primary_key=True, autoincrement=False),
    Column("looked_s", Double, nullable=False),
    Column("verdict", LargeBinary, nullable=False),
    Column("memory", LargeBinary, nullable=False),
)
"""One row a rollout: the newest verdict, and what it rests on (`fleet/judging/memory.py`), both msgpack."""
