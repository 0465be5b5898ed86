"""The trainer: labelled pictures in, a run folder out, and the same measurements for runs and for bundles.

Importing this room costs nothing heavy: TensorFlow, scikit-learn, OpenCV and rich are imported by the files that
need them, and those are imported when their work begins.
"""
