"""One encoder, two classifiers and a tagger: trained, saved, copied, moved."""

import multiprocessing
import shutil

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from thinc.api import Adam

from tests.encoders import make_wordpiece_bert

LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "pooling": {"@layers": "reduce_mean.v1"},
}
TASKS = {"diagnosis": {"exclusive": True}, "findings": {"exclusive": False}}
# Categories only, entities only, both.
NOTES = [
    ("the patient has fever and cough", {"diagnosis/flu": 1.0, "diagnosis/mi": 0.0}, None),
    ("chest pain since this morning", {"diagnosis/flu": 0.0, "diagnosis/mi": 1.0}, None),
    ("no fever today", {"findings/fever": 0.0, "findings/pain": 0.0}, []),
    ("fever and chest pain", {"findings/fever": 1.0, "findings/pain": 1.0}, None),
    ("take aspirin for the pain", None, [(1, 2, "DRUG"), (4, 5, "FINDING")]),
    ("aspirin and ibuprofen", None, [(0, 1, "DRUG"), (2, 3, "DRUG")]),
]


def build(folder, **settings):
    nlp = spacy.blank("en")
    model = {
        "@architectures": "spacy_clintl.AdaptedTransformer.v1",
        "name": str(folder),
        "precision": "fp32",
        "rate": 0.3,
        **settings,
    }
    nlp.add_pipe("transformer", config={"model": model})
    nlp.add_pipe(
        "multitask_textcat",
        config={
            "tasks": TASKS,
            "model": {"@architectures": "spacy_clintl.MultiTaskTextCat.v1", "tok2vec": LISTENER},
        },
    )
    nlp.add_pipe(
        "iob_ner",
        config={"model": {"@architectures": "spacy_clintl.IobTagger.v1", "tok2vec": LISTENER}},
    )
    return nlp


def reference(vocab, text, cats, spans):
    doc = Doc(vocab, words=text.split())
    if cats is not None:
        doc.cats = dict(cats)
    if spans is not None:
        doc.set_ents([Span(doc, *span) for span in spans], default="outside")
    return doc


def examples_for(nlp, notes=NOTES):
    references = [reference(nlp.vocab, *note) for note in notes]
    return [Example(Doc(nlp.vocab, words=[t.text for t in r]), r) for r in references]


def train(nlp, steps=40):
    examples = examples_for(nlp)
    nlp.initialize(lambda: examples)
    optimizer = Adam(0.01)
    losses = {}
    for _ in range(steps):
        losses = {}
        nlp.update(examples_for(nlp), sgd=optimizer, losses=losses)
    return losses


def snapshot(model):
    return [node.get_param(n).copy() for node in model.walk() for n in node.param_names]


def predictions(nlp, **settings):
    docs = nlp.pipe([text for text, *_ in NOTES], **settings)
    return [(d.cats, [(e.start, e.end, e.label_) for e in d.ents]) for d in docs]


def assert_same(one, two):
    for (cats, ents), (other_cats, other_ents) in zip(one, two, strict=True):
        assert ents == other_ents
        assert cats == pytest.approx(other_cats, abs=1e-5)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_wordpiece_bert(tmp_path_factory.mktemp("base") / "encoder")


@pytest.fixture(scope="module")
def trained(base, tmp_path_factory):
    nlp = build(base)
    train(nlp)
    folder = tmp_path_factory.mktemp("trained") / "pipeline"
    nlp.to_disk(folder)
    return folder


def test_learns_from_partly_labelled_documents(trained):
    nlp = spacy.load(trained)
    scores = nlp.evaluate(examples_for(nlp))
    assert scores["cats_diagnosis_macro_f"] == 1.0
    assert scores["cats_findings_macro_f"] == 1.0
    assert scores["ents_f"] == 1.0
    assert scores["cats_diagnosis_n"] == 2
    assert scores["cats_findings_n"] == 2


def test_batch_without_gold_leaves_heads_alone(base):
    nlp = build(base)
    train(nlp, steps=2)
    textcat, ner = nlp.get_pipe("multitask_textcat").model, nlp.get_pipe("iob_ner").model
    before = snapshot(textcat.layers[2]), snapshot(ner)
    only_diagnosis = examples_for(nlp, NOTES[:2])
    optimizer = Adam(0.01, L2=0.1)
    first = snapshot(textcat.layers[1])
    nlp.update(only_diagnosis, sgd=optimizer)
    assert any((a != b).any() for a, b in zip(first, snapshot(textcat.layers[1])))
    assert all((a == b).all() for a, b in zip(before[0], snapshot(textcat.layers[2])))
    assert all((a == b).all() for a, b in zip(before[1], snapshot(ner)))
    scores = nlp.evaluate(only_diagnosis)
    assert "cats_diagnosis_macro_f" in scores
    assert not [key for key in scores if key.startswith("cats_findings")]


