"""Architectures that lack what adapting needs: told before any text is read."""

import pytest
import torch
from transformers import (
    AutoModelForMaskedLM,
    AutoTokenizer,
    FlaubertConfig,
    FNetConfig,
    IBertConfig,
    MobileBertConfig,
    XLMConfig,
)

from spacy_clintl.adaptation.adapt import adapt
from spacy_clintl.adaptation.settings import AdaptSettings
from spacy_clintl.errors import ClintlError
from tests.encoders import SENTENCES, make_wordpiece_bert

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
XLM = {"emb_dim": 32, "n_layers": 2, "n_heads": 2, "pad_index": 0, "unk_index": 1, "mask_index": 4}
MOBILE = {"embedding_size": 16, "intra_bottleneck_size": 16}
CONFIGS = {
    "MobileBert": lambda n: MobileBertConfig(vocab_size=n, **MOBILE, **SIZES),
    "IBert": lambda n: IBertConfig(
        vocab_size=n, max_position_embeddings=130, pad_token_id=0, **SIZES
    ),
    "XLM": lambda n: XLMConfig(vocab_size=n, max_position_embeddings=128, **XLM),
    "Flaubert": lambda n: FlaubertConfig(vocab_size=n, max_position_embeddings=128, **XLM),
}


def make(folder, config_of):
    make_wordpiece_bert(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(0)
    model = AutoModelForMaskedLM.from_config(config_of(len(tokenizer)))
    model.save_pretrained(folder)
    return folder


def run(tmp_path, base, **changes):
    text, told = tmp_path / "notes.txt", []
    text.write_text("\n".join(SENTENCES))
    values = {"max_steps": 1, "batch_size": 2, "block_length": 16, "head_warmup_steps": 0}
    settings = AdaptSettings(**{**values, **changes})
    try:
        adapt(base, tmp_path / "out", [text], settings, tell=told.append)
    finally:
        assert not list(tmp_path.glob(".*"))
    return told


@pytest.mark.parametrize("kind", CONFIGS)
def test_architecture_that_cannot_have_more_words(tmp_path, kind, monkeypatch):
    base = make(tmp_path / "base", CONFIGS[kind])
    assert run(tmp_path, base)
    fail = pytest.fail
    monkeypatch.setattr("spacy_clintl.adaptation.adapt.choose_documents", fail)
    with pytest.raises(ClintlError, match=r"CL441.*--add-words"):
        run(tmp_path, base, add_words=3, min_count=1)


def test_architecture_that_cannot_be_adapted(tmp_path):
    sizes = {key: value for key, value in SIZES.items() if key != "num_attention_heads"}
    values = {**sizes, "max_position_embeddings": 128}
    base = make(tmp_path / "base", lambda n: FNetConfig(vocab_size=n, **values))
    with pytest.raises(ClintlError, match=r"CL455.*FNetForMaskedLM.*attention_mask"):
        run(tmp_path, base)
