"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_DEVICE = sa.String(63)
_BOOT = sa.String(64)
_DIGEST = sa.String(71)


def upgrade() -> None:
    """From nothing."""
    op.create_table(
        "fleet", sa.Column("name", sa.String(63), nullable=False), sa.PrimaryKeyConstraint("name", name="pk_fleet")
    )
    _create_devices()
    for kind in ("telemetry", "events", "reported"):
        _create_messages(kind)
    _create_accounts()
    _create_releases()
    _create_rollouts()


def downgrade() -> None:
    """To nothing: every reading is deleted."""
    for table in (
        "assignments",
        "rollouts",
        "releases",
        "quarantine",
        "gaps",
        "progress",
        "reported",
        "events",
        "telemetry",
        "devices",
        "fleet",
    ):
        op.drop_table(table)


def _create_devices() -> None:
    op.create_table(
        "devices",
        sa.Column("device", _DEVICE, nullable=False),
        sa.Column("boot", _BOOT),
        sa.Column("online", sa.Boolean, nullable=False),
        sa.Column("birth", sa.Text),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("digest", _DIGEST),
        sa.Column("latest", sa.Text),
        sa.Column("latest_boot", _BOOT),
        sa.Column("latest_sequence", sa.BigInteger),
        sa.Column("reported", sa.Text),
        sa.Column("first_seen_s", sa.Double, nullable=False),
        sa.Column("last_seen_s", sa.Double),
        sa.PrimaryKeyConstraint("device", name="pk_devices"),
    )


def _create_messages(kind: str) -> None:
    op.create_table(
        kind,
        sa.Column("device", _DEVICE, nullable=False),
        sa.Column("boot", _BOOT, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("at_s", sa.Double, nullable=False),
        sa.Column("received_s", sa.Double, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("device", "boot", "sequence", name=f"pk_{kind}"),
    )
    op.create_index(f"ix_{kind}_device_at_s", kind, ["device", "at_s"])


def _create_accounts() -> None:
    op.create_table(
        "progress",
        sa.Column("device", _DEVICE, nullable=False),
        sa.Column("boot", _BOOT, nullable=False),
        sa.Column("acknowledged", sa.BigInteger, nullable=False),
        sa.Column("above", sa.Text, nullable=False),
        sa.Column("telemetry", sa.BigInteger, nullable=False),
        sa.Column("events", sa.BigInteger, nullable=False),
        sa.Column("reported", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("device", "boot", name="pk_progress"),
    )
    op.create_table(
        "gaps",
        sa.Column("device", _DEVICE, nullable=False),
        sa.Column("boot", _BOOT, nullable=False),
        sa.Column("first_sequence", sa.BigInteger, nullable=False),
        sa.Column("last_sequence", sa.BigInteger, nullable=False),
        sa.Column("noticed_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("device", "boot", "first_sequence", name="pk_gaps"),
    )
    op.create_table(
        "quarantine",
        sa.Column("topic", sa.String(160), nullable=False),
        sa.Column("cause", sa.String(16), nullable=False),
        sa.Column("messages", sa.BigInteger, nullable=False),
        sa.Column("first_s", sa.Double, nullable=False),
        sa.Column("last_s", sa.Double, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("sample", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("topic", "cause", name="pk_quarantine"),
    )


def _create_releases() -> None:
    op.create_table(
        "releases",
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("profile", sa.String(63), nullable=False),
        sa.Column("format", sa.String(16), nullable=False),
        sa.Column("task", sa.String(16), nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("keyid", _DIGEST, nullable=False),
        sa.Column("verified", sa.Boolean, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("added_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_releases"),
        sa.UniqueConstraint("name", "version", "profile", name="uq_releases_name_version_profile"),
    )


def _create_rollouts() -> None:
    op.create_table(
        "rollouts",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("phases", sa.Text, nullable=False),
        sa.Column("limits", sa.Text, nullable=False),
        sa.Column("deadline_s", sa.Double, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("cause", sa.String(32)),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("created_s", sa.Double, nullable=False),
        sa.Column("ended_s", sa.Double),
        sa.PrimaryKeyConstraint("id", name="pk_rollouts"),
    )
    op.create_table(
        "assignments",
        sa.Column("rollout", sa.Integer, nullable=False),
        sa.Column("device", _DEVICE, nullable=False),
        sa.Column("wave", sa.Integer),
        sa.Column("digest", _DIGEST),
        sa.Column("counter", sa.BigInteger),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("cause", sa.String(32)),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("deadline_s", sa.Double),
        sa.Column("updated_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("rollout", "device", name="pk_assignments"),
        sa.UniqueConstraint("device", "counter", name="uq_assignments_device_counter"),
        sa.ForeignKeyConstraint(["rollout"], ["rollouts.id"], name="fk_assignments_rollout"),
    )
