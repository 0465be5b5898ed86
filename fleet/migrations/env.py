"""What Alembic runs to carry out a step: `fleet/store.py` hands over an open connection, nothing is configured here."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=False)
context.run_migrations()
