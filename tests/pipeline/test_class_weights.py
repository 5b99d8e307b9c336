"""Class weights: how they are worked out, what they do to training, how they are kept."""

from itertools import cycle, islice

import numpy as np
import pytest
import spacy
from spacy.training import Example
from thinc.api import Adam, fix_random_seed, get_array_module

from spacy_clintl.errors import ClintlError
from spacy_clintl.models.losses import make_asymmetric_v1, make_focal_v1
from spacy_clintl.pipeline import class_weights

# Three of four say flu; the one in four is a true finding; one document is of another task.
ROWS = [
    ("fever", {"d/flu": 1.0, "f/cough": 0.0}),
    ("fever", {"d/flu": 1.0, "f/cough": 0.0}),
    ("fever", {"d/flu": 1.0, "f/cough": 0.0}),
    ("fever", {"d/mi": 1.0, "f/cough": 1.0}),
    ("fever", {"other/x": 1.0}),
]


def hinge(logits, truths, mask):
    """A loss of a user's own, with a value a label."""
    xp = get_array_module(logits)
    signs = 2 * truths - 1
    values = xp.maximum(0, 1 - signs * logits) * mask
    return values, -signs * (values > 0)


def by_document(logits, truths, mask):
    """Another, with a value a document."""
    values, gradient = hinge(logits, truths, mask)
    return values.sum(axis=1, keepdims=True), gradient


@pytest.fixture(autouse=True)
def _registered():
    losses = {
        "hinge": lambda: hinge,
        "by_document": lambda: by_document,
        "focal": make_focal_v1,
        "asymmetric": make_asymmetric_v1,
    }
    for name, make in losses.items():
        spacy.registry.misc.register(f"test.{name}", func=make)


def examples_of(nlp, rows=ROWS):
    for text, cats in rows:
        example = Example.from_dict(nlp.make_doc(text), {})
        example.reference.cats = dict(cats)
        yield example


def pipeline(tasks, rows=ROWS, **initialize):
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("multitask_textcat", config={"tasks": tasks})
    pipe.initialize(lambda: examples_of(nlp, rows), nlp=nlp, **initialize)
    return nlp, pipe


def weights_of(task, rows=ROWS, name="d", **initialize):
    _, pipe = pipeline({name: task}, rows, **initialize)
    return pipe.cfg["class_weights"].get(name)


def loss_of(pipe, task, logits, rows):
    """The loss and gradient of a task for given logits."""
    examples = list(examples_of(spacy.blank("en"), rows))
    scores = {task: np.array(logits, dtype="float32")}
    value, gradients = pipe.get_loss(examples, scores)
    return value, gradients[task]


def test_balanced_is_that_of_scikit_learn():
    from sklearn.utils.class_weight import compute_class_weight

    gold = ["a"] * 5 + ["b"] * 2 + ["c"]
    rows = [("x", {f"d/{label}": 1.0}) for label in gold] + [("x", {"d/a": 0.0}), ("x", {})]
    expected = compute_class_weight("balanced", classes=np.array(["a", "b", "c"]), y=gold)
    found = weights_of({"class_weights": "balanced"}, rows)
    assert found == pytest.approx(dict(zip("abc", expected)))
    # A label that nobody has leaves the others alone.
    labels = {"d": ["z", "a", "b", "c"]}
    assert weights_of({"class_weights": "balanced"}, rows, labels=labels) == found


def test_effective_numbers():
    task = {"class_weights": "effective_number", "class_weights_beta": 0.9}
    flu, mi = (0.1 / (1 - 0.9**n) for n in (3, 1))
    expected = {"flu": 2 * flu / (flu + mi), "mi": 2 * mi / (flu + mi)}
    assert weights_of(task) == pytest.approx(expected)
    # Between no weights and balanced ones.
    task["class_weights_beta"] = 0.0
    assert weights_of(task) == {"flu": 1.0, "mi": 1.0}
    task["class_weights_beta"] = 0.9999999
    found = weights_of(task)
    assert found["mi"] / found["flu"] == pytest.approx(3.0, rel=1e-4)
    assert sum(found.values()) == pytest.approx(2.0)


