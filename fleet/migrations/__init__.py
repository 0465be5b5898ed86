"""The store's history, one file a step, carried out by Alembic when the store is opened."""
