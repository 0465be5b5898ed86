"""The converters room."""
