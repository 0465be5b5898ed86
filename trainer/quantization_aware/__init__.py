"""Quantisation-aware training: a network that learns with the rounding of int8 in it, and needs no calibration.

Importing this package is cheap; of its files, `settings` and `verdict` are too.
"""
