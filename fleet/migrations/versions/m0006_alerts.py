"""Alerts, silences, what waits to be sent, and what is counted of each device while watching it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_DEVICE = sa.String(63)


def upgrade() -> None:
    """From what was before."""
    _create_alerts()
    _create_silences()
    op.create_table(
        "notifications",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("channel", sa.String(63), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("made_s", sa.Double, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_s", sa.Double),
        sa.Column("sent_s", sa.Double),
        sa.Column("problem", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
    )
    op.create_index("ix_notifications_next_s", "notifications", ["next_s"])
    op.create_table(
        "watch_lease",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("until_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_watch_lease"),
    )
    op.create_table(
        "device_tallies",
        sa.Column("device", _DEVICE, nullable=False),
        sa.Column("boot", sa.String(64), nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("ledger", sa.Text, nullable=False),
        sa.Column("usual_p95_ms", sa.Double),
        sa.Column("learned_s", sa.Double, nullable=False),
        sa.Column("input_changed", sa.Boolean, nullable=False),
        sa.Column("model_suffering", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("device", name="pk_device_tallies"),
    )
    op.create_table(
        "frame_totals",
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("cause", sa.String(32), nullable=False),
        sa.Column("frames", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("outcome", "cause", name="pk_frame_totals"),
    )


def downgrade() -> None:
    """Alerts and silences are forgotten, and so is what was not sent yet."""
    for table in ("frame_totals", "device_tallies", "watch_lease", "notifications", "silences", "alerts"):
        op.drop_table(table)


def _create_alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(80), nullable=False),
        sa.Column("device", _DEVICE),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("rollout", sa.Integer),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("since_s", sa.Double, nullable=False),
        sa.Column("raised_s", sa.Double, nullable=False),
        sa.Column("ended_s", sa.Double),
        sa.Column("returns", sa.Integer, nullable=False),
        sa.Column("told", sa.String(8), nullable=False),
        sa.Column("told_s", sa.Double),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
    )
    op.create_index("ix_alerts_ended_s", "alerts", ["ended_s"])
    op.create_index("ix_alerts_device", "alerts", ["device"])
    is_open = sa.text("ended_s IS NULL")
    op.create_index(
        "uq_alerts_open", "alerts", ["kind", "subject"], unique=True, sqlite_where=is_open, postgresql_where=is_open
    )


def _create_silences() -> None:
    op.create_table(
        "silences",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("alert", sa.Integer),
        sa.Column("kind", sa.String(32)),
        sa.Column("device", sa.Text),
        sa.Column("site", sa.Text),
        sa.Column("profile", sa.Text),
        sa.Column("tag", sa.Text),
        sa.Column("until_s", sa.Double, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("made_s", sa.Double, nullable=False),
        sa.Column("ended_s", sa.Double),
        sa.Column("ended_by", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_silences"),
    )
    op.create_index("ix_silences_until_s", "silences", ["until_s"])
