"""A `Pool`: models with queues and workers in front of them, which batches requests by itself."""
