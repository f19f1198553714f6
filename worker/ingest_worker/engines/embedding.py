"""Text vectors, by a sentence-transformers model on this machine's disk.

Called by the pipeline through `ports.Embedder`, and by the search for its query. Reaches no hub and runs no
code that comes with a model. Must not truncate a text silently: one that is longer than the model's limit is
embedded in parts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from ingest_contract.failures import Reason
from ingest_worker.domain import FloatArray, Vectors
from ingest_worker.errors import StageError
from ingest_worker.memory import BatchRunner, classify
from ingest_worker.ports import Report

UNBOUNDED_TOKENS: Final = 1_000_000
"""A stated limit of this many tokens or more means "none" (transformers writes 10**30)."""

DOCUMENT_PROMPTS: Final = ("document", "passage", "corpus")
"""Names of the prompt that `encode_document` puts before a text, in its order (sentence-transformers 6.2)."""


@dataclass(frozen=True, slots=True)
class _TextPart:
    """One input of the model: a text, or a part of one that is too long."""

    text: str
    owner: int
    """Index of the text."""
    tokens: int
    """Its length, including the model's special tokens."""


class SentenceEmbedder:
    """`ports.Embedder` by a sentence-transformers model."""

    def __init__(self, folder: Path, *, device: str, batch_tokens: int, model_key: str) -> None:
        """Load the model in `folder`.

        Raises:
            StageError: `MODELS_UNAVAILABLE`, `DIMENSION_MISMATCH`, `GPU_UNAVAILABLE` or a memory reason.
        """
        self.runner = BatchRunner(batch_tokens, free=_emptied if device == "cuda" else None)
        """The outcome of batching: `batch` in tokens and `halvings` for the Receipt."""
        self._model = _loaded(folder, device)
        self._key = model_key
        prompts = (self._model.prompts.get(name, "") for name in DOCUMENT_PROMPTS)
        self._prompt_tokens = len(
            self._model.tokenizer(next(filter(None, prompts), ""), add_special_tokens=False)["input_ids"]
        )
        self._dimension = self._model.get_embedding_dimension()
        if not self._dimension:
            raise StageError(
                Reason.DIMENSION_MISMATCH,
                f"The model in {folder} does not say how many numbers its vectors have.",
            )

    @property
    def dimension(self) -> int:
        """Numbers per vector."""
        return int(self._dimension)

    def embed(self, texts: Sequence[str], report: Report, /) -> Vectors:
        """One finite L2-normalised vector per text, in the order given.

        A text that is longer than the model's limit is embedded in parts; its vector is their mean, weighted
        by tokens.

        Raises:
            StageError: `EMBEDDING_INCOMPLETE` if a vector is missing or not finite, `DIMENSION_MISMATCH`, or
                a memory reason.
        """
        # Longest first: what does not fit shows at once, and texts of one length share a batch without
        # padding (as in `encode` upstream).
        parts = sorted(
            (part for i, text in enumerate(texts) for part in self._parts(text, i)),
            key=lambda part: -part.tokens,
        )
        rows = self.runner.map(
            parts, self._encoded, size=lambda part: part.tokens, done=lambda n: report(n / len(parts))
        )
        sums = np.zeros((len(texts), self.dimension))
        for part, row in zip(parts, rows, strict=True):
            sums[part.owner] += part.tokens * row.astype(np.float64)
        return Vectors(_normalised(sums), self._key)

    def embed_query(self, text: str) -> FloatArray:
        """(dimension,) L2-normalised vector of a search query, after the model's own query prompt if it has
        one.

        Text beyond the model's limit (hundreds of words) is ignored: that would be a document and not a
        query.
        """
        try:
            row = self._model.encode_query([text], show_progress_bar=False)
        except Exception as error:
            raise StageError(
                classify(error) or Reason.EMBEDDING_INCOMPLETE, f"The query could not be embedded: {error}"
            ) from error
        vector: FloatArray = _normalised(np.asarray(row, np.float64))[0]
        return vector

    def _encoded(self, parts: Sequence[_TextPart]) -> list[FloatArray]:
        texts = [part.text for part in parts]
        rows = self._model.encode_document(
            texts, batch_size=len(texts), show_progress_bar=False, convert_to_numpy=True
        )
        if rows.shape != (len(texts), self.dimension):
            raise StageError(
                Reason.DIMENSION_MISMATCH,
                f"{len(texts)} texts gave {rows.shape}, not vectors of {self.dimension} numbers.",
            )
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):  # `_normalised` finds rows that are not finite
            return list((rows / lengths).astype(np.float32))

    def _parts(self, text: str, owner: int) -> list[_TextPart]:
        tokenizer, limit = self._model.tokenizer, self._model.max_seq_length
        offsets = tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, truncation=False, verbose=False
        )["offset_mapping"]
        extra = tokenizer.num_special_tokens_to_add() + self._prompt_tokens
        room = max(1, limit - extra) if limit and limit < UNBOUNDED_TOKENS else max(1, len(offsets))
        if len(offsets) <= room:
            return [_TextPart(text, owner, len(offsets) + extra)]
        edges = [0, *(offsets[cut][0] for cut in _cuts(text, offsets, room)), len(text)]
        # Tokenized again, because the start of a part that was cut inside a word may have more tokens than
        # before.
        return [part for a, b in pairwise(edges) for part in self._parts(text[a:b], owner)]


def _cuts(text: str, offsets: Sequence[tuple[int, int]], room: int) -> list[int]:
    """Tokens at which a text is cut so that each part has at most `room`: before a word where one begins,
    otherwise anywhere."""
    cuts: list[int] = []
    first = 0
    while len(offsets) - first > room:
        words = (
            i
            for i in range(first + room, first + room // 2, -1)
            if text[offsets[i][0] - 1 : offsets[i][0]].isspace()
        )
        first = next(words, first + room)
        cuts.append(first)
    return cuts


def _normalised(rows: np.ndarray[Any, np.dtype[np.float64]]) -> FloatArray:
    """Rows of length 1. Raises `StageError(EMBEDDING_INCOMPLETE)` for rows that are zero or not finite."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if bad := int((~(np.isfinite(lengths) & (lengths > 0))).sum()):
        raise StageError(Reason.EMBEDDING_INCOMPLETE, f"{bad} of {len(rows)} texts got no usable vector.")
    unit: FloatArray = (rows / lengths).astype(np.float32)
    return unit


def _loaded(folder: Path, device: str) -> Any:
    if not (folder / "modules.json").is_file():
        raise StageError(
            Reason.MODELS_UNAVAILABLE,
            f"{folder} holds no sentence-transformers model: there is no modules.json.",
        )
    from ingest_worker.engines.lean import lean_imports
    from ingest_worker.engines.sentence_parts import SentenceTransformer, disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]  # a bar per weight file says nothing in a worker's log; it has no types
    try:
        with lean_imports():  # it imports the model's own module, and asks torch's compiler for its marks
            return SentenceTransformer(
                str(folder), device=device, local_files_only=True, trust_remote_code=False
            )
    except Exception as error:
        raise StageError(
            classify(error) or Reason.MODELS_UNAVAILABLE,
            f"The text model in {folder} cannot be loaded: {error}",
        ) from error


def _emptied() -> None:
    import torch

    torch.cuda.empty_cache()
