"""Tiny random encoders with their own small tokenizers: no download, a second to build.

Each builder fills a plain Hugging Face folder (config.json, model.safetensors, tokenizer.json)
and returns its path. Tokenizer and weights
depend on the arguments only, so that two processes build equal encoders.
"""

import re
import unicodedata
from collections import Counter
from pathlib import Path

from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

SENTENCES = [
    "The patient was admitted with chest pain and shortness of breath.",
    "No fever, no cough; blood pressure 130/80 mmHg, heart rate 72 per minute.",
    "She takes metformin 500 mg twice daily and aspirin 100 mg in the morning.",
    "An x-ray of the chest showed no infiltrate, and the wound was healing well.",
    "He was discharged home on the third day with oral antibiotics.",
    "La paciente presenta dolor torácico y disnea desde hace tres días.",
    "Le patient a été hospitalisé pour une pneumonie, traitée par amoxicilline.",
]

WIDTH = 32
LAYERS = 2
HEADS = 2
POSITIONS = 128
VOCABULARY = 300


def make_wordpiece_bert(
    folder: Path, *, with_mlm_head: bool = False, seed: int = 0, texts: list[str] | None = None
) -> Path:
    """Write a tiny BERT with an uncased WordPiece vocabulary; positions for 128 pieces."""
    from transformers import BertConfig, BertTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = _wordpiece_tokenizer(special, texts or SENTENCES)
    fast = BertTokenizerFast(tokenizer_object=tokenizer, model_max_length=POSITIONS)
    config = BertConfig(
        vocab_size=len(fast), max_position_embeddings=POSITIONS, pad_token_id=0, **_sizes()
    )
    return _save(folder, config, fast, with_mlm_head, seed)


def make_wordpiece_distilbert(
    folder: Path, *, with_mlm_head: bool = False, seed: int = 0, texts: list[str] | None = None
) -> Path:
    """Write a tiny DistilBERT with an uncased WordPiece vocabulary; positions for 128 pieces."""
    from transformers import DistilBertConfig, DistilBertTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = _wordpiece_tokenizer(special, texts or SENTENCES)
    fast = DistilBertTokenizerFast(tokenizer_object=tokenizer, model_max_length=POSITIONS)
    config = DistilBertConfig(
        vocab_size=len(fast),
        max_position_embeddings=POSITIONS,
        dim=WIDTH,
        n_layers=LAYERS,
        n_heads=HEADS,
        hidden_dim=2 * WIDTH,
        pad_token_id=0,
    )
    return _save(folder, config, fast, with_mlm_head, seed)


def make_bpe_roberta(
    folder: Path, *, with_mlm_head: bool = False, seed: int = 0, texts: list[str] | None = None
) -> Path:
    """Write a tiny RoBERTa with a byte-level BPE vocabulary; positions for 128 pieces."""
    from transformers import RobertaConfig, RobertaTokenizerFast

    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts or SENTENCES,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY + 256,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer.post_processor = processors.RobertaProcessing(
        sep=("</s>", tokenizer.token_to_id("</s>")), cls=("<s>", tokenizer.token_to_id("<s>"))
    )
    fast = RobertaTokenizerFast(tokenizer_object=tokenizer, model_max_length=POSITIONS)
    config = RobertaConfig(
        vocab_size=len(fast),
        max_position_embeddings=POSITIONS + 2,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        type_vocab_size=1,
        **_sizes(),
    )
    return _save(folder, config, fast, with_mlm_head, seed)


def make_unigram_xlmr(
    folder: Path, *, with_mlm_head: bool = False, seed: int = 0, texts: list[str] | None = None
) -> Path:
    """Write a tiny XLM-RoBERTa with a Unigram (SentencePiece-like) vocabulary."""
    from transformers import XLMRobertaConfig, XLMRobertaTokenizerFast

    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = _unigram_tokenizer(special, "<unk>", texts or SENTENCES)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=["<s>", "$A", "</s>"],
        pair=["<s>", "$A", "</s>", "</s>", "$B", "</s>"],
        special_tokens=[(t, tokenizer.token_to_id(t)) for t in ("<s>", "</s>")],
    )
    fast = XLMRobertaTokenizerFast(tokenizer_object=tokenizer, model_max_length=POSITIONS)
    config = XLMRobertaConfig(
        vocab_size=len(fast),
        max_position_embeddings=POSITIONS + 2,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        type_vocab_size=1,
        **_sizes(),
    )
    return _save(folder, config, fast, with_mlm_head, seed)


