"""The fleet beside other systems."""
