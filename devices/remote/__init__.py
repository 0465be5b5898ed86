"""Setting up a device that runs already and lets us in by ssh."""
