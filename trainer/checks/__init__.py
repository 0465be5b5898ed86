"""What can be wrong with labelled pictures, one kind of trouble a file; `trainer/check.py` asks them all."""
