"""The front door of edgeferry: one command, and the demo."""
