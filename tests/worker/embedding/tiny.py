"""Tiny sentence models with random weights, in the form in which such models are published."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

FAMILIES: Final = ("roberta", "xlm-roberta")
_SPECIAL: Final = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
_SEEN: Final = ("where is the bridge and what did they say about long words ", "東京 und Bücher")
_LONGEST_TOKENS: Final = 64
_WIDTH: Final = 32


def sentence_model(
    folder: Path,
    family: str,
    *,
    pooling: str = "mean",
    prompts: Mapping[str, str] | None = None,
    include_prompt: bool = True,
    dense: bool = False,
) -> Path:
    """The folder of a saved model."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer

    torch.manual_seed(3)
    raw = str(folder / "raw")
    tokenizer = _tokenizer()
    tokenizer.save_pretrained(raw)
    _transformer(family, len(tokenizer)).save_pretrained(raw)
    modules = [
        Transformer(raw, max_seq_length=_LONGEST_TOKENS),
        Pooling(_WIDTH, pooling_mode=pooling, include_prompt=include_prompt),
        Dense(_WIDTH, 16) if dense else Normalize(),
    ]
    SentenceTransformer(modules=modules, prompts=dict(prompts or {})).save(str(folder / "model"))
    return folder / "model"


def _transformer(family: str, vocabulary: int) -> Any:
    import transformers

    kinds: Any = {
        "roberta": (transformers.RobertaConfig, transformers.RobertaModel),
        "xlm-roberta": (transformers.XLMRobertaConfig, transformers.XLMRobertaModel),
    }
    config, model = kinds[family]
    return model(
        config(
            vocab_size=vocabulary,
            hidden_size=_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=2 * _WIDTH,
            max_position_embeddings=_LONGEST_TOKENS + 2,  # positions begin behind the padding's
            type_vocab_size=1,
            pad_token_id=1,
            bos_token_id=0,
            eos_token_id=2,
            initializer_range=0.5,  # so that two texts differ
        )
    )


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.train_from_iterator(
        [_SEEN[0] * 3, _SEEN[1]],
        trainers.UnigramTrainer(vocab_size=200, special_tokens=list(_SPECIAL), unk_token="<unk>"),
    )
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = ("bos", "pad", "eos", "unk", "mask")
    special = {f"{name}_token": token for name, token in zip(names, _SPECIAL, strict=True)}
    return PreTrainedTokenizerFast(
        tokenizer_object=made, cls_token="<s>", sep_token="</s>", model_max_length=_LONGEST_TOKENS, **special
    )
