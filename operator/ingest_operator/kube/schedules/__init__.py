"""The controller of IngestSchedule."""
