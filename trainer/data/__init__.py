"""Labelled pictures: listed, read, told apart, divided, and ready for training."""
