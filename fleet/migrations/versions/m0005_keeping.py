"""Roll-ups, totals beside each device, and, on PostgreSQL, readings and events partitioned by the day of arrival.

Readings that are here already are rolled up later, boot by boot (`fleet/keeping/backlog.py`): a step of a migration
cannot know how long that takes.
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_DAY_S = 86400
_TOTALS = ("telemetry", "events", "messages", "gaps", "lost")
_PARTITIONED = ("telemetry", "events")
_COLUMNS = "device, boot, sequence, at_s, received_s, body"


def upgrade() -> None:
    """From readings that are kept for ever, and counted when asked."""
    for name in ("site", "profile"):
        op.add_column("devices", sa.Column(name, sa.Text, nullable=False, server_default=""))
    for name in _TOTALS:
        op.add_column("devices", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("progress", sa.Column("counters", sa.Text))
    _count()
    _read_births()
    for name in ("rollup_minutes", "rollup_hours"):
        _create_rollups(name)
    if op.get_bind().dialect.name == "postgresql":
        for kind in _PARTITIONED:
            _partition(kind)


def downgrade() -> None:
    """Roll-ups are deleted; the readings they were made of stay."""
    if op.get_bind().dialect.name == "postgresql":
        for kind in _PARTITIONED:
            _join(kind)
    op.drop_table("rollup_hours")
    op.drop_table("rollup_minutes")
    op.drop_column("progress", "counters")
    for name in (*reversed(_TOTALS), "profile", "site"):
        op.drop_column("devices", name)


def _count() -> None:
    boots = "(SELECT COALESCE(SUM({}), 0) FROM progress p WHERE p.device = devices.device)"
    holes = "(SELECT COALESCE(SUM({}), 0) FROM gaps g WHERE g.device = devices.device)"
    sums = {
        "telemetry": boots.format("p.telemetry"),
        "events": boots.format("p.events"),
        "messages": boots.format("p.telemetry + p.events + p.reported"),
        "gaps": holes.format("1"),
        "lost": holes.format("g.last_sequence - g.first_sequence + 1"),
    }
    op.execute("UPDATE devices SET " + ", ".join(f"{name} = {value}" for name, value in sums.items()))


def _read_births() -> None:
    """Site and profile stand in the JSON of the birth."""
    connection = op.get_bind()
    born = connection.execute(sa.text("SELECT device, birth FROM devices WHERE birth IS NOT NULL")).all()
    for device, birth in born:
        said = json.loads(birth)
        values = {"device": device, "site": said.get("site", ""), "profile": said.get("profile", "")}
        connection.execute(
            sa.text("UPDATE devices SET site = :site, profile = :profile WHERE device = :device"), values
        )


def _create_rollups(name: str) -> None:
    partitioned = op.get_bind().dialect.name == "postgresql" and name == "rollup_minutes"
    op.create_table(
        name,
        sa.Column("device", sa.String(63), nullable=False),
        sa.Column("start_s", sa.BigInteger, nullable=False),
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("shard", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("device", "start_s", "profile", "model", "shard", name=f"pk_{name}"),
        postgresql_partition_by="RANGE (start_s)" if partitioned else None,
    )
    if partitioned:
        op.execute(f"CREATE TABLE {name}_rest PARTITION OF {name} DEFAULT")


def _partition(kind: str) -> None:
    """A partition for each day of which there is a message; `fleet/keeping/partitions.py` makes those to come."""
    _move_aside(kind)
    _create_messages(kind, ("device", "boot", "sequence", "received_s"), "RANGE (received_s)")
    op.execute(f"CREATE TABLE {kind}_rest PARTITION OF {kind} DEFAULT")
    days = op.get_bind().scalars(
        sa.text(f"SELECT DISTINCT CAST(floor(received_s / {_DAY_S}) AS BIGINT) FROM {kind}_old WHERE received_s >= 0")
    )
    for day in sorted(days)[-400:]:
        op.execute(
            f"CREATE TABLE {kind}_d{day} PARTITION OF {kind} FOR VALUES FROM ({day * _DAY_S}) TO ({(day + 1) * _DAY_S})"
        )
    _move_back(kind)


def _join(kind: str) -> None:
    """One table again."""
    _move_aside(kind)
    _create_messages(kind, ("device", "boot", "sequence"))
    _move_back(kind)


def _move_aside(kind: str) -> None:
    op.execute(f"ALTER TABLE {kind} RENAME TO {kind}_old")
    op.execute(f"ALTER TABLE {kind}_old RENAME CONSTRAINT pk_{kind} TO pk_{kind}_old")
    op.execute(f"ALTER INDEX ix_{kind}_device_at_s RENAME TO ix_{kind}_old_device_at_s")


def _move_back(kind: str) -> None:
    op.execute(f"INSERT INTO {kind} ({_COLUMNS}) SELECT {_COLUMNS} FROM {kind}_old")
    op.drop_table(f"{kind}_old")
    op.create_index(f"ix_{kind}_device_at_s", kind, ["device", "at_s"])


def _create_messages(kind: str, key: tuple[str, ...], partition_by: str | None = None) -> None:
    op.create_table(
        kind,
        sa.Column("device", sa.String(63), nullable=False),
        sa.Column("boot", sa.String(64), nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("at_s", sa.Double, nullable=False),
        sa.Column("received_s", sa.Double, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint(*key, name=f"pk_{kind}"),
        postgresql_partition_by=partition_by,
    )
