"""One file for each way labelled pictures are written down; `trainer/data/origin.py` decides which one reads what."""
