"""A plan of two small corpora: a task of categories, and entities in a group of spans."""

from pathlib import Path

import spacy
import srsly
from spacy.tokens import Doc, Span

from spacy_clintl.data.docbin import docbin_writer
from tests.encoders import make_wordpiece_bert

CONFIG = """
[paths]
encoder = null
train = null
dev = null

[system]
seed = 0

[nlp]
lang = "en"
pipeline = ["transformer","multitask_textcat","drugs_ner"]

[components]

[components.transformer]
factory = "transformer"

[components.transformer.model]
@architectures = "spacy_clintl.AdaptedTransformer.v1"
name = ${paths.encoder}

[components.multitask_textcat]
factory = "multitask_textcat"

[components.multitask_textcat.tasks]

[components.multitask_textcat.tasks.mood]
exclusive = true

[components.multitask_textcat.model]
@architectures = "spacy_clintl.MultiTaskTextCat.v1"

[components.multitask_textcat.model.tok2vec]
@architectures = "spacy-transformers.TransformerListener.v1"
pooling = {"@layers":"reduce_mean.v1"}

[components.drugs_ner]
factory = "iob_ner"
spans_key = "drugs"

[components.drugs_ner.model]
@architectures = "spacy_clintl.IobTagger.v1"

[components.drugs_ner.model.tok2vec]
@architectures = "spacy-transformers.TransformerListener.v1"
pooling = {"@layers":"reduce_mean.v1"}

[corpora]

[corpora.train]
@readers = "spacy_clintl.MixedCorpus.v1"
paths = ${paths.train}

[corpora.dev]
@readers = "spacy_clintl.MixedCorpus.v1"
paths = ${paths.dev}

[training]
train_corpus = "corpora.train"
dev_corpus = "corpora.dev"
seed = ${system.seed}
gpu_allocator = null
max_steps = 100
dropout = 0.1

[training.batcher]
@batchers = "spacy.batch_by_words.v1"
size = 60
tolerance = 0.2
discard_oversize = false

[training.optimizer]
@optimizers = "Adam.v1"
use_averages = false

[training.optimizer.learn_rate]
@schedules = "warmup_linear.v1"
initial_rate = 0.005
warmup_steps = 1
total_steps = ${training.max_steps}

[initialize]
"""
MOODS = {"low": "she is tired and cries", "high": "he laughs and sings", "even": "no change"}
DRUGS = ["aspirin", "metformin"]
N_TRAIN, N_DEV = 12, 6


def mood_doc(vocab, i):
    mood = list(MOODS)[i % 3]
    doc = Doc(vocab, words=["day", str(i), *MOODS[mood].split()])
    doc.cats = {f"mood/{name}": float(name == mood) for name in MOODS}
    return doc


def drug_doc(vocab, i):
    doc = Doc(vocab, words=["takes", DRUGS[i % 2], "since", str(i), "days"])
    doc.set_ents([Span(doc, 1, 2, "DRUG")] if i % 3 else [])
    return doc


def write_corpora(folder: Path) -> None:
    """Write {folder}/{train,dev}/{mood,drugs}.spacy; one mood of dev is not in train."""
    vocab = spacy.blank("en").vocab
    for part, n in (("train", N_TRAIN), ("dev", N_DEV)):
        for name, make in (("mood", mood_doc), ("drugs", drug_doc)):
            with docbin_writer(folder / part / f"{name}.spacy") as add:
                for i in range(n):
                    add(make(vocab, i))
                if (part, name) == ("dev", "mood"):
                    doc = mood_doc(vocab, n)
                    doc.cats["mood/mixed"], doc.cats["mood/low"] = 1.0, 0.0
                    add(doc)


def plan_of(folder: Path) -> dict:
    """Write corpora and a config to a folder; give the plan of two variants, to be changed."""
    write_corpora(folder)
    (folder / "plan.cfg").write_text(CONFIG, encoding="utf-8")

    def corpus(name, component, score, **more):
        paths = {part: str(folder / part / f"{name}.spacy") for part in ("train", "dev")}
        return {**paths, "component": component, "score": score, **more}

    def variant(corpora):
        overrides = {"paths.encoder": str(folder / "encoder")}
        return {"config": str(folder / "plan.cfg"), "overrides": overrides, "corpora": corpora}

    return {
        "settings": {"epochs": 2, "evaluations": 2},
        "corpora": {
            "mood": corpus("mood", "multitask_textcat", "cats_mood_macro_f", task="mood"),
            "drugs": corpus("drugs", "drugs_ner", "ents_f"),
        },
        "sizes": [1.0],
        "seeds": [0],
        "variants": {
            "both": variant("all"),
            "single": variant("each"),
        },
    }


def write_plan(folder: Path, plan: dict) -> Path:
    """Write a plan."""
    path = folder / "plan.yml"
    srsly.write_yaml(path, plan)
    return path


def make_encoder(folder: Path) -> None:
    make_wordpiece_bert(folder / "encoder", texts=[*MOODS.values(), *DRUGS])
