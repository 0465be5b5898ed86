"""`edgeferry tune`: a search for the network and the way of training it, within what a device can bear.

Optuna draws and remembers, `search.py` is the loop, each trial trains in a process of its own. Nothing here sees the
test split.
"""
