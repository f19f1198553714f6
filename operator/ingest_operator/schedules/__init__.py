"""IngestSchedule: which batch is due when, and what became of the earlier ones. Pure, but for `reconcile`."""
