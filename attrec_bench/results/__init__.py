"""What is kept of a run and shown of many: record -> store -> MLflow, and records -> table -> text."""
