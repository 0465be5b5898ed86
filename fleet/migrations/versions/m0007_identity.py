"""Certificates, claim codes and revocations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_NAME, _SERIAL = sa.String(63), sa.String(40)


def upgrade() -> None:
    """From what was before."""
    op.create_table(
        "certificates",
        sa.Column("serial", _SERIAL, nullable=False),
        sa.Column("device", _NAME, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("chain", sa.Text, nullable=False),
        sa.Column("issued_s", sa.Double, nullable=False),
        sa.Column("expires_s", sa.Double, nullable=False),
        sa.Column("predecessor", _SERIAL),
        sa.PrimaryKeyConstraint("serial", name="pk_certificates"),
        sa.UniqueConstraint("key", name="uq_certificates_key"),
        sa.UniqueConstraint("predecessor", name="uq_certificates_predecessor"),
    )
    op.create_index("ix_certificates_device", "certificates", ["device"])
    op.create_table(
        "revocations",
        sa.Column("serial", _SERIAL, nullable=False),
        sa.Column("device", _NAME, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("revoked_s", sa.Double, nullable=False),
        sa.Column("by", _NAME, nullable=False),
        sa.PrimaryKeyConstraint("serial", name="pk_revocations"),
    )
    op.create_index("ix_revocations_device", "revocations", ["device"])
    op.create_table(
        "claims",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("device", _NAME, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("replaces", sa.Boolean, nullable=False),
        sa.Column("profile", _NAME, nullable=False),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("created_s", sa.Double, nullable=False),
        sa.Column("created_by", _NAME, nullable=False),
        sa.Column("expires_s", sa.Double, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("voided_s", sa.Double),
        sa.Column("serial", _SERIAL),
        sa.PrimaryKeyConstraint("id", name="pk_claims"),
    )
    op.create_index("ix_claims_device", "claims", ["device"])


def downgrade() -> None:
    """Who was enrolled is forgotten: the certificates themselves stay good until they end."""
    for table in ("claims", "revocations", "certificates"):
        op.drop_table(table)
