"""The vector of one question without torch: a BERT-like encoder in numpy, from the weights that are there.

Importing torch and sentence-transformers takes seconds, and a question has a dozen words. The weights are
read where they lie (safetensors, mapped into memory), so nothing is converted or kept twice. Architectures:
`bert`, `roberta` and `xlm-roberta` with absolute positions, which all-MiniLM, bge, e5 and most sentence
models are (Devlin et al., "BERT", 2019; layer order as in transformers' modeling_bert.py). Any other is an
`UnknownArchitectureError`, and the caller takes the model's own runtime and tells so.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from ingest_contract.failures import Reason
from ingest_worker.domain import FloatArray
from ingest_worker.errors import StageError

_ARCHITECTURES: Final = {"bert": 0, "roberta": 1, "xlm-roberta": 1}
"""`model_type` to whether positions begin behind the padding's."""
_MODULES: Final = ("Transformer", "Pooling", "Normalize")


class UnknownArchitectureError(Exception):
    """The folder's model is none that is computed here; the text says why."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a config.json says."""

    layers: int
    heads: int
    epsilon: float
    first_position: int
    longest: int
    """Tokens, with the special ones."""
    pooling: str
    """`cls` or `mean`."""
    prompt: str


class QueryEncoder:
    """A model that is loaded once and embeds questions."""

    def __init__(self, folder: Path) -> None:
        """Open the model in `folder`.

        Raises:
            UnknownArchitectureError: if it is none that is computed here.
            StageError: `MODELS_UNAVAILABLE` if a file cannot be read.
        """
        self._shape = _shape(folder)
        try:
            from safetensors import safe_open
            from tokenizers import Tokenizer

            opening: Any = safe_open
            self._weights: Any = opening(folder / "model.safetensors", framework="numpy")
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:
            said = f"The text model in {folder} cannot be loaded: {error}"
            raise StageError(Reason.MODELS_UNAVAILABLE, said) from error
        self._read: dict[str, FloatArray] = {}
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self._shape.longest)
        names = set(self._weights.keys())
        self._prefix = next(
            (
                each
                for each in ("", "bert.", "roberta.")
                if f"{each}embeddings.word_embeddings.weight" in names
            ),
            None,
        )
        if self._prefix is None:
            raise UnknownArchitectureError("its weights have names that are not known")

    def embed(self, text: str) -> FloatArray:
        """(dimension,) L2-normalised vector of a question, as `SentenceEmbedder.embed_query` makes it.

        Raises `StageError(EMBEDDING_INCOMPLETE)` if it is not finite.
        """
        tokens = self._tokenizer.encode(self._shape.prompt + text).ids
        hidden = self._embedded(tokens)
        for layer in range(self._shape.layers):
            hidden = self._layer(hidden, f"encoder.layer.{layer}")
        pooled = hidden[0] if self._shape.pooling == "cls" else hidden.mean(axis=0)
        length = float(np.linalg.norm(pooled))
        if not np.isfinite(length) or length == 0:
            raise StageError(Reason.EMBEDDING_INCOMPLETE, "The query got no usable vector.")
        vector: FloatArray = (pooled / length).astype(np.float32)
        return vector

    def _embedded(self, tokens: list[int]) -> FloatArray:
        table = self._weights.get_slice(f"{self._prefix}embeddings.word_embeddings.weight")
        words = np.stack([table[token] for token in tokens]).astype(np.float32)
        first = self._shape.first_position
        places = self._get("embeddings.position_embeddings")[first : first + len(tokens)]
        kinds = self._get("embeddings.token_type_embeddings")[0]
        return self._normalised(words + places + kinds, "embeddings.LayerNorm")

    def _layer(self, hidden: FloatArray, name: str) -> FloatArray:
        heads = self._shape.heads
        query, key, value = (
            self._linear(hidden, f"{name}.attention.self.{each}").reshape(len(hidden), heads, -1)
            for each in ("query", "key", "value")
        )
        weights = np.einsum("qhd,khd->hqk", query, key) / math.sqrt(query.shape[-1])
        weights = np.exp(weights - weights.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        heard = np.einsum("hqk,khd->qhd", weights, value).reshape(hidden.shape)
        hidden = self._normalised(
            hidden + self._linear(heard, f"{name}.attention.output.dense"),
            f"{name}.attention.output.LayerNorm",
        )
        wide = _gelu(self._linear(hidden, f"{name}.intermediate.dense"))
        return self._normalised(
            hidden + self._linear(wide, f"{name}.output.dense"), f"{name}.output.LayerNorm"
        )

    def _linear(self, values: FloatArray, name: str) -> FloatArray:
        made: FloatArray = values @ self._get(name).T + self._get(name, "bias")
        return made

    def _normalised(self, values: FloatArray, name: str) -> FloatArray:
        centred = values - values.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self._shape.epsilon)
        made: FloatArray = centred / spread * self._get(name) + self._get(name, "bias")
        return made

    def _get(self, name: str, kind: str = "weight") -> FloatArray:
        """Read when it is first needed: a question alone reads each once, a reader keeps them."""
        key = f"{self._prefix}{name}.{kind}"
        if key not in self._read:
            self._read[key] = self._weights.get_tensor(key).astype(np.float32, copy=False)
        return self._read[key]


