"""What the rooms of edgeferry agree on: manifest, bundle, signatures, messages, topics, states, errors.

Pure by rule: nothing here opens a file, a socket or a clock, and nothing beyond the standard library and
msgspec is imported. `tests/test_layers.py` checks it.
"""

__version__ = "0.1.0"
"""Of edgeferry. Kept here and not asked of the installation, which takes importlib.metadata: a megabyte on a device."""
