"""What a person types in a checkout."""
