"""Deltas, and what an assignment says about them; when each device was told, so that saying it again is the same."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_DIGEST = sa.String(71)


def upgrade() -> None:
    """From the first tables."""
    op.create_table(
        "deltas",
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("base", _DIGEST, nullable=False),
        sa.Column("target", _DIGEST, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("added_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_deltas"),
        sa.ForeignKeyConstraint(["target"], ["releases.digest"], name="fk_deltas_target"),
    )
    op.create_index("ix_deltas_target_base", "deltas", ["target", "base"])
    op.add_column("rollouts", sa.Column("whole_if_delta_fails", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("rollouts", sa.Column("budget_bytes", sa.BigInteger))
    op.add_column("assignments", sa.Column("told_s", sa.Double))
    op.add_column("assignments", sa.Column("delta", _DIGEST))
    op.execute(
        "UPDATE assignments SET told_s = deadline_s"
        " - (SELECT rollouts.deadline_s FROM rollouts WHERE rollouts.id = assignments.rollout)"
    )


def downgrade() -> None:
    """Deltas are forgotten; their files stay in the repository."""
    op.drop_column("assignments", "delta")
    op.drop_column("assignments", "told_s")
    op.drop_column("rollouts", "budget_bytes")
    op.drop_column("rollouts", "whole_if_delta_fails")
    op.drop_table("deltas")
