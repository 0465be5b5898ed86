"""What can be measured, one file a name; each has `figures(short) -> dict[str, Figure]`."""
