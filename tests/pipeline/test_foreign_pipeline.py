"""Our components in a pipeline that someone else trained: what is theirs stays to the last bit."""

import warnings

import pytest
import spacy
from spacy.cli.train import train as spacy_train
from spacy.tokens import DocBin
from spacy.training import Example
from spacy.training.initialize import init_nlp
from thinc.api import Adam, Config, fix_random_seed

from tests.encoders import make_wordpiece_bert
from tests.pipeline.growth import TOK2VEC
from tests.pipeline.test_shared_encoder import build, examples_for

THEIRS = ("tok2vec", "tagger", "ner")
OURS = ("multitask_textcat", "iob_ner")
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32, "upstream": "tok2vec"}
TEXTS = ["Ann takes aspirin daily", "Bob has chest pain", "no drugs today", "", "Ann has pain"]
TAGS = [["PROPN", "VERB", "NOUN", "ADV"], ["PROPN", "VERB", "NOUN", "NOUN"]]
PEOPLE = [[(0, 3, "PERSON")], [(0, 3, "PERSON")]]
CATS = [{"topic/drug": 1.0}, {"topic/heart": 1.0}]
DRUGS = [[(10, 17, "DRUG")], []]


def their_pipeline():
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": TOK2VEC})
    nlp.add_pipe(
        "tagger", config={"model": {"@architectures": "spacy.Tagger.v2", "tok2vec": LISTENER}}
    )
    parser = {"@architectures": "spacy.TransitionBasedParser.v2", "state_type": "ner"}
    parser |= {"extra_state_tokens": False, "hidden_width": 16, "maxout_pieces": 2}
    nlp.add_pipe("ner", config={"model": {**parser, "use_upper": True, "tok2vec": LISTENER}})
    examples = [
        Example.from_dict(nlp.make_doc(text), {"tags": tags, "entities": people})
        for text, tags, people in zip(TEXTS, TAGS, PEOPLE)
    ]
    nlp.initialize(lambda: examples)
    optimizer = Adam(0.01)
    for _ in range(30):
        nlp.update(examples, sgd=optimizer)
    return nlp


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    folder = tmp_path_factory.mktemp("foreign") / "pipeline"
    nlp = their_pipeline()
    assert [(e.text, e.label_) for e in nlp(TEXTS[0]).ents] == [("Ann", "PERSON")]
    nlp.to_disk(folder)
    return folder


def our_settings(tok2vec):
    tagger = {"@architectures": "spacy_clintl.IobTagger.v1", "tok2vec": tok2vec}
    textcat = {"@architectures": "spacy_clintl.MultiTaskTextCat.v1", "tok2vec": tok2vec}
    return {
        "multitask_textcat": {"tasks": {"topic": {"exclusive": True}}, "model": textcat},
        "iob_ner": {"model": tagger},
    }


def our_examples(nlp):
    return [
        Example.from_dict(nlp.make_doc(text), {"cats": cats, "entities": drugs})
        for text, cats, drugs in zip(TEXTS, CATS, DRUGS)
    ]


def weights_of(nlp, names=THEIRS):
    return {
        (name, number, param): node.get_param(param).tobytes()
        for name in names
        for number, node in enumerate(nlp.get_pipe(name).model.walk())
        for param in node.param_names
        if node.has_param(param)
    }


def what_they_say(nlp):
    docs = nlp.pipe(TEXTS)
    people = [[(e.start, e.end) for e in doc.ents if e.label_ == "PERSON"] for doc in docs]
    return people, [(doc.tensor.tolist(), [t.tag_ for t in doc]) for doc in nlp.pipe(TEXTS)]


def assert_ours_learned(nlp):
    doc = nlp(TEXTS[0])
    assert {(e.text, e.label_) for e in doc.ents} == {("Ann", "PERSON"), ("aspirin", "DRUG")}
    assert doc.cats["topic/drug"] > 0.9
    assert nlp(TEXTS[1]).cats["topic/heart"] > 0.9


@pytest.mark.parametrize("way", ["left out", "disabled", "listening"])
def test_added_in_python(foreign, way, tmp_path):
    nlp = spacy.load(foreign)
    theirs, said = weights_of(nlp), what_they_say(nlp)
    for name, settings in our_settings(LISTENER if way == "listening" else TOK2VEC).items():
        nlp.add_pipe(name, config=settings)
    examples = our_examples(nlp)
    with nlp.select_pipes(enable=OURS):
        nlp.initialize(lambda: examples)
    assert weights_of(nlp) == theirs
    optimizer = Adam(0.01)
    for _ in range(40):
        if way == "disabled":
            with nlp.select_pipes(enable=OURS):
                nlp.update(examples, sgd=optimizer)
        else:
            # A frozen tok2vec gives its vectors if it annotates.
            annotates = ["tok2vec"] if way == "listening" else []
            nlp.update(examples, sgd=optimizer, exclude=THEIRS, annotates=annotates)
    assert weights_of(nlp) == theirs
    assert what_they_say(nlp) == said
    assert_ours_learned(nlp)
    nlp.to_disk(tmp_path / "saved")
    loaded = spacy.load(tmp_path / "saved")
    assert weights_of(loaded) == theirs
    assert what_they_say(loaded) == said
    assert_ours_learned(loaded)


