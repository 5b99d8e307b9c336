"""A tiny Marian with a word tokenizer: no download; depends on the arguments only."""

from pathlib import Path

WORDS = {
    "fiebre": "fever",
    "tos": "cough",
    "alta": "high",
    "seca": "dry",
    "y": "and",
    "sin": "without",
    "con": "with",
    "disnea": "dyspnea",
}
LANGUAGES = ("spa_Latn", "eng_Latn", "fra_Latn")


def make_tokenizer(folder, languages=()):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = sorted({*WORDS, *WORDS.values()})
    vocabulary = {word: n for n, word in enumerate(["<pad>", "</s>", "<unk>", *languages, *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", vocabulary["</s>"])]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        model_max_length=64,
        additional_special_tokens=list(languages),
    )
    fast.save_pretrained(folder)
    return fast


def make_marian(folder: Path, *, steps: int = 0, seed: int = 0) -> Path:
    """Write a tiny Marian, trained for some steps to translate words and swap adjectives."""
    import torch
    from transformers import MarianConfig, MarianMTModel

    torch.manual_seed(seed)
    tokenizer = make_tokenizer(folder)
    config = MarianConfig(
        vocab_size=len(tokenizer),
        d_model=64,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=128,
        decoder_ffn_dim=128,
        max_position_embeddings=64,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
        forced_eos_token_id=None,
        dropout=0.0,
        scale_embedding=True,
        init_std=0.1,
    )
    model = MarianMTModel(config)
    if steps:
        _train(model, tokenizer, steps)
    model.generation_config.num_beams = 2
    model.save_pretrained(folder)
    return folder


def sentences(n, seed):
    """Pairs of a toy grammar: nouns, some with an adjective behind, joined by small words."""
    import random

    draw = random.Random(seed)
    pairs = []
    for _ in range(n):
        source, target = [], []
        for _ in range(draw.randint(1, 3)):
            noun = draw.choice(["fiebre", "tos", "disnea"])
            adjective = draw.choice([None, "alta", "seca"])
            source += [noun] + ([adjective] if adjective else [])
            target += ([WORDS[adjective]] if adjective else []) + [WORDS[noun]]
            joint = draw.choice(["y", "sin", "con"])
            source.append(joint)
            target.append(WORDS[joint])
        pairs.append((" ".join(source[:-1]), " ".join(target[:-1])))
    return pairs


def _train(model, tokenizer, steps):
    import torch

    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, steps)
    model.train()
    for step in range(steps):
        pairs = sentences(32, step)
        inputs = tokenizer([one for one, _ in pairs], return_tensors="pt", padding=True)
        labels = tokenizer([two for _, two in pairs], return_tensors="pt", padding=True)[
            "input_ids"
        ]
        labels[labels == tokenizer.pad_token_id] = -100
        loss = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], labels=labels
        ).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    model.eval()


def make_m2m(folder: Path, *, seed: int = 0) -> Path:
    """Write a tiny random M2M100 with the tokenizer of NLLB, which has language codes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizerFast

    torch.manual_seed(seed)
    letters = sorted({char for word in (*WORDS, *WORDS.values()) for char in word} | {"\u2581"})
    vocabulary = {
        piece: n for n, piece in enumerate(["<s>", "<pad>", "</s>", "<unk>", *LANGUAGES, *letters])
    }
    backend = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Metaspace()
    tokenizer = NllbTokenizerFast(
        tokenizer_object=backend, additional_special_tokens=list(LANGUAGES), model_max_length=64
    )
    tokenizer.save_pretrained(folder)
    config = M2M100Config(
        vocab_size=len(tokenizer),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_position_embeddings=64,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        decoder_start_token_id=2,
    )
    M2M100ForConditionalGeneration(config).save_pretrained(folder)
    return folder
