"""How `edge/metadata.py` comes to its word: fetch update metadata, have it judged elsewhere, keep what was accepted."""
