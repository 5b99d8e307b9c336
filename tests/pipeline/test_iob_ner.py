"""`iob_ner`, softmax and CRF: learning, partial gold, confidence, bad input, the ready config."""

from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.tokens.underscore import Underscore
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.util import load_config, registry
from thinc.api import Adam, fix_random_seed

from spacy_clintl.errors import ClintlError
from spacy_clintl.models.crf import entity_probabilities, get_chain
from spacy_clintl.models.iob import iob2_chain
from spacy_clintl.models.iob_tagger import iob_tagger_v1
from spacy_clintl.pipeline.iob_ner import IobEntityRecognizer, Tagging
from tests.encoders import make_wordpiece_bert

CONFIG = Path(__file__).parents[2] / "configs" / "tagger_en.cfg"
NOTES = [
    ("take aspirin twice daily", [(1, 2, "DRUG"), (2, 4, "FREQUENCY")]),
    ("no drugs today", []),
    ("ibuprofen daily for pain", [(0, 1, "DRUG"), (1, 2, "FREQUENCY")]),
    ("sodium chloride and aspirin", [(0, 2, "DRUG"), (3, 4, "DRUG")]),
]
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
CRF = pytest.mark.parametrize("crf", [False, True], ids=["softmax", "crf"])


@pytest.fixture(autouse=True)
def own_extensions():
    kept = dict(Underscore.span_extensions)
    Underscore.span_extensions.pop("confidence", None)
    yield
    Underscore.span_extensions.clear()
    Underscore.span_extensions.update(kept)


def reference(vocab, text, spans, **settings):
    doc = Doc(vocab, words=text.split())
    if spans is not None:
        doc.set_ents([Span(doc, *span) for span in spans], **settings)
    return doc


def examples_for(nlp, notes=NOTES, **settings):
    references = [reference(nlp.vocab, *note, **settings) for note in notes]
    return [Example(Doc(nlp.vocab, words=[t.text for t in r]), r) for r in references]


def build(crf, notes=NOTES, **settings):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy_clintl.IobTagger.v1", "crf": crf, "tok2vec": TOK2VEC}
    nlp.add_pipe("iob_ner", config={"model": model, **settings})
    nlp.initialize(lambda: examples_for(nlp, notes))
    return nlp


def train(nlp, steps=40, **settings):
    optimizer = Adam(0.01)
    losses = {}
    for _ in range(steps):
        losses = {}
        nlp.update(examples_for(nlp, **settings), sgd=optimizer, losses=losses)
    return losses["iob_ner"]


def weights(nlp):
    return weights_of(nlp.get_pipe("iob_ner").model)


def weights_of(model):
    return [node.get_param(name).copy() for node in model.walk() for name in node.param_names]


def same(one, two):
    return all((a == b).all() for a, b in zip(one, two, strict=True))


def entities(docs):
    return [[(e.start, e.end, e.label_) for e in doc.ents] for doc in docs]


def confidences(docs):
    return [[e._.confidence for e in doc.ents] for doc in docs]


TEXTS = [text for text, _ in NOTES]


def test_blocked_tokens_get_no_entity():
    nlp = spacy.blank("en")
    tagger = nlp.add_pipe("iob_ner")
    tagger.add_label("DRUG")
    tagger.cfg["labels"], tagger.cfg["waiting"] = ["DRUG"], []
    doc = nlp.make_doc("take aspirin and ibuprofen")
    doc.set_ents([], blocked=[doc[1:2]])
    tagger.set_annotations([doc], [Tagging(np.array([0, 1, 0, 1]))])
    assert [entity.text for entity in doc.ents] == ["ibuprofen"]
    tagger.set_annotations([doc], [Tagging(np.array([0, 1, 0, 1]))])
    assert doc[1].ent_iob == 3
    assert not doc[1].ent_type


@CRF
def test_learns_and_is_saved(crf, tmp_path):
    nlp = build(crf)
    assert train(nlp, steps=1) > train(nlp)
    assert nlp.evaluate(examples_for(nlp))["ents_f"] == 1.0
    docs = list(nlp.pipe(TEXTS))
    assert entities(docs) == [spans for _, spans in NOTES]
    nlp.to_disk(tmp_path / "saved")
    for again in (spacy.load(tmp_path / "saved"), build(crf).from_bytes(nlp.to_bytes())):
        assert same(weights(nlp), weights(again))
        assert confidences(again.pipe(TEXTS)) == confidences(docs)
    assert same(weights(nlp), weights_of(nlp.get_pipe("iob_ner").model.copy()))
    sourced = spacy.blank("en")
    sourced.add_pipe("iob_ner", source=spacy.load(tmp_path / "saved"), name="drugs")
    assert confidences(sourced.pipe(TEXTS)) == confidences(docs)
    # Going on from what was saved.
    loaded = spacy.load(tmp_path / "saved")
    before = weights(loaded)
    train(loaded, steps=1)
    assert not same(before, weights(loaded))


