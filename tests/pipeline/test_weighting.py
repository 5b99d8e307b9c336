"""Tasks against each other in training: learned weights, frozen heads, heads that are warmed up."""

import io
import json
import random
from collections import defaultdict

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import SGD, Adam, Model, fix_random_seed

from spacy_clintl.errors import ClintlError
from spacy_clintl.models.weighting import (
    Weighting,
    make_dynamic_weight_average_v1,
    make_fixed_weights_v1,
    make_uncertainty_weights_v1,
)
from spacy_clintl.pipeline.iob_ner import IobEntityRecognizer
from spacy_clintl.pipeline.logger import make_console_logger_v1
from spacy_clintl.pipeline.warm_up import is_seen

for name, make in (
    ("fixed", make_fixed_weights_v1),
    ("uncertainty", make_uncertainty_weights_v1),
    ("average", make_dynamic_weight_average_v1),
):
    spacy.registry.misc.register(f"test.{name}", func=make)
UNCERTAINTY = {"@misc": "test.uncertainty"}
AVERAGE = {"@misc": "test.average", "window": 2}
TOK2VEC = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "pretrained_vectors": None,
    "width": 16,
    "depth": 1,
    "embed_size": 100,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": False,
}
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 16, "upstream": "tok2vec"}
NOTES = [
    ("fever and cough", {"a/x": 1.0, "b/x": 1.0}, [(0, 1, "SIGN")]),
    ("chest pain", {"a/y": 1.0, "b/y": 1.0}, [(0, 2, "SIGN")]),
    ("no fever today", {"a/x": 1.0, "b/y": 1.0}, [(1, 2, "SIGN")]),
    ("pain since morning", {"a/y": 1.0, "b/x": 1.0}, [(0, 1, "SIGN")]),
]


def examples_for(nlp, notes=NOTES, tasks="ab", spans=True):
    for text, cats, entities in notes:
        reference = Doc(nlp.vocab, words=text.split())
        reference.cats = {key: value for key, value in cats.items() if key[0] in tasks}
        if spans:
            reference.set_ents([Span(reference, *span) for span in entities])
        yield Example(Doc(nlp.vocab, words=text.split()), reference)


