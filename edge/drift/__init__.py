"""Does the input still look like what the model was measured on? Features, distances, thresholds and the watch."""
