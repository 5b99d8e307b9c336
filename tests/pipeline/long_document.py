"""One update on, and prediction of, one very long document, in a process of its own.

Prints JSON: what grew by how much, what learned, and which heads see which parts of the document.
"""

import json
import resource
import sys
from pathlib import Path

import numpy as np
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import Adam, fix_random_seed

from tests.encoders import make_wordpiece_bert
from tests.pipeline.growth import head

LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "pooling": {"@layers": "reduce_mean.v1"},
}
HEADS = {
    **{pooling: head("LinearHead", pooling=pooling) for pooling in ("mean", "max", "first")},
    "attention": head("LinearHead", pooling="attention"),
    "labels": head("LabelAttentionHead", hidden_width=16),
    "lstm": head("CrossAttentionBiLSTMHead", hidden_width=16),
    "pair": head("PairHead", hidden_width=16),
    "dependency": head("LabelDependency", head=head("LinearHead")),
    "reads": head("ReadsTasks", head=head("LinearHead"), tasks=["mean"]),
}
WORDS = [
    "the",
    "patient",
    "takes",
    "aspirin",
    "and",
    "has",
    "no",
    "fever",
    "since",
    "monday",
    ";",
    "pain",
    "in",
    "his",
    "chest",
]
SECOND = ["\u2029", *["he", "has", "no", "pain"]]


def build(folder):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    encoder = {
        "@architectures": "spacy_clintl.AdaptedTransformer.v1",
        "name": str(make_wordpiece_bert(folder)),
        "overlap": 16,
    }
    nlp.add_pipe("transformer", config={"model": encoder})
    textcat = {"@architectures": "spacy_clintl.MultiTaskTextCat.v1", "tok2vec": LISTENER}
    tasks = {name: {"head": settings} for name, settings in HEADS.items()}
    nlp.add_pipe("multitask_textcat", config={"tasks": tasks, "model": textcat})
    for name, crf in (("iob_ner", False), ("iob_crf", True)):
        tagger = {"@architectures": "spacy_clintl.IobTagger.v1", "tok2vec": LISTENER, "crf": crf}
        nlp.add_pipe("iob_ner", name=name, config={"model": tagger})
    examples = [example(nlp, 100)]
    labels = {task: ["yes", "no"] for task in HEADS}
    nlp.config["initialize"]["components"] = {"multitask_textcat": {"labels": labels}}
    nlp.initialize(lambda: examples)
    return nlp


def words_of(n_tokens, changed=None):
    """Return the words of a pair of texts. A hundred of them can be changed: the first, those in
    the middle or the last of its first side."""
    words = [WORDS[i % len(WORDS)] for i in range(n_tokens - len(SECOND))]
    starts = {"beginning": 0, "middle": len(words) // 2, "end": len(words) - 100}
    if changed is not None:
        start = starts[changed]
        words[start : start + 100] = ["zyx", "7!"] * 50
    return [*words, *SECOND]


def example(nlp, n_tokens):
    words = words_of(n_tokens)
    reference = Doc(nlp.vocab, words=words)
    reference.cats = {f"{task}/yes": 1.0 for task in HEADS}
    drugs = [i for i, word in enumerate(words) if word == "aspirin"]
    reference.set_ents([Span(reference, i, i + 1, "DRUG") for i in drugs], default="outside")
    return Example(Doc(nlp.vocab, words=words), reference)


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def snapshot(nlp):
    return {
        name: [part.to_bytes() for part in (pipe.model.layers[1:] or [pipe.model])]
        for name, pipe in nlp.pipeline
    }


def main(folder, n_tokens):
    nlp = build(folder)
    optimizer = Adam(0.001)
    # What libraries take at their first use does not count.
    nlp.update([example(nlp, 200)], sgd=optimizer)
    nlp(Doc(nlp.vocab, words=words_of(200)))
    before, weights = peak(), snapshot(nlp)
    losses = nlp.update([example(nlp, n_tokens)], sgd=False)
    for _, pipe in nlp.pipeline:
        pipe.finish_update(optimizer)
    trained, after = peak(), snapshot(nlp)
    doc = nlp(Doc(nlp.vocab, words=words_of(n_tokens)))
    predicted = peak()
    seen = {}
    textcat = nlp.get_pipe("multitask_textcat")
    docs = {part: words_of(n_tokens, part) for part in (None, "beginning", "middle", "end")}
    logits = {}
    for part, words in docs.items():
        changed = nlp.get_pipe("transformer")(Doc(nlp.vocab, words=words))
        logits[part] = textcat.model.predict([changed])
    for task in HEADS:
        seen[task] = [
            part
            for part in ("beginning", "middle", "end")
            if not np.array_equal(logits[part][task], logits[None][task])
        ]
    tags = [len(nlp.get_pipe(name).predict([doc])[0].tags) for name in ("iob_ner", "iob_crf")]
    result = {
        "training": trained - before,
        "prediction": predicted - before,
        "losses": {name: float(value) for name, value in losses.items()},
        "learned": {
            name: [one != two for one, two in zip(weights[name], after[name])] for name in weights
        },
        "cats": doc.cats,
        "tags": tags,
        "seen": seen,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