def make_deberta(
    folder: Path, *, with_mlm_head: bool = False, seed: int = 0, texts: list[str] | None = None
) -> Path:
    """Write a tiny DeBERTa-v2 (relative positions as in v3) with a Unigram vocabulary."""
    from transformers import DebertaV2Config, DebertaV2TokenizerFast

    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    tokenizer = _unigram_tokenizer(special, "[UNK]", texts or SENTENCES)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=["[CLS]", "$A", "[SEP]"],
        pair=["[CLS]", "$A", "[SEP]", "$B:1", "[SEP]:1"],
        special_tokens=[(t, tokenizer.token_to_id(t)) for t in ("[CLS]", "[SEP]")],
    )
    fast = DebertaV2TokenizerFast(
        tokenizer_object=tokenizer, model_max_length=POSITIONS, split_by_punct=False
    )
    config = DebertaV2Config(
        vocab_size=len(fast),
        max_position_embeddings=POSITIONS,
        pad_token_id=0,
        type_vocab_size=0,
        relative_attention=True,
        position_buckets=16,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        pos_att_type=["p2c", "c2p"],
        position_biased_input=False,
        **_sizes(),
    )
    return _save(folder, config, fast, with_mlm_head, seed)


def make_modernbert(
    folder: Path, *, with_mlm_head: bool = False, seed: int = 0, texts: list[str] | None = None
) -> Path:
    """Write a tiny ModernBERT with a byte-level BPE vocabulary; every second layer looks around."""
    from transformers import ModernBertConfig, PreTrainedTokenizerFast

    special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts or SENTENCES,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY + 256,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=["[CLS]", "$A", "[SEP]"],
        pair=["[CLS]", "$A", "[SEP]", "$B", "[SEP]"],
        special_tokens=[(t, tokenizer.token_to_id(t)) for t in ("[CLS]", "[SEP]")],
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=POSITIONS,
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "attention_mask"],
    )
    config = ModernBertConfig(
        vocab_size=len(fast),
        max_position_embeddings=POSITIONS,
        pad_token_id=3,
        bos_token_id=1,
        eos_token_id=2,
        cls_token_id=1,
        sep_token_id=2,
        global_attn_every_n_layers=2,
        local_attention=16,
        reference_compile=False,
        **_sizes(),
    )
    return _save(folder, config, fast, with_mlm_head, seed)


BUILDERS = {
    "bert": make_wordpiece_bert,
    "distilbert": make_wordpiece_distilbert,
    "roberta": make_bpe_roberta,
    "xlmr": make_unigram_xlmr,
    "deberta": make_deberta,
    "modernbert": make_modernbert,
}


def _sizes() -> dict[str, int]:
    return {
        "hidden_size": WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "intermediate_size": 2 * WIDTH,
    }


def _wordpiece_tokenizer(special: list[str], texts: list[str]) -> Tokenizer:
    starts, ends, letters = _word_parts([text.lower() for text in texts])
    pieces = [*special, *letters, *(f"##{c}" for c in letters), *starts, *(f"##{e}" for e in ends)]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.BertProcessing(
        sep=("[SEP]", tokenizer.token_to_id("[SEP]")), cls=("[CLS]", tokenizer.token_to_id("[CLS]"))
    )
    return tokenizer


def _unigram_tokenizer(special: list[str], unknown: str, texts: list[str]) -> Tokenizer:
    starts, ends, letters = _word_parts(texts)
    pieces = dict.fromkeys(special, 0.0)
    pieces |= dict.fromkeys(["▁", *letters], -10.0)
    pieces |= dict.fromkeys(ends, -8.0)
    pieces |= {f"▁{s}": -6.0 for s in starts}
    tokenizer = Tokenizer(models.Unigram(list(pieces.items()), special.index(unknown)))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def _word_parts(texts: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Return whole words and frequent beginnings, frequent endings, letters, each sorted.

    Counted by hand and not by a trainer of `tokenizers`, whose ties fall differently in every
    process: the vocabulary, and so the weights, would differ from run to run.
    """
    words = sorted({word for text in texts for word in re.findall(r"[^\W\d_]+", text)})
    starts = Counter(word[:n] for word in words for n in (2, 3, 4) if len(word) > n)
    ends = Counter(word[-n:] for word in words for n in (2, 3, 4) if len(word) > n)
    # Every letter that a European note may hold, so that few test words become unknown.
    letters = [chr(c) for c in range(33, 383) if unicodedata.category(chr(c))[0] in "LNPS"]
    whole = [word for word in words if len(word) > 1]
    frequent = [part for part, count in starts.items() if count > 1]
    return sorted({*whole, *frequent}), sorted(p for p, c in ends.items() if c > 1), letters


def _save(folder: Path, config, tokenizer, with_mlm_head: bool, seed: int) -> Path:
    import torch
    from transformers import AutoModel, AutoModelForMaskedLM

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    kind = AutoModelForMaskedLM if with_mlm_head else AutoModel
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = kind.from_config(config)
    model.eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
