"""Other ways to do what the runtime does, each a program of its own: it prints one JSON object, as `told.py` says.

They run under the interpreter that has their libraries (`venv.py`), so they import nothing of the kit but `told.py`.
"""