def _gelu(values: FloatArray) -> FloatArray:
    """`x * Phi(x)`, with erf by Abramowitz and Stegun, 7.1.26 (error below 1.5e-7): numpy has none."""
    scaled = np.abs(values) / np.sqrt(2.0, dtype=np.float32)
    t = 1 / (1 + 0.3275911 * scaled)
    series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t
    erf = np.sign(values) * (1 - series * np.exp(-(scaled**2)))
    made: FloatArray = (values * 0.5 * (1 + erf)).astype(np.float32)
    return made


def _shape(folder: Path) -> _Shape:
    config = _read(folder / "config.json")
    kind = config.get("model_type")
    if kind not in _ARCHITECTURES:
        raise UnknownArchitectureError(f"it is a {kind!r}")
    if config.get("position_embedding_type", "absolute") != "absolute" or config.get("hidden_act") != "gelu":
        raise UnknownArchitectureError("its positions or activations are others than BERT's")
    for needed in ("model.safetensors", "tokenizer.json"):
        if not (folder / needed).is_file():
            raise UnknownArchitectureError(f"it has no {needed}")
    modules = json.loads((folder / "modules.json").read_text("utf-8"))
    kinds = tuple(each["type"].rpartition(".")[2] for each in modules)
    if kinds not in {_MODULES, _MODULES[:2]} or modules[0]["path"]:
        raise UnknownArchitectureError(f"its modules are {', '.join(kinds)}")
    first = _ARCHITECTURES[kind] * (config.get("pad_token_id", 1) + 1)
    sentence = _read(folder / "sentence_bert_config.json")
    if sentence.get("do_lower_case"):
        raise UnknownArchitectureError("its texts are lower-cased before they are tokenized")
    pooling, prompt = _read(folder / modules[1]["path"] / "config.json"), _prompt(folder)
    if prompt and not pooling.get("include_prompt", True):
        raise UnknownArchitectureError("its prompt is left out when its tokens are pooled")
    return _Shape(
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        epsilon=config["layer_norm_eps"],
        first_position=first,
        longest=min(sentence.get("max_seq_length") or 512, config["max_position_embeddings"] - first),
        pooling=_pooling(pooling),
        prompt=prompt,
    )


def _pooling(config: dict[str, Any]) -> str:
    modes = {name for name, on in config.items() if name.startswith("pooling_mode_") and on is True}
    if modes == {"pooling_mode_cls_token"} or config.get("pooling_mode") == "cls":
        return "cls"
    if modes == {"pooling_mode_mean_tokens"} or config.get("pooling_mode") == "mean":
        return "mean"
    named = config.get("pooling_mode") or ", ".join(sorted(modes)) or "unknown"
    raise UnknownArchitectureError(f"its pooling is {named}")


def _prompt(folder: Path) -> str:
    config = _read(folder / "config_sentence_transformers.json")
    prompts = config.get("prompts") or {}
    # As `encode_query` chooses it (sentence-transformers 6.2).
    named = (prompts.get(name) for name in ("query", config.get("default_prompt_name")))
    return next((str(prompt) for prompt in named if prompt), "")


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise StageError(Reason.MODELS_UNAVAILABLE, f"{path} cannot be read: {error}") from error