@pytest.mark.parametrize("listens", [False, True])
def test_added_by_the_command(foreign, listens, tmp_path):
    theirs, said = weights_of(spacy.load(foreign)), what_they_say(spacy.load(foreign))
    blank = spacy.blank("en")
    docs = [example.reference for example in our_examples(blank)]
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "train.spacy")
    corpus = {"@readers": "spacy_clintl.MixedCorpus.v1", "paths": [str(tmp_path / "train.spacy")]}
    config = Config(
        {
            "nlp": {"lang": "en", "pipeline": [*THEIRS, *OURS]},
            "components": {
                **{name: {"source": str(foreign)} for name in THEIRS},
                **{
                    name: {"factory": name, **settings}
                    for name, settings in our_settings(LISTENER if listens else TOK2VEC).items()
                },
            },
            "corpora": {"train": corpus, "dev": corpus},
            "training": {
                "seed": 0,
                "gpu_allocator": None,
                "max_steps": 40,
                "eval_frequency": 40,
                "dropout": 0.0,
                "frozen_components": list(THEIRS),
                "annotating_components": ["tok2vec"],
                "optimizer": {"@optimizers": "Adam.v1", "learn_rate": 0.01, "use_averages": False},
                "batcher": {"@batchers": "spacy.batch_by_sequence.v1", "size": 8},
            },
        }
    )
    config.to_disk(tmp_path / "config.cfg")
    spacy_train(tmp_path / "config.cfg", tmp_path / "out")
    nlp = spacy.load(tmp_path / "out" / "model-last")
    assert weights_of(nlp) == theirs
    assert what_they_say(nlp) == said
    assert_ours_learned(nlp)


def encoder_moves(nlp, exclude=(), steps=8):
    encoder = nlp.get_pipe("transformer").model
    before = encoder.to_bytes()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(steps):
            nlp.update(examples_for(nlp), sgd=Adam(0.01), exclude=exclude)
    said = [str(w.message) for w in caught if "CW498" in str(w.message)]
    return encoder.to_bytes() != before, said


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    nlp = build(make_wordpiece_bert(tmp_path_factory.mktemp("base") / "encoder"))
    examples = examples_for(nlp)
    nlp.initialize(lambda: examples)
    folder = tmp_path_factory.mktemp("shared") / "pipeline"
    nlp.to_disk(folder)
    return folder


def test_last_listener_must_be_trained(shared):
    # That of the component which stands last in the pipeline sends the gradients of all.
    assert encoder_moves(spacy.load(shared), exclude=["multitask_textcat"]) == (True, [])
    moves, said = encoder_moves(spacy.load(shared), exclude=["iob_ner"])
    assert not moves
    assert len(said) == 1
    assert "loss_weight = 0" in said[0]
    nlp = spacy.load(shared)
    nlp.replace_listeners("transformer", "iob_ner", ["model.tok2vec"])
    before = weights_of(nlp, ["iob_ner"])
    assert encoder_moves(nlp, exclude=["iob_ner"]) == (True, [])
    assert weights_of(nlp, ["iob_ner"]) == before


def test_disabled_listener_counts_if_disabled_after_linking(shared):
    nlp = spacy.load(shared)
    with nlp.select_pipes(disable=["iob_ner"]):
        assert not encoder_moves(nlp)[0]
    nlp = spacy.load(shared, disable=["iob_ner"])
    assert encoder_moves(nlp) == (True, [])
    nlp = spacy.load(shared, exclude=["iob_ner"])
    assert encoder_moves(nlp) == (True, [])


def test_weight_of_zero_freezes_a_head_without_stopping_the_encoder(shared):
    nlp = spacy.load(shared)
    nlp.get_pipe("iob_ner").loss_weight = 0.0
    before = weights_of(nlp, ["iob_ner"])
    assert encoder_moves(nlp) == (True, [])
    assert weights_of(nlp, ["iob_ner"]) == before
    nlp = spacy.load(shared)
    nlp.get_pipe("iob_ner").loss_weight = 0.0
    for task in nlp.get_pipe("multitask_textcat").tasks.values():
        task.weight = 0.0
    before = weights_of(nlp, OURS)
    encoder_moves(nlp)
    assert weights_of(nlp, OURS) == before


def test_frozen_encoder_is_not_complained_of(shared):
    nlp = spacy.load(shared, config={"components.transformer.model.freeze": "all"})
    assert encoder_moves(nlp, exclude=["iob_ner"]) == (False, [])


def test_init_links_frozen_listeners_too(shared):
    """What `spacy train` does: a frozen component still listens if the encoder is sourced."""
    sourced = {name: {"source": str(shared)} for name in ("transformer", *OURS)}
    corpus = {"@readers": "spacy_clintl.MixedCorpus.v1", "paths": ["none.spacy"]}
    training = {"seed": 0, "gpu_allocator": None, "frozen_components": ["iob_ner"]}
    config = {
        "nlp": {"lang": "en", "pipeline": list(sourced)},
        "components": sourced,
        "corpora": {"train": corpus, "dev": corpus},
        "training": training,
    }
    nlp = init_nlp(Config(config))
    assert nlp.get_pipe("transformer").listening_components == list(OURS)
