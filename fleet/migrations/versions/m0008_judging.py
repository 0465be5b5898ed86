"""What has been heard of canaries and control in each rollout."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """From what was before."""
    op.create_table(
        "judging",
        sa.Column("rollout", sa.Integer, nullable=False),
        sa.Column("looked_s", sa.Double, nullable=False),
        sa.Column("verdict", sa.LargeBinary, nullable=False),
        sa.Column("memory", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("rollout", name="pk_judging"),
        sa.ForeignKeyConstraint(["rollout"], ["rollouts.id"], name="fk_judging_rollout"),
    )


def downgrade() -> None:
    """Every rollout is judged anew from now on."""
    op.drop_table("judging")
