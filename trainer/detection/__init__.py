"""Detectors trained from scratch: marked pictures in, a small anchor-free network that survives int8 out.

Which file does what stands in `docs/detection.md`; `detecting.py` knows the order of the steps.
"""