def test_saved_pipeline_needs_no_base(trained, base, tmp_path):
    expected = predictions(spacy.load(trained))
    copied = make_wordpiece_bert(tmp_path / "own")
    nlp = build(copied)
    train(nlp, steps=3)
    nlp.to_disk(tmp_path / "saved")
    wanted = predictions(nlp)
    shutil.rmtree(copied)
    assert_same(wanted, predictions(spacy.load(tmp_path / "saved")))
    rebuilt = build(base).from_bytes(spacy.load(trained).to_bytes())
    assert_same(expected, predictions(rebuilt))


def test_several_processes(trained):
    nlp = spacy.load(trained)
    assert_same(predictions(nlp), predictions(nlp, n_process=2, batch_size=2))


@pytest.mark.parametrize("replaced", [False, True])
def test_several_processes_that_are_spawned(trained, monkeypatch, replaced):
    # As macOS and Windows do it: what a process needs is pickled.
    monkeypatch.setattr("spacy.language.mp", multiprocessing.get_context("spawn"))
    nlp = spacy.load(trained)
    if replaced:
        nlp.replace_listeners("transformer", "iob_ner", ["model.tok2vec"])
    assert_same(predictions(nlp), predictions(nlp, n_process=2, batch_size=2))


def test_replaced_listeners_survive_saving(trained, tmp_path):
    nlp = spacy.load(trained)
    expected = predictions(nlp)
    nlp.replace_listeners("transformer", "iob_ner", ["model.tok2vec"])
    assert_same(expected, predictions(nlp))
    nlp.to_disk(tmp_path / "replaced")
    assert_same(expected, predictions(spacy.load(tmp_path / "replaced")))
    encoders = [m for _, p in nlp.pipeline for m in p.model.walk() if m.name.startswith("adapted")]
    assert len({shim.id for encoder in encoders for shim in encoder.shims}) == 2
    # Both encoders learn, each for itself.
    nlp.update(examples_for(nlp), sgd=Adam(0.01))


def test_sourced_components(trained, tmp_path):
    source = spacy.load(trained)
    nlp = spacy.blank("en")
    for name in ("transformer", "iob_ner"):
        nlp.add_pipe(name, source=source)
    nlp.to_disk(tmp_path / "moved")
    texts = [text for text, *_ in NOTES]
    expected = [[e.text for e in doc.ents] for doc in source.pipe(texts)]
    moved = spacy.load(tmp_path / "moved")
    assert [[e.text for e in doc.ents] for doc in moved.pipe(texts)] == expected


def test_disabled_components(trained):
    nlp = spacy.load(trained)
    with nlp.select_pipes(disable=["multitask_textcat"]):
        doc = nlp("take aspirin")
        assert not doc.cats
        assert [e.label_ for e in doc.ents] == ["DRUG"]
    assert nlp("take aspirin").cats


def test_odd_documents(trained):
    nlp = spacy.load(trained)
    texts = [
        "",
        " ",
        "\n\n\t",
        "fever\u00a0and pain",
        "👩🏽‍⚕️ fe\u0301vre",
        "fever " * 700,
        "aspirin",
    ]
    docs = list(nlp.pipe(texts))
    assert [doc.text for doc in docs] == texts
    for doc in docs:
        assert set(doc.cats) == set(docs[-1].cats)
        assert all(np.isfinite(value) for value in doc.cats.values())
        assert not any(e[0].is_space or e[-1].is_space for e in doc.ents)
    for text in texts:
        assert nlp(text).cats == pytest.approx(docs[texts.index(text)].cats, abs=1e-4)


def test_trained_by_the_command(base, tmp_path):
    from spacy.cli.train import train as spacy_train

    nlp = build(base)
    store = DocBin(docs=[reference(nlp.vocab, *note) for note in NOTES])
    store.to_disk(tmp_path / "notes.spacy")
    config = nlp.config.copy()
    reader = {"@readers": "spacy_clintl.MixedCorpus.v1", "paths": [str(tmp_path / "notes.spacy")]}
    config["corpora"] = {"train": reader, "dev": reader}
    config["training"]["max_steps"] = 4
    config["training"]["eval_frequency"] = 2
    config["training"]["score_weights"] = {
        "ents_f": 0.5,
        "multitask_macro_f": 0.5,
        "cats_diagnosis_macro_f": 0.0,
    }
    config.to_disk(tmp_path / "config.cfg")
    spacy_train(tmp_path / "config.cfg", tmp_path / "out")
    meta = spacy.load(tmp_path / "out" / "model-best").meta
    assert "cats_diagnosis_macro_f" in meta["performance"]


def test_frozen_encoder_stays(base):
    nlp = build(base, freeze="all")
    train(nlp, steps=0)
    shim = nlp.get_pipe("transformer").model.shims[0]
    before = {k: v.clone() for k, v in shim._model.state_dict().items()}
    for _ in range(2):
        nlp.update(examples_for(nlp), sgd=Adam(0.01))
    assert all((v == before[k]).all() for k, v in shim._model.state_dict().items())
