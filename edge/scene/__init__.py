"""From answers to events: what `scene.toml` says about one camera's view, and what happened in it.

`watch.py` is the door for the runtime: the gate before the model (`motion.py`), and after it labels, tracks, zones
and lines. `keeping.py` is the other door: what is stored on the device. Nothing here is imported without a scene.
"""