def test_labels_that_do_not_exclude_each_other():
    task = {"exclusive": False, "class_weights": "balanced"}
    assert weights_of(task, name="f") == {"cough": 3.0}
    task = {"exclusive": False, "class_weights": "effective_number", "class_weights_beta": 0.9}
    found = weights_of(task, name="f")["cough"]
    assert found == pytest.approx((1 - 0.9**3) / (1 - 0.9))
    # What is always or never true among the documents that are annotated for it.
    rows = [*ROWS, ("x", {"f/always": 1.0}), ("x", {"f/never": 0.0})]
    assert weights_of({"exclusive": False, "class_weights": "balanced"}, rows, "f") == {
        "cough": 3.0
    }


def test_given_weights():
    assert weights_of({"class_weights": {"mi": 2}}) == {"mi": 2.0}
    assert weights_of({}) is None
    with pytest.raises(ClintlError, match=r"'gout', which the task does not have.*flu, mi"):
        weights_of({"class_weights": {"gout": 2.0}})
    labels = {"d": ["flu", "mi", "gout"]}
    with pytest.raises(ClintlError, match="no training document has 'd/gout'"):
        weights_of({"class_weights": {"gout": 2.0}}, labels=labels)
    never = [*ROWS, ("x", {"f/never": 0.0})]
    with pytest.raises(ClintlError, match="no training document has 'f/never'"):
        weights_of({"exclusive": False, "class_weights": {"never": 2.0}}, never, "f")


@pytest.mark.parametrize("loss", [None, "hinge", "by_document", "focal"])
def test_a_documents_loss_is_multiplied_by_the_weight_of_its_label(loss):
    settings = {} if loss is None else {"loss": {"@misc": f"test.{loss}"}}
    _, plain = pipeline({"d": settings})
    _, weighted = pipeline({"d": {**settings, "class_weights": {"flu": 0.25, "mi": 3.0}}})
    rows = [ROWS[0], ROWS[3], ROWS[4]]
    logits = [[0.2, 0.3], [0.5, -0.4], [0.1, 0.0]]
    alone = [loss_of(plain, "d", [logits[i]], [rows[i]]) for i in range(2)]
    value, gradient = loss_of(weighted, "d", logits, rows)
    # Two documents are labelled, so the mean is over two.
    assert value == pytest.approx((0.25 * alone[0][0] + 3.0 * alone[1][0]) / 2)
    np.testing.assert_allclose(gradient[0], 0.25 * alone[0][1][0] / 2, rtol=1e-5)
    np.testing.assert_allclose(gradient[1], 3.0 * alone[1][1][0] / 2, rtol=1e-5)
    assert not gradient[2].any()


@pytest.mark.parametrize("loss", [None, "hinge", "asymmetric"])
def test_a_true_labels_loss_is_multiplied_by_its_weight(loss):
    settings = {"exclusive": False}
    if loss is not None:
        settings["loss"] = {"@misc": f"test.{loss}"}
    _, plain = pipeline({"f": settings})
    _, weighted = pipeline({"f": {**settings, "class_weights": {"cough": 3.0}}})
    for row, factor in ((ROWS[0], 1.0), (ROWS[3], 3.0)):
        value, gradient = loss_of(plain, "f", [[0.3]], [row])
        more, greater = loss_of(weighted, "f", [[0.3]], [row])
        assert value > 0
        assert more == pytest.approx(factor * value)
        np.testing.assert_allclose(greater, factor * gradient, rtol=1e-5)


