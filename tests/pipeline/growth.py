"""What tests of growing pipelines share: heads of all kinds, documents, exact predictions."""

import spacy
from spacy.tokens import Span
from spacy.training import Example
from thinc.api import Adam, fix_random_seed

from spacy_clintl.pairs import join_pair


def head(architecture, **settings):
    return {"@architectures": f"spacy_clintl.{architecture}.v1", **settings}


HEADS = {
    "mean": head("LinearHead", dropout=0.0),
    "attention": head("LinearHead", pooling="attention", dropout=0.0),
    "labels": head("LabelAttentionHead", hidden_width=8, dropout=0.0),
    "lstm": head("CrossAttentionBiLSTMHead", hidden_width=8, dropout=0.0),
    "dependency": head("LabelDependency", head=head("LinearHead", dropout=0.0)),
    "pair": head("PairHead", hidden_width=8, dropout=0.0),
}
TOK2VEC = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "pretrained_vectors": None,
    "width": 32,
    "depth": 2,
    "embed_size": 500,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": True,
}
TEXTS = [
    join_pair("fever and cough since monday", "no fever"),
    join_pair("chest pain at rest", "pain"),
    join_pair("cough", "cough and pain"),
    join_pair("no complaints today", "well"),
]
ODD = [*TEXTS, "", " ", "pain", "fever " * 300]
# One label of each task, then the other; the new label of each comes from NEW.
OLD = [
    {"d/flu": 1.0, "d/mi": 0.0, "f/fever": 1.0, "f/pain": 0.0},
    {"d/flu": 0.0, "d/mi": 1.0, "f/fever": 0.0, "f/pain": 1.0},
]
NEW = {"d/copd": 1.0, "f/cough": 1.0}


def textcat(kind="mean", **tasks):
    """Build a pipeline with an exclusive task "d" and a multi-label task "f", not initialized."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    settings = {
        "d": {"exclusive": True, "head": HEADS[kind]},
        "f": {"exclusive": False, "head": HEADS[kind]},
    }
    model = {"@architectures": "spacy_clintl.MultiTaskTextCat.v1", "tok2vec": TOK2VEC}
    nlp.add_pipe("multitask_textcat", config={"tasks": {**settings, **tasks}, "model": model})
    return nlp


def cat_examples(nlp, cats, texts=TEXTS):
    examples = []
    for text, gold in zip(texts, cats):
        example = Example(nlp.make_doc(text), nlp.make_doc(text))
        example.reference.cats = dict(gold)
        examples.append(example)
    return examples


def tagger(crf):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy_clintl.IobTagger.v1", "crf": crf, "tok2vec": TOK2VEC}
    nlp.add_pipe("iob_ner", config={"model": model})
    return nlp


NOTES = [
    ("take aspirin twice daily", [(1, 2, "DRUG"), (2, 4, "FREQUENCY")]),
    ("no drugs today", []),
    ("ibuprofen daily for pain", [(0, 1, "DRUG"), (1, 2, "FREQUENCY")]),
]
DOSES = [("aspirin 100 mg daily", [(0, 1, "DRUG"), (1, 3, "DOSE"), (3, 4, "FREQUENCY")])]


def ent_examples(nlp, notes=NOTES):
    examples = []
    for text, spans in notes:
        example = Example(nlp.make_doc(text), nlp.make_doc(text))
        example.reference.set_ents([Span(example.reference, *span) for span in spans])
        examples.append(example)
    return examples


def train(nlp, examples, steps=1, optimizer=None):
    optimizer = optimizer or Adam(0.01)
    for _ in range(steps):
        losses = {}
        copies = [Example(nlp.make_doc(eg.text), eg.reference) for eg in examples]
        nlp.update(copies, sgd=optimizer, losses=losses)
    return losses


def cats_of(nlp, **settings):
    """Return exact categories of odd and even documents."""
    return [doc.cats for doc in nlp.pipe(ODD, **settings)]


def ents_of(nlp, texts=tuple(text for text, _ in (*NOTES, *DOSES)), **settings):
    """Return exact entities and confidences."""
    docs = nlp.pipe(list(texts), **settings)
    return [[(e.start, e.end, e.label_, e._.confidence) for e in doc.ents] for doc in docs]


def only(cats, keys):
    return [{key: value for key, value in each.items() if key in keys} for each in cats]