def test_transitions_learn_and_stay_valid():
    nlp = build(crf=True)
    train(nlp)
    layer = nlp.get_pipe("iob_ner").model.get_ref("crf")
    transitions = layer.get_param("transitions")
    forbidden = np.isinf(iob2_chain(5).transitions)
    assert not transitions[forbidden].any()
    assert transitions[~forbidden].all()
    # FREQUENCY follows DRUG, and not the other way round.
    assert transitions[1, 3] > transitions[3, 1]


def test_pipeline_saved_without_crf_or_confidence(tmp_path):
    nlp = build(crf=False)
    train(nlp)
    expected = entities(nlp.pipe(TEXTS))
    nlp.to_disk(tmp_path / "old")
    config = load_config(tmp_path / "old" / "config.cfg")
    del config["components"]["iob_ner"]["confidence"]
    del config["components"]["iob_ner"]["model"]["crf"]
    config.to_disk(tmp_path / "old" / "config.cfg")
    assert entities(spacy.load(tmp_path / "old").pipe(TEXTS)) == expected


@CRF
def test_learns_from_parts(crf):
    """Of each note only a part is annotated; what is not known elsewhere is no O."""
    nlp = build(crf)
    notes = [("take aspirin twice daily", [(1, 2, "DRUG")]), *NOTES[1:]]
    examples = examples_for(nlp, notes)
    doc = examples[0].reference
    doc.set_ents([doc.ents[0]], missing=[doc[2:4]])
    optimizer = Adam(0.01)
    twice = examples_for(nlp, [("twice daily", [(0, 2, "FREQUENCY")])])
    for _ in range(40):
        nlp.update([*examples, *twice], sgd=optimizer)
    assert entities([nlp("take aspirin twice daily")]) == [NOTES[0][1]]


@CRF
def test_without_gold_nothing_moves(crf):
    nlp = build(crf)
    train(nlp, steps=3)
    before = weights(nlp)
    unknown = examples_for(nlp, [(text, None) for text, _ in NOTES])
    losses = nlp.update(unknown, sgd=Adam(0.01, L2=0.1))
    assert losses["iob_ner"] == 0.0
    assert same(before, weights(nlp))
    empty = [Example(nlp.make_doc(""), nlp.make_doc(""))]
    assert nlp.update(empty, sgd=Adam(0.01))["iob_ner"] == 0.0
    assert same(before, weights(nlp))
    # Beside others, a document without gold or without tokens changes neither loss nor gradients.
    pipe = nlp.get_pipe("iob_ner")

    def loss_of(examples):
        scores, backprop = pipe.model.begin_update([example.predicted for example in examples])
        loss, gradients = pipe.get_loss(examples, scores)
        backprop(gradients)
        return loss, gradients

    alone, gradients = loss_of(examples_for(nlp))
    mixed, more = loss_of([*examples_for(nlp), *unknown, *empty])
    assert mixed == pytest.approx(alone)
    assert not any(gradient.any() for gradient in more[len(NOTES) :])
    for one, two in zip(gradients, more):
        np.testing.assert_allclose(one, two, atol=1e-7)


@CRF
def test_loss_is_that_of_a_token(crf):
    """Twice the documents, the same loss; half the weight, half the loss and gradients."""
    results = []
    for weight, times in ((1.0, 1), (1.0, 2), (0.5, 1)):
        nlp = build(crf, loss_weight=weight)
        pipe = nlp.get_pipe("iob_ner")
        examples = examples_for(nlp) * times
        scores = pipe.model.predict([example.predicted for example in examples])
        loss, gradients = pipe.get_loss(examples, [0.1 * np.ones_like(rows) for rows in scores])
        start = pipe.model.get_ref("crf").get_grad("start").copy() if crf else None
        results.append((loss, np.concatenate(gradients), start))
    (loss, gradients, start), (twice, more, _), (half, less, half_start) = results
    assert twice == pytest.approx(loss)
    np.testing.assert_allclose(2 * more[: len(gradients)], gradients, rtol=1e-4, atol=1e-8)
    assert half == pytest.approx(loss / 2)
    np.testing.assert_allclose(2 * less, gradients, rtol=1e-4, atol=1e-8)
    if crf:
        np.testing.assert_allclose(2 * half_start, start, rtol=1e-4, atol=1e-8)
        # Fewer sequences are valid than there are: a little less than log(5) a token.
        assert 0.5 * np.log(5) < loss < np.log(5)
    else:
        assert loss == pytest.approx(np.log(5), abs=1e-5)


