"""`iob_ner` with `spans_key`: two schemata in one pipeline, each learned from its own documents."""

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.util import load_model_from_path
from thinc.api import Adam, Config, fix_random_seed

from spacy_clintl.errors import ClintlError
from spacy_clintl.models.iob import gold_tags
from tests.pipeline.test_iob_ner import TOK2VEC, same, weights_of

# The same words are entities under one schema and none, or another one, under the other.
GOLD = {
    "drugs": [("take aspirin daily", [(1, 2, "DRUG")]), ("no cough today", [])],
    "signs": [("take aspirin now", []), ("no cough daily", [(1, 2, "SIGN"), (2, 3, "TIME")])],
}


def examples_for(nlp):
    for key, notes in GOLD.items():
        for text, spans in notes:
            doc = nlp.make_doc(text)
            doc.spans[key] = [Span(doc, *span) for span in spans]
            yield Example(nlp.make_doc(text), doc)


def build():
    fix_random_seed(0)
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy_clintl.IobTagger.v1", "tok2vec": TOK2VEC}
    for key in GOLD:
        nlp.add_pipe("iob_ner", name=key, config={"model": model, "spans_key": key})
    nlp.initialize(lambda: list(examples_for(nlp)))
    return nlp


def found(doc, key):
    return [(span.start, span.end, span.label_) for span in doc.spans[key]]


def test_scores_choose_the_best_model_and_are_in_the_meta():
    weights = build().config["training"]["score_weights"]
    # Nothing sets doc.ents: its weight goes to the taggers of groups.
    assert weights["spans_drugs_f"] == weights["spans_signs_f"] == 0.5
    assert not weights["ents_f"]
    assert "spans_drugs_per_type" in weights
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler")
    nlp.add_pipe("iob_ner", name="drugs", config={"spans_key": "drugs"})
    nlp.initialize(lambda: list(examples_for(nlp)))
    weights = nlp.config["training"]["score_weights"]
    assert weights["ents_f"] == 1.0
    assert weights["spans_drugs_f"] is None


def resumed(folder, **changes):
    """Build a pipeline as `spacy train` does whose components are sourced."""
    nlp = build()
    nlp.to_disk(folder / "trained")
    DocBin(docs=[eg.reference for eg in examples_for(nlp)]).to_disk(folder / "notes.spacy")
    corpus = {"@readers": "spacy.Corpus.v1", "path": str(folder / "notes.spacy")}
    config = {
        "nlp": {"lang": "en", "pipeline": ["drugs", "signs"]},
        "components": {key: {"source": str(folder / "trained")} for key in GOLD},
        "corpora": {"train": corpus, "dev": corpus},
        "training": {
            "train_corpus": "corpora.train",
            "dev_corpus": "corpora.dev",
            "seed": 0,
            "gpu_allocator": None,
        },
        **changes,
    }
    return init_nlp(Config(config))


def test_a_resumed_pipeline_is_chosen_by_its_scores(tmp_path):
    grow = {"@callbacks": "spacy_clintl.Grow.v1", "components": {"drugs": {"labels": ["DOSE"]}}}
    nlp = resumed(tmp_path, initialize={"after_init": grow})
    weights = nlp.config["training"]["score_weights"]
    assert weights["spans_drugs_f"] == weights["spans_signs_f"] == 0.5
    assert not weights["ents_f"]
    assert weights["spans_drugs_per_type"] is None
    # Beside a component that is new, too.
    components = {key: {"source": str(tmp_path / "trained")} for key in GOLD}
    components["signs"] = {"factory": "iob_ner", "spans_key": "signs"}
    weights = resumed(tmp_path, components=components).config["training"]["score_weights"]
    assert weights["spans_drugs_f"] == weights["spans_signs_f"] == 0.5


def test_a_resumed_tagger_of_entities_keeps_its_weight(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("iob_ner")
    doc = nlp.make_doc("take aspirin daily")
    doc.ents = [Span(doc, 1, 2, "DRUG")]
    nlp.initialize(lambda: [Example(nlp.make_doc(doc.text), doc)])
    nlp.to_disk(tmp_path / "entities")
    # The tagger of entities is disabled while the other one is initialized.
    nlp = resumed(
        tmp_path,
        nlp={"lang": "en", "pipeline": ["iob_ner", "signs"]},
        components={
            "iob_ner": {"source": str(tmp_path / "entities")},
            "signs": {"factory": "iob_ner", "spans_key": "signs"},
        },
    )
    weights = nlp.config["training"]["score_weights"]
    assert weights["ents_f"] == 1.0
    assert weights["spans_signs_f"] is None


def test_a_span_without_tokens_is_no_entity():
    nlp = spacy.blank("en")
    doc = nlp.make_doc("take aspirin daily")
    doc.spans["drugs"] = [Span(doc, 1, 1, "DRUG"), Span(doc, 1, 2, "DRUG")]
    for words in (["take", "aspirin", "daily"], ["take", "asp", "irin", "daily"]):
        spaces = [word != "asp" for word in words[:-1]] + [False]
        example = Example(Doc(nlp.vocab, words=words, spaces=spaces), doc)
        tags = gold_tags(example, ["DRUG"], "drugs").tolist()
        assert tags == ([0, 1, 0] if len(words) == 3 else [0, 1, 2, 0])


def test_two_schemata(tmp_path):
    nlp = build()
    assert nlp.get_pipe("drugs").labels == ("DRUG",)
    assert nlp.get_pipe("signs").labels == ("SIGN", "TIME")
    optimizer = Adam(0.01)
    for _ in range(40):
        nlp.update(list(examples_for(nlp)), sgd=optimizer)
    scores = nlp.evaluate(list(examples_for(nlp)))
    assert scores["spans_drugs_f"] == scores["spans_signs_f"] == 1.0
    # Documents without the group are not scored: 'cough daily' is no false alarm of the drugs.
    assert set(scores["spans_signs_per_type"]) == {"SIGN", "TIME"}
    doc = nlp("no cough daily")
    assert found(doc, "signs") == [(1, 2, "SIGN"), (2, 3, "TIME")]
    assert not doc.ents
    assert len(doc.spans["signs"].attrs["scores"]) == 2
    assert all(0 < score <= 1 for score in doc.spans["signs"].attrs["scores"])
    nlp.to_disk(tmp_path)
    again = load_model_from_path(tmp_path)("no cough daily")
    assert found(again, "signs") == found(doc, "signs")
    assert Doc(again.vocab).from_bytes(again.to_bytes()).spans["signs"].attrs["scores"]


def test_other_tagger_is_left_alone():
    nlp = build()
    only = [eg for eg in examples_for(nlp) if "drugs" in eg.reference.spans]
    before = {key: weights_of(nlp.get_pipe(key).model) for key in GOLD}
    nlp.update(only, sgd=Adam(0.01))
    assert same(weights_of(nlp.get_pipe("signs").model), before["signs"])
    assert not same(weights_of(nlp.get_pipe("drugs").model), before["drugs"])


def test_group_that_no_document_has():
    nlp = spacy.blank("en")
    nlp.add_pipe("iob_ner", config={"spans_key": "other"})
    with pytest.raises(ClintlError, match=r"CL320.*spans\['other'\]"):
        nlp.initialize(lambda: list(examples_for(nlp)))
