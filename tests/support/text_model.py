"""A text model as its configuration files say it, for whoever asks these alone."""

import json
import shutil
from pathlib import Path


def text_model(place: Path, dimension: int) -> Path:
    """The configuration files of a sentence-transformers model."""
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    modules = [
        {"idx": i, "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(kinds)
    ]
    shutil.rmtree(place / "1_Pooling", ignore_errors=True)
    (place / "1_Pooling").mkdir(parents=True)
    (place / "modules.json").write_text(json.dumps(modules))
    (place / "config.json").write_text(json.dumps({"hidden_size": dimension}))
    (place / "1_Pooling" / "config.json").write_text(
        json.dumps({"word_embedding_dimension": dimension, "pooling_mode_mean_tokens": True})
    )
    return place
