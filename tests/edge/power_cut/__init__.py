"""A disk that forgets: which states a power cut may leave, and what an update makes of each of them."""
