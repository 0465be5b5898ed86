"""What the rooms of edgeferry agree on: manifest, bundle, signatures, messages, topics, states, errors.

Pure by rule: nothing here opens a file, a socket or a clock, and nothing beyond the standard library and
msgspec is imported. `tests/test_layers.py` checks it.
"""
