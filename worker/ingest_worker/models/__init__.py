"""Models as locked sets: what a set is, how it is fetched to a machine, and how a worker opens only files
that match its lock.

The command calls `load_set`, `fetch` and `lock`; workers call `open_models` and never reach a network.
"""

from ingest_worker.models.fetching import fetch
from ingest_worker.models.locks import lock
from ingest_worker.models.model_set import ModelSet, Role, load_set
from ingest_worker.models.opening import Models, open_models

__all__ = ["ModelSet", "Models", "Role", "fetch", "load_set", "lock", "open_models"]