@CRF
def test_weight_of_zero_and_frozen(crf):
    nlp = build(crf, loss_weight=0.0)
    before = weights(nlp)
    assert train(nlp, steps=3) == 0.0
    assert same(before, weights(nlp))
    nlp = build(crf)
    before = weights(nlp)
    nlp.update(examples_for(nlp), sgd=Adam(0.01), exclude=["iob_ner"])
    with nlp.select_pipes(disable=["iob_ner"]):
        assert not nlp(TEXTS[0]).ents
        nlp.update(examples_for(nlp), sgd=Adam(0.01))
    assert same(before, weights(nlp))
    train(nlp, steps=1)
    assert not same(before, weights(nlp))


@CRF
def test_auxiliary_beside_a_classifier(crf):
    """Both learn from one tok2vec, each with its own weight; the tagger's part can be left out."""
    nlp = spacy.blank("en")
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32, "upstream": "tok2vec"}
    nlp.add_pipe("tok2vec", config={"model": TOK2VEC})
    textcat = {"@architectures": "spacy_clintl.MultiTaskTextCat.v1", "tok2vec": listener}
    tasks = {"d": {"exclusive": True}}
    nlp.add_pipe("multitask_textcat", config={"tasks": tasks, "model": textcat})
    model = {"@architectures": "spacy_clintl.IobTagger.v1", "crf": crf, "tok2vec": listener}
    nlp.add_pipe("iob_ner", config={"model": model, "loss_weight": 0.3})

    def examples():
        made = examples_for(nlp)
        for number, example in enumerate(made):
            example.reference.cats = {"d/a": float(number % 2), "d/b": float(number % 2 == 0)}
        return made

    nlp.initialize(examples)
    optimizer = Adam(0.01)
    for _ in range(60):
        nlp.update(examples(), sgd=optimizer)
    scores = nlp.evaluate(examples())
    assert scores["ents_f"] == 1.0
    assert scores["cats_d_macro_f"] == 1.0
    before = weights(nlp)
    with nlp.select_pipes(disable=["iob_ner"]):
        nlp.update(examples(), sgd=optimizer)
    assert same(before, weights(nlp))


@CRF
def test_confidence(crf):
    nlp = build(crf)
    train(nlp, steps=6)  # not yet sure
    pipe = nlp.get_pipe("iob_ner")
    docs = list(nlp.pipe(TEXTS))
    found = confidences(docs)
    assert any(found)
    assert all(type(value) is float and 0 < value < 1 for row in found for value in row)
    logits = pipe.model.predict([nlp.make_doc(text) for text in TEXTS])
    tags = [tagging.tags for tagging in pipe.predict([nlp.make_doc(text) for text in TEXTS])]
    chain = get_chain(pipe.model.get_ref("crf")) if crf else iob2_chain(5)
    for row, expected in zip(found, entity_probabilities(logits, tags, chain), strict=True):
        assert row == pytest.approx(expected.tolist(), abs=1e-5)
    train(nlp, steps=40)
    surer = confidences(nlp.pipe(TEXTS))
    assert np.mean([v for row in surer for v in row]) > np.mean([v for row in found for v in row])
    assert docs[0][:]._.confidence is None


def test_confidence_is_kept_with_the_document():
    nlp = build(crf=True)
    train(nlp)
    docs = list(nlp.pipe(TEXTS))
    expected = confidences(docs)
    assert all(len(row) == len(spans) for row, (_, spans) in zip(expected, NOTES))
    apart = list(nlp.pipe(TEXTS, n_process=2, batch_size=2))
    assert confidences(apart) == [pytest.approx(row, abs=1e-6) for row in expected]
    assert confidences(Doc(nlp.vocab).from_bytes(doc.to_bytes()) for doc in docs) == expected
    store = DocBin(store_user_data=True, docs=docs).to_bytes()
    assert confidences(DocBin().from_bytes(store).get_docs(nlp.vocab)) == expected
    without = DocBin().from_bytes(DocBin(docs=docs).to_bytes())
    assert not any(map(any, confidences(without.get_docs(nlp.vocab))))


