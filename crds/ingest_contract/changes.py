"""What may change in a batch once it exists: the CEL rules of the CRD, for users without a cluster. Pure."""

from ingest_contract.batch import FROZEN, STAY_IN_PLACE_WORDS, IngestBatchSpec


def refused_changes(old: IngestBatchSpec, new: IngestBatchSpec) -> tuple[str, ...]:
    """One line per change that the API server would refuse; empty if the new spec may replace the old one."""
    lines = [
        f"spec.{info.alias}: cannot change once the batch exists: make a new batch"
        for field, info in IngestBatchSpec.model_fields.items()
        if info.alias in FROZEN and getattr(old, field) != getattr(new, field)
    ]
    if new.sources[: len(old.sources)] != old.sources:
        lines.append(f"spec.sources: {STAY_IN_PLACE_WORDS}")
    return tuple(lines)
