"""The controller of IngestBatch."""