def build(tasks=None, tagger=None, shared=False, **settings):
    """A classifier of the tasks a and b and a tagger, on one tok2vec or on one each."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    tok2vec = LISTENER if shared else TOK2VEC
    if shared:
        nlp.add_pipe("tok2vec", config={"model": TOK2VEC})
    model = {"@architectures": "spacy_clintl.MultiTaskTextCat.v1", "tok2vec": tok2vec}
    settings = {"tasks": {"a": {}, "b": {}, **(tasks or {})}, "model": model, **settings}
    nlp.add_pipe("multitask_textcat", name="heads", config=settings)
    model = {"@architectures": "spacy_clintl.IobTagger.v1", "tok2vec": tok2vec}
    nlp.add_pipe("iob_ner", config={"model": model, **(tagger or {})})
    nlp.initialize(lambda: examples_for(nlp))
    return nlp


def train(nlp, steps=5, sgd=None, **gold):
    sgd, losses = sgd or Adam(0.01, L2=0.01), {}
    for _ in range(steps):
        losses = nlp.update(list(examples_for(nlp, **gold)), sgd=sgd)
    return losses


def snapshot(model):
    return [node.get_param(n).copy() for node in model.walk() for n in node.param_names]


def same(one, two):
    return all((a == b).all() for a, b in zip(one, two, strict=True))


def weights_of(nlp):
    return [value for _, pipe in nlp.pipeline for value in snapshot(pipe.model)]


def test_fixed_weights_are_the_default():
    tasks = {"a": {"weight": 0.3}}
    nlp, other = build(tasks), build(tasks, weighting={"@misc": "test.fixed"})
    losses = train(nlp)
    assert losses == train(other)
    assert same(weights_of(nlp), weights_of(other))
    heads = nlp.get_pipe("heads")
    assert heads.task_weights == {"heads/a": 0.3, "heads/b": 1.0}
    assert losses["heads"] == pytest.approx(0.3 * losses["heads/a"] + losses["heads/b"])
    assert heads.cfg["weighting"] == heads.cfg["warm_up"] == {}


def test_a_noisy_task_gets_less_weight_than_a_clean_one():
    nlp = build(weighting=UNCERTAINTY, tagger={"weighting": UNCERTAINTY})
    optimizer, chance = Adam(0.02), random.Random(0)
    for _ in range(80):
        noisy = [
            (text, {f"a/{'xy'[i % 2]}": 1.0, f"b/{chance.choice('xy')}": 1.0}, spans)
            for i, (text, _, spans) in enumerate(NOTES)
        ]
        losses = nlp.update(list(examples_for(nlp, noisy)), sgd=optimizer)
    weights = nlp.get_pipe("heads").task_weights
    assert weights["heads/a"] > 1.5 > 1.0 > weights["heads/b"] > 0.3
    # The tagger, in a component of its own, goes by its own loss.
    assert nlp.get_pipe("iob_ner").task_weights["iob_ner"] > 1.5
    assert losses["heads/a"] < 0.1 < losses["heads/b"]


def test_the_objective_of_uncertainty():
    nlp = build({"b": {"weight": 0.5}}, weighting=UNCERTAINTY, tagger={"weighting": UNCERTAINTY})
    heads, tagger = nlp.get_pipe("heads"), nlp.get_pipe("iob_ner")
    examples = list(examples_for(nlp))
    docs = [example.predicted for example in examples]
    logits, tags = heads.model.predict(docs), tagger.model.predict(docs)
    _, plain = heads.get_loss(examples, logits)
    a, b = (heads._task_losses[task] for task in "ab")
    loss, plain_tags = tagger.get_loss(examples, tags)
    heads.cfg["weighting"] = {"log_variances": {"a": 0.5, "b": -0.2}}
    tagger.cfg["weighting"] = {"log_variances": {"entities": 0.5}}
    total, gradients = heads.get_loss(examples, logits)
    a_part, b_part = np.exp(-0.5) * a + 0.25, np.exp(0.2) * b - 0.1
    assert total == pytest.approx(a_part + 0.5 * b_part)
    np.testing.assert_allclose(gradients["a"], np.exp(-0.5) * plain["a"], rtol=1e-5)
    np.testing.assert_allclose(gradients["b"], np.exp(0.2) * plain["b"], rtol=1e-5)
    total, gradients = tagger.get_loss(examples, tags)
    assert total == pytest.approx(np.exp(-0.5) * loss + 0.25)
    for one, two in zip(gradients, plain_tags):
        np.testing.assert_allclose(one, np.exp(-0.5) * two, rtol=1e-5)


def test_batches_are_collected_until_an_update():
    nlp = build(weighting=UNCERTAINTY)
    heads, optimizer = nlp.get_pipe("heads"), SGD(0.1, grad_clip=0.0)
    losses = []
    for tasks in ("ab", "a"):
        examples = list(examples_for(nlp, tasks=tasks))
        losses.append(heads.update(examples, sgd=None, losses={}))
    assert heads.cfg["weighting"] == {}
    heads.finish_update(optimizer)
    learned = heads.cfg["weighting"]["log_variances"]
    a, b = (sum(loss[f"heads/{task}"] for loss in losses) for task in "ab")
    assert learned == pytest.approx({"a": 0.1 * (a - 1.0), "b": 0.1 * (b - 0.5)}, rel=1e-5)
    # Nothing is used twice, and without gold nothing is touched.
    heads.finish_update(optimizer)
    train(nlp, tasks="", spans=False)
    assert heads.cfg["weighting"]["log_variances"] == learned


def test_dynamic_average_within_the_classifier():
    nlp = build(weighting=AVERAGE)
    heads, optimizer = nlp.get_pipe("heads"), Adam(0.01)
    means = defaultdict(list)
    for _ in range(2):
        window = [train(nlp, steps=1, sgd=optimizer) for _ in range(2)]
        for task in "ab":
            means[task].append(np.mean([losses[f"heads/{task}"] for losses in window]))
    powers = {task: np.exp(new / old / 2) for task, (old, new) in means.items()}
    expected = {f"heads/{task}": 2 * powers[task] / sum(powers.values()) for task in "ab"}
    assert heads.task_weights == pytest.approx(expected)
    assert expected["heads/a"] != pytest.approx(1.0, abs=1e-4)
    # Updates without gold do not count.
    train(nlp, tasks="", spans=False, steps=2)
    assert heads.task_weights == pytest.approx(expected)


@pytest.mark.parametrize("weighting", [UNCERTAINTY, AVERAGE], ids=["uncertainty", "average"])
def test_what_was_learned_is_saved(weighting, tmp_path):
    settings = {
        "tasks": {"b": {"warm_up": 9}},
        "weighting": weighting,
        "tagger": {"weighting": UNCERTAINTY, "warm_up": 9},
    }
    nlp = build(**settings)
    train(nlp, steps=5)
    nlp.to_disk(tmp_path / "saved")
    blank = build(**settings).from_bytes(nlp.to_bytes())
    sourced = spacy.blank("en")
    for name in ("heads", "iob_ner"):
        sourced.add_pipe(name, source=spacy.load(tmp_path / "saved"), name=f"{name}2")
    loaded = spacy.load(tmp_path / "saved")
    for other, suffix in ((loaded, ""), (blank, ""), (sourced, "2")):
        for name in ("heads", "iob_ner"):
            one, two = nlp.get_pipe(name), other.get_pipe(name + suffix)
            assert two.cfg["warm_up"] in ({"b": 5}, {"entities": 5})
            expected = list(one.task_weights.values())
            assert list(two.task_weights.values()) == pytest.approx(expected, abs=1e-8)
            assert expected != [1.0] * len(expected)
    # Training goes on as if it had not been stopped.
    train(nlp, steps=4, sgd=SGD(0.1))
    train(loaded, steps=4, sgd=SGD(0.1))
    for one, two in zip(weights_of(nlp), weights_of(loaded), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)
    expected = nlp.get_pipe("heads").task_weights
    assert loaded.get_pipe("heads").task_weights == pytest.approx(expected, abs=1e-6)
    # A component that is initialized again learns anew.
    loaded.initialize(lambda: examples_for(loaded))
    assert loaded.get_pipe("heads").cfg["weighting"] == {}
    assert loaded.get_pipe("iob_ner").cfg["warm_up"] == {}


@pytest.mark.parametrize("weighting", [None, UNCERTAINTY, AVERAGE])
def test_frozen_heads_stay_and_predict(weighting, tmp_path):
    nlp = build(weighting=weighting, shared=True)
    train(nlp)
    nlp.to_disk(tmp_path / "saved")
    frozen = {"components.heads.tasks.a.frozen": True, "components.iob_ner.frozen": True}
    nlp = spacy.load(tmp_path / "saved", config=frozen)
    only_b = spacy.load(tmp_path / "saved")
    heads = nlp.get_pipe("heads").model.layers
    before = snapshot(heads[1]), snapshot(nlp.get_pipe("iob_ner").model)
    other = snapshot(heads[2])
    losses = train(nlp, sgd=Adam(0.01, L2=0.1))
    assert losses["iob_ner"] == losses["heads/a"] == 0.0 < losses["heads/b"]
    assert same(before[0], snapshot(heads[1]))
    assert same(before[1], snapshot(nlp.get_pipe("iob_ner").model))
    assert not same(other, snapshot(heads[2]))
    assert nlp.get_pipe("heads").task_weights["heads/a"] == 0.0
    assert nlp.get_pipe("iob_ner").task_weights == {"iob_ner": 0.0}
    assert set(nlp("chest pain").cats) == {"a/x", "a/y", "b/x", "b/y"}
    assert nlp.evaluate(list(examples_for(nlp)))["cats_a_macro_f"] is not None
    if weighting is not AVERAGE:  # which weighs by the number of tasks that learn
        # To all else it is as if their gold were not there.
        train(only_b, sgd=Adam(0.01, L2=0.1), tasks="b", spans=False)
        assert same(weights_of(nlp), weights_of(only_b))


def test_a_component_of_frozen_heads_moves_nothing():
    nlp = build({"a": {"frozen": True}, "b": {"frozen": True}}, {"frozen": True})
    before = weights_of(nlp)
    train(nlp, sgd=Adam(0.1, L2=0.1))
    assert same(before, weights_of(nlp))


class Recorder:
    """An optimizer that changes nothing and keeps the gradients, each update in a dict."""

    L2 = 0.0

    def __init__(self):
        self.updates = []

    def __call__(self, key, weights, gradient, **kwargs):
        self.updates[-1][key] = gradient.copy()
        gradient *= 0
        return weights, gradient

    def train(self, nlp, steps, **gold):
        for _ in range(steps):
            self.updates.append({})
            train(nlp, 1, self, **gold)
        return self.updates[-steps:]


def ids_of(*models: Model):
    return {node.id for model in models for node in model.walk()}


def assert_proportional(updates, shares, full, ids):
    keys = [key for key in full if key[0] in ids]
    assert keys
    for update, share in zip(updates, shares, strict=True):
        for key in keys:
            assert np.abs(full[key]).max() > 0
            np.testing.assert_allclose(update[key], share * full[key], rtol=1e-4, atol=1e-7)


def test_warming_up_a_head():
    nlp = build({"b": {"warm_up": 4}})
    heads, recorder = nlp.get_pipe("heads"), Recorder()
    encoder = heads.model.get_ref("tok2vec")
    updates = recorder.train(nlp, 2, tasks="b")
    recorder.train(nlp, 3, tasks="a")  # without gold it does not count
    assert heads.cfg["warm_up"] == {"b": 2}
    updates += recorder.train(nlp, 3, tasks="b")
    assert_proportional(updates, [0, 0.25, 0.5, 0.75, 1], updates[-1], ids_of(encoder))
    # The head gets all of it from the start.
    assert_proportional(updates, [1] * 5, updates[-1], ids_of(heads.model.layers[2]))
    assert heads.cfg["warm_up"] == {"b": 4}


def test_an_adversarial_head_sends_its_gradient_reversed():
    nlp, recorder = build({"b": {"warm_up": 2}}), Recorder()
    heads = nlp.get_pipe("heads")
    train(nlp, 30)  # so that it sees
    heads.tasks["b"].adversarial, heads.cfg["warm_up"] = 0.5, {}
    updates = recorder.train(nlp, 3, tasks="b")
    heads.tasks["b"].adversarial = 0.0
    [usual] = recorder.train(nlp, 1, tasks="b")
    encoder = ids_of(heads.model.get_ref("tok2vec"))
    assert_proportional(updates, [0, -0.25, -0.5], usual, encoder)
    # The head itself learns to see what the vectors learn to hide.
    assert_proportional(updates, [1] * 3, usual, ids_of(heads.model.layers[2]))


def test_the_encoder_hides_nothing_that_is_hidden():
    nlp, recorder = build({"b": {"adversarial": 0.5}}), Recorder()
    heads = nlp.get_pipe("heads")
    encoder = ids_of(heads.model.get_ref("tok2vec"))
    heads.tasks["b"].adversarial = 0.0
    train(nlp, 30)
    heads.tasks["b"].adversarial = 0.5
    wrong = [(text, {"b/y" if "b/x" in cats else "b/x": 1.0}, []) for text, cats, _ in NOTES]
    recorder.train(nlp, 1, notes=wrong, tasks="b", spans=False)
    update = recorder.updates[-1]
    assert not any(value.any() for key, value in update.items() if key[0] in encoder)
    own = ids_of(heads.model.layers[2])
    assert all(value.any() for key, value in update.items() if key[0] in own)
    # Of several documents, those count that it sees.
    recorder.train(nlp, 1, notes=[NOTES[0], *wrong[1:]], tasks="b", spans=False)
    assert heads.model.attrs["encoder_shares"]["b"] == [-0.5, 0.0, 0.0, 0.0]
    assert any(v.any() for key, v in recorder.updates[-1].items() if key[0] in encoder)


def test_what_a_head_sees():
    logits = np.array([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]], dtype="float32")
    truths = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0]], dtype="float32")
    known = np.ones_like(truths)
    assert is_seen(logits, truths, known, exclusive=True).tolist() == [True, False, False]
    logits = np.array([[3.0, -3.0], [-3.0, 1.0], [-3.0, 1.0]], dtype="float32")
    truths = np.array([[1, 0], [1, 1], [0, 0]], dtype="float32")
    known = np.array([[1, 1], [1, 1], [1, 0]], dtype="float32")
    assert is_seen(logits, truths, known, exclusive=False).tolist() == [True, False, True]


def test_a_cold_head_changes_nothing_but_itself():
    """Neither the token vectors nor the head that it reads."""
    reads = {"@architectures": "spacy_clintl.ReadsTasks.v1", "tasks": ["a"], "gradient": True}
    reads["head"] = {"@architectures": "spacy_clintl.LinearHead.v1"}
    gradients = []
    for warm_up, tasks in ((10, "ab"), (0, "a"), (0, "ab")):
        nlp, recorder = build({"b": {"head": reads}}), Recorder()
        train(nlp)  # so that b heeds a
        nlp.get_pipe("heads").tasks["b"].warm_up = warm_up
        update = recorder.train(nlp, 1, tasks=tasks)[0]
        tok2vec, head, _ = nlp.get_pipe("heads").model.layers
        for part in (tok2vec, head):
            gradients.append([update[key] for key in update if key[0] in ids_of(part)])
    # The gradients of tok2vec and of a: with a cold b, without gold for b, with a warm b.
    for cold, without, warm in zip(gradients[:2], gradients[2:4], gradients[4:], strict=True):
        assert cold
        assert same(cold, without)
        assert not same(cold, warm)


@pytest.mark.parametrize("crf", [False, True], ids=["softmax", "crf"])
def test_warming_up_the_tagger(crf):
    model = {"@architectures": "spacy_clintl.IobTagger.v1", "tok2vec": TOK2VEC, "crf": crf}
    nlp = build(tagger={"warm_up": 2, "model": model})
    tagger, recorder = nlp.get_pipe("iob_ner"), Recorder()
    encoder = ids_of(tagger.model.get_ref("tok2vec"))
    updates = recorder.train(nlp, 1)
    recorder.train(nlp, 1, spans=False)
    updates += recorder.train(nlp, 2)
    assert_proportional(updates, [0, 0.5, 1], updates[-1], encoder)
    assert_proportional(updates, [1] * 3, updates[-1], ids_of(tagger.model) - encoder)
    # Without the setting a share that was saved with the model is none.
    tagger.model.attrs["encoder_share"] = 0.0
    tagger.warm_up = 0
    assert_proportional(recorder.train(nlp, 1), [1], updates[-1], encoder)


@pytest.mark.parametrize("left_out", ["heads", "iob_ner"])
def test_a_component_that_is_left_out_stays(left_out):
    settings = {"tagger": {"weighting": UNCERTAINTY, "warm_up": 9}}
    nlp = build({"b": {"warm_up": 9}}, shared=True, weighting=UNCERTAINTY, **settings)
    train(nlp)
    pipe = nlp.get_pipe(left_out)
    trained = nlp.get_pipe("iob_ner" if left_out == "heads" else "heads")
    before, cfg, other = snapshot(pipe.model), json.dumps(pipe.cfg), snapshot(trained.model)
    with nlp.select_pipes(disable=[left_out]):
        losses = train(nlp, sgd=Adam(0.01, L2=0.1))
    assert left_out not in losses
    assert same(before, snapshot(pipe.model))
    assert json.dumps(pipe.cfg) == cfg
    assert not same(other, snapshot(trained.model))


def test_the_logger_shows_the_weights():
    nlp = build(weighting=UNCERTAINTY, tagger={"weighting": UNCERTAINTY})
    nlp.config["training"]["score_weights"] = {"cats_a_macro_f": 1.0}
    losses, stdout = train(nlp), io.StringIO()
    log_step, _ = make_console_logger_v1()(nlp, stdout, io.StringIO())
    log_step({"epoch": 0, "step": 5, "losses": losses, "other_scores": {}, "score": 0.5})
    weights = nlp.get_pipe("heads").task_weights | nlp.get_pipe("iob_ner").task_weights
    assert [line.split() for line in stdout.getvalue().splitlines()[-3:]] == [
        [name, f"{losses[name]:.4f}", "weight", f"{weights[name]:.4f}"]
        for name in ("heads/a", "heads/b", "iob_ner")
    ]


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"weighting": "uncertainty"}, "CL480.*'heads' is 'uncertainty'"),
        ({"weighting": {"@misc": "test.average", "temperature": 0.0}}, "CL481.*'temperature' is 0"),
        ({"weighting": {"@misc": "test.average", "window": 0}}, "CL481.*'window' is 0"),
        ({"weighting": {"@misc": "test.average", "temprature": 2.0}}, "temprature"),
        ({"tasks": {"a": {"warm_up": -1}}}, "CL303.*'warm_up'"),
        ({"tasks": {"a": {"warm_up": 0.5}}}, "CL303.*'warm_up'"),
        ({"tasks": {"a": {"frozen": "yes"}}}, "CL303.*'frozen'"),
        ({"tasks": {"a": {"adversarial": -1}}}, "CL303.*'adversarial'"),
        ({"tasks": {"a": {"freeze": True}}}, "CL302.*'freeze'"),
        ({"tagger": {"weighting": "fixed"}}, "CL480.*'iob_ner' is 'fixed'"),
        ({"tagger": {"weighting": AVERAGE}}, "CL482.*'iob_ner' has one task"),
        ({"tagger": {"warm_up": -1}}, "CL483.*'iob_ner' is -1"),
    ],
)
def test_impossible_settings(settings, match):
    with pytest.raises(ValueError, match=f"(?s){match}"):
        build(**settings)


def test_a_model_that_holds_no_gradient_back():
    model = Model("own", lambda model, docs, is_train: (docs, lambda d: d))
    with pytest.raises(ClintlError, match=r"CL484.*'own'.*'encoder_share'"):
        IobEntityRecognizer(spacy.blank("en").vocab, model, warm_up=1)
    assert type(IobEntityRecognizer(spacy.blank("en").vocab, model).weighting) is Weighting
