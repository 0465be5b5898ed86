"""From frames a device kept to a model that may take its base's place."""