def test_confidence_can_be_left_out():
    nlp = build(crf=False, confidence=False)
    train(nlp)
    doc = nlp(TEXTS[0])
    assert doc.ents
    assert not doc.user_data
    assert not Span.has_extension("confidence")


def test_extensions_of_users_stay():
    Span.set_extension("confidence", default=0.5)
    nlp = build(crf=False)
    train(nlp)
    assert Span.get_extension("confidence")[0] == 0.5
    doc = nlp(TEXTS[0])
    assert all(e._.confidence != 0.5 for e in doc.ents)
    assert doc[0:1]._.confidence == 0.5
    Span.set_extension("confidence", getter=len, force=True)
    with pytest.warns(UserWarning, match="CW341"):
        nlp = build(crf=False)
    train(nlp)
    doc = nlp(TEXTS[0])
    assert [e._.confidence for e in doc.ents] == [1, 2]
    assert not doc.user_data


def test_entities_set_before_stay():
    nlp = build(crf=False)
    pipe = nlp.get_pipe("iob_ner")

    def annotated(given):
        doc = nlp.make_doc("\n aspirin \n")
        doc.ents = [Span(doc, *span) for span in given]
        tags = np.array([1] + [2] * (len(doc) - 1))
        pipe.set_annotations([doc], [Tagging(tags, np.array([0.25]))])
        return doc

    doc = annotated([(1, 2, "GIVEN")])
    assert [(e.start, e.label_, e._.confidence) for e in doc.ents] == [(1, "GIVEN", None)]
    doc = annotated([])
    assert [(e.text, e._.confidence) for e in doc.ents] == [("aspirin", 0.25)]


@CRF
def test_documents_without_tokens(crf):
    nlp = build(crf)
    train(nlp)
    docs = list(nlp.pipe(["", TEXTS[0], " ", ""]))
    assert entities(docs)[1] == NOTES[0][1]
    assert not nlp("").ents
    assert nlp.get_pipe("iob_ner").predict([]) == []


@CRF
def test_long_document(crf):
    nlp = build(crf)
    train(nlp)
    text = " ".join([TEXTS[0]] * 1000)
    doc = nlp(text)
    assert len(doc.ents) > 1000
    assert all(0 <= e._.confidence <= 1 for e in doc.ents)
    spans = [(i + s, i + e, label) for i in range(0, 4000, 4) for s, e, label in NOTES[0][1]]
    losses = nlp.update(examples_for(nlp, [(text, spans)]), sgd=Adam(0.001))
    assert np.isfinite(losses["iob_ner"])


@CRF
def test_loss_that_is_not_a_number(crf):
    nlp = build(crf)
    examples = examples_for(nlp)
    for number, example in enumerate(examples[:3]):
        example.reference.user_data["id"] = f"note-{number}"
    output = nlp.get_pipe("iob_ner").model.get_ref("output_layer")
    output.set_param("b", output.get_param("b") * np.nan)
    with pytest.raises(ClintlError, match="CL337") as error:
        nlp.update(examples, sgd=Adam(0.01))
    message = str(error.value)
    assert "'iob_ner'" in message
    assert "note-0, note-1, note-2, (number 4, without id)" in message
    assert not any(word in message for text in TEXTS for word in text.split() if len(word) > 4)
    # Where the logits of one document are to blame, only that one is named.
    nlp = build(crf)
    pipe = nlp.get_pipe("iob_ner")
    scores = pipe.model.predict([example.predicted for example in examples])
    scores = [rows.copy() for rows in scores]
    scores[1][0, 0] = np.nan
    with pytest.raises(ClintlError, match=r": note-1\. "):
        pipe.get_loss(examples, scores)
    many = [examples[0]] * 25
    with pytest.raises(ClintlError, match="and 15 more"):
        pipe.get_loss(many, [scores[0] * np.nan] * 25)


