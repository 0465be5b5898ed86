"""The edge room."""
