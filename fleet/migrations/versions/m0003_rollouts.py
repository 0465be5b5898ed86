"""Groups, approval, windows and ways back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """From what was before: whoever was told then ran something nobody wrote down, so there is no way back for them."""
    op.create_table(
        "groups",
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("filter", sa.Text),
        sa.Column("devices", sa.Text),
        sa.Column("created_s", sa.Double, nullable=False),
        sa.Column("created_by", sa.String(63), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_groups"),
    )
    op.create_table(
        "rollout_steps",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("rollout", sa.Integer, nullable=False),
        sa.Column("at_s", sa.Double, nullable=False),
        sa.Column("by", sa.String(63), nullable=False),
        sa.Column("what", sa.String(32), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rollout_steps"),
        sa.ForeignKeyConstraint(["rollout"], ["rollouts.id"], name="fk_rollout_steps_rollout"),
    )
    op.create_index("ix_rollout_steps_rollout", "rollout_steps", ["rollout"])
    op.create_table(
        "penalties",
        sa.Column("device", sa.String(63), nullable=False),
        sa.Column("since_s", sa.Double, nullable=False),
        sa.Column("until_s", sa.Double, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("device", name="pk_penalties"),
    )
    op.add_column("rollouts", sa.Column("created_by", sa.String(63), nullable=False, server_default="local"))
    op.add_column("rollouts", sa.Column("terms", sa.Text, nullable=False, server_default="{}"))
    op.add_column("rollouts", sa.Column("back_of", sa.Integer))
    op.add_column("rollouts", sa.Column("wave_from_s", sa.Double))
    op.add_column("rollouts", sa.Column("rested_s", sa.Double))
    op.add_column("rollouts", sa.Column("joined_s", sa.Double))
    op.add_column("assignments", sa.Column("before", sa.String(71)))
    op.add_column("assignments", sa.Column("state_s", sa.Double))
    op.add_column("assignments", sa.Column("unsent", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index("ix_assignments_rollout_state_wave_device", "assignments", ["rollout", "state", "wave", "device"])
    op.create_index("ix_assignments_state", "assignments", ["state"])


def downgrade() -> None:
    """Groups, steps and penalties are forgotten; rollouts in a state the older version does not know are halted."""
    op.drop_index("ix_assignments_state", "assignments")
    op.drop_index("ix_assignments_rollout_state_wave_device", "assignments")
    for column in ("unsent", "state_s", "before"):
        op.drop_column("assignments", column)
    op.execute("UPDATE assignments SET state = 'withdrawn' WHERE state IN ('away', 'missed', 'held-back')")
    op.execute(
        "UPDATE rollouts SET state = 'halted', cause = 'downgrade', ended_s = created_s"
        " WHERE state IN ('unapproved', 'scheduled', 'paused')"
    )
    for column in ("joined_s", "rested_s", "wave_from_s", "back_of", "terms", "created_by"):
        op.drop_column("rollouts", column)
    op.drop_table("penalties")
    op.drop_index("ix_rollout_steps_rollout", "rollout_steps")
    op.drop_table("rollout_steps")
    op.drop_table("groups")