def test_soft_labels_get_weights_in_between():
    _, pipe = pipeline({"d": {"class_weights": {"flu": 0.0, "mi": 4.0}}})
    _, plain = pipeline({"d": {}})
    rows = [("x", {"d/flu": 0.75, "d/mi": 0.25})]
    assert loss_of(pipe, "d", [[0.1, 0.9]], rows)[0] == pytest.approx(
        loss_of(plain, "d", [[0.1, 0.9]], rows)[0]
    )


def test_a_loss_with_a_value_a_document_cannot_weigh_labels():
    rows = [*ROWS, ("x", {"f/fever": 1.0})]
    task = {"exclusive": False, "loss": {"@misc": "test.by_document"}}
    _, pipe = pipeline({"f": task}, rows)
    assert loss_of(pipe, "f", [[0.3, 0.1]], rows[:1])[0] > 0
    _, pipe = pipeline({"f": {**task, "class_weights": {"cough": 2.0}}}, rows)
    with pytest.raises(ClintlError, match=r"task 'f'.*\(1, 1\).*\(1, 2\)"):
        loss_of(pipe, "f", [[0.3, 0.1]], rows[:1])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"d/mi": 0.25, "f/cough": 0.25}),
        ({"class_weights": "balanced"}, {"d/mi": 0.5, "f/cough": 0.5}),
    ],
)
def test_weights_change_what_is_learned(settings, expected):
    """Documents that cannot be told apart: only the weights decide between their labels."""
    fix_random_seed(0)
    nlp, _ = pipeline({"d": settings, "f": {"exclusive": False, **settings}})
    for rate in (0.01, 0.001):
        optimizer = Adam(rate)
        for _ in range(50):
            nlp.update(list(examples_of(nlp)), sgd=optimizer)
    cats = nlp("fever").cats
    assert {key: cats[key] for key in expected} == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("way", ["bytes", "disk"])
def test_training_goes_on_with_the_weights_that_were_saved(way, tmp_path):
    task = {"class_weights": "balanced", "loss": {"@misc": "test.focal", "gamma": 1.0}}
    nlp, pipe = pipeline({"d": task})
    if way == "disk":
        nlp.to_disk(tmp_path / "saved")
        loaded = spacy.load(tmp_path / "saved")
    else:
        loaded = spacy.blank("en").from_config(nlp.config)
        loaded.from_bytes(nlp.to_bytes())
    resumed = loaded.get_pipe("multitask_textcat")
    assert resumed.cfg == pipe.cfg
    assert resumed.cfg["class_weights"]["d"]["flu"] != 1.0
    logits = [[0.2, 0.3], [0.5, -0.4]]
    rows = [ROWS[0], ROWS[3]]
    before, after = (loss_of(p, "d", logits, rows) for p in (pipe, resumed))
    assert before[0] == after[0]
    np.testing.assert_array_equal(before[1], after[1])


def test_weights_that_were_never_worked_out():
    _, pipe = pipeline({"d": {}})
    pipe.tasks["d"].class_weights = "balanced"
    with pytest.raises(ClintlError, match=r"Task 'd'.*nlp\.initialize"):
        loss_of(pipe, "d", [[0.3, 0.1]], ROWS[:1])


def test_softmax_losses_need_labels_that_exclude_each_other():
    tasks = {"f": {"exclusive": False, "loss": {"@misc": "test.focal"}}}
    with pytest.raises(ClintlError, match="'f' has 'exclusive = false'"):
        pipeline(tasks)
    tasks["f"]["loss"]["exclusive"] = False
    pipeline(tasks)


def test_examples_are_counted_from_a_stream(monkeypatch):
    monkeypatch.setattr(class_weights, "BATCH", 7)
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("multitask_textcat", config={"tasks": {"d": {"class_weights": "balanced"}}})
    pipe.initialize(lambda: examples_of(nlp, islice(cycle(ROWS), 50)), nlp=nlp)
    assert pipe.cfg["class_weights"]["d"] == pytest.approx({"flu": 2 / 3, "mi": 2.0})
