"""Whether a model will run on a device that nobody has at hand, told from its file alone."""