def test_impossible_settings():
    with pytest.raises(ClintlError, match="CRF with one tag"):
        iob_tagger_v1(registry.resolve({"tok2vec": TOK2VEC})["tok2vec"], nO=1, crf=True)
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy_clintl.IobTagger.v1", "crf": True, "tok2vec": TOK2VEC}
    pipe = nlp.add_pipe("iob_ner", config={"model": model})
    with pytest.raises(ClintlError, match="CRF with one tag"):
        pipe.initialize(lambda: examples_for(nlp), labels=[])
    with pytest.raises(ClintlError, match="No training document"):
        pipe.initialize(lambda: examples_for(nlp, [("no drugs", [])]))
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("iob_ner", config={"model": {**model, "nO": 7}})
    with pytest.raises(ClintlError, match="2 labels need 5"):
        pipe.initialize(lambda: examples_for(nlp))
    with pytest.raises(ClintlError, match="loss_weight"):
        spacy.blank("en").add_pipe("iob_ner", config={"loss_weight": -1.0})
    for weight in (float("nan"), float("inf")):
        with pytest.raises(ClintlError, match="loss_weight"):
            IobEntityRecognizer(nlp.vocab, pipe.model, loss_weight=weight)


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """The ready config with a tiny encoder and corpus."""
    folder = tmp_path_factory.mktemp("ready")
    labels = load_config(CONFIG)["initialize"]["components"]["iob_ner"]["labels"]
    docs = [
        ("aspirin 100 mg daily for two weeks", [(0, 1, 0), (1, 3, 1), (3, 4, 2), (5, 7, 3)]),
        ("chest pain since this morning", [(0, 2, 4)]),
    ]
    vocab = spacy.blank("en").vocab
    store = DocBin()
    for text, spans in docs * 40:
        store.add(reference(vocab, text, [(s, e, labels[label]) for s, e, label in spans]))
    store.to_disk(folder / "notes.spacy")
    return {
        "paths.encoder": str(make_wordpiece_bert(folder / "encoder")),
        "paths.train": str(folder / "notes.spacy"),
        "paths.dev": str(folder / "notes.spacy"),
        "components.transformer.model.window": 128,
        "training.max_steps": 20,
        "training.eval_frequency": 10,
    }


def test_ready_config_has_the_settings_of_the_paper():
    config = load_config(CONFIG, interpolate=True)
    training = registry.resolve({"training": config["training"]})["training"]
    assert config["components"]["transformer"]["model"]["window"] == 512
    assert config["components"]["iob_ner"]["model"]["dropout"] == 0.3
    assert training["dropout"] == 0.3
    assert training["max_epochs"] == 10
    assert [len(batch) for batch in training["batcher"](range(130))] == [64, 64, 2]
    optimizer = training["optimizer"]
    assert optimizer.L2 == 0.01
    assert optimizer.L2_is_weight_decay
    assert optimizer.b1 > 0
    rates = []
    for _ in range(training["max_steps"]):
        rates.append(optimizer.learn_rate)
        optimizer.step_schedules()
    assert max(rates) == pytest.approx(2e-5)
    assert rates.index(max(rates)) + 1 == training["max_steps"] // 10
    assert 0 < rates[-1] < 1e-6
    assert rates[0] < 1e-6
    assert len(config["initialize"]["components"]["iob_ner"]["labels"]) == 5


@CRF
def test_ready_config_trains(ready, crf, tmp_path):
    from spacy.cli.train import train as spacy_train

    overrides = {**ready, "components.iob_ner.model.crf": crf}
    spacy_train(CONFIG, tmp_path / "out", overrides=overrides)
    nlp = spacy.load(tmp_path / "out" / "model-last")
    assert len(nlp.get_pipe("iob_ner").labels) == 5
    assert nlp.get_pipe("iob_ner").model.has_ref("crf") == crf
    assert "ents_f" in nlp.meta["performance"]
    nlp("aspirin 100 mg daily")


def test_ready_config_learns(ready):
    """At a rate that suits a tiny encoder without pretraining."""
    nlp = init_nlp(load_config(CONFIG, overrides=ready, interpolate=False))
    gold = list(DocBin().from_disk(ready["paths.train"]).get_docs(nlp.vocab))[:2]
    optimizer = Adam(0.003)
    for _ in range(60):
        made = [Example(Doc(nlp.vocab, words=[t.text for t in doc]), doc) for doc in gold]
        nlp.update(made, sgd=optimizer)
    assert entities(nlp.pipe([doc.text for doc in gold])) == entities(gold)
