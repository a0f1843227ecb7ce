"""Split -> batches -> a trained model."""
