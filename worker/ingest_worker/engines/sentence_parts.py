"""What the embedder takes from sentence-transformers and transformers, imported without what they can do
without. Importing takes seconds; a run does it in the background.

Both know a torch that was built without `torch.distributed`, and then leave out models in parts on several
machines, and with them half of what torch has. transformers asks once and remembers.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from torch import distributed

from ingest_worker.engines.lean import lean_imports


@contextmanager
def _on_one_machine() -> Iterator[None]:
    """While it lasts, torch says that it has no `torch.distributed`."""
    asked = distributed.is_available
    distributed.is_available = lambda: False
    try:
        yield
    finally:
        distributed.is_available = asked


with warnings.catch_warnings(), lean_imports(), _on_one_machine():
    warnings.simplefilter("ignore")
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

__all__ = ["SentenceTransformer", "disable_progress_bar"]
