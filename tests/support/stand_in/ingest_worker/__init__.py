"""A worker for tests of the backends: it ends in whatever way its item's title asks for, by the same protocol
as the real one. What it has no part of its own for is the real worker's: it is forked as that is."""

from pathlib import Path

__path__.append(str(Path(__file__).parents[4] / "worker" / "ingest_worker"))
