"""Which network: families, what they cost on a device, and the choice within a budget."""
