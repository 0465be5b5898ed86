"""The training itself: batches, steps, averages, checkpoints, and what it computes on."""
