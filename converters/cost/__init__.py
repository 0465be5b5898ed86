"""The work in model files, counted for `devices/cost`, which says what it costs."""
