"""What the embedder takes from sentence-transformers and transformers, imported without what they can do
without. Importing takes seconds; a run does it in the background."""

import warnings

from ingest_worker.engines.lean import lean_imports

with warnings.catch_warnings(), lean_imports():
    warnings.simplefilter("ignore")
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

__all__ = ["SentenceTransformer", "disable_progress_bar"]
