"""When each device started anew: those that do so again and again are left alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Starts before this version count for nothing."""
    op.add_column("devices", sa.Column("starts", sa.Text))
    op.add_column("devices", sa.Column("restless_s", sa.Double))
    op.create_index("ix_devices_restless_s", "devices", ["restless_s"])


def downgrade() -> None:
    """Starts are forgotten."""
    op.drop_index("ix_devices_restless_s", "devices")
    for name in ("restless_s", "starts"):
        op.drop_column("devices", name)
