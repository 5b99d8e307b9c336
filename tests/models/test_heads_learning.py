"""Each head learns what another cannot, and that is what it is for."""

import numpy as np
import pytest

from spacy_clintl.models.heads.cross_attention_bilstm import cross_attention_bilstm_head_v1
from spacy_clintl.models.heads.label_attention import label_attention_head_v1
from spacy_clintl.models.heads.label_dependency import label_dependency_v1
from spacy_clintl.models.heads.linear import linear_head_v1
from spacy_clintl.models.heads.pair import pair_head_v1
from spacy_clintl.models.heads.reads_tasks import reads_tasks_v1
from spacy_clintl.models.losses import binary_cross_entropy
from tests.models.heads import build, train


def share_right(head, inputs, truths):
    return float(((head.predict(inputs) > 0) == (truths > 0.5)).mean())


def best_of(head, inputs, truths):
    return float((head.predict(inputs).argmax(axis=1) == truths.argmax(axis=1)).mean())


def marked_values(seed, n_docs=64, n_labels=2):
    """Every token has a value; a label is the value of the one token that bears its mark."""
    rng = np.random.default_rng(seed)
    inputs, truths = [], np.zeros((n_docs, n_labels), dtype="f")
    for row in range(n_docs):
        tokens = 0.1 * rng.normal(size=(rng.integers(20, 40), n_labels + 1)).astype("f")
        tokens[:, -1] = rng.choice([-1.0, 1.0], size=len(tokens))
        for label, place in enumerate(rng.choice(len(tokens), size=n_labels, replace=False)):
            tokens[place, label] = 3.0
            truths[row, label] = tokens[place, -1] > 0
        inputs.append(tokens)
    return inputs, truths


@pytest.mark.parametrize(
    ("head", "solves"),
    [(lambda: label_attention_head_v1(16, dropout=0.0), True), (linear_head_v1, False)],
)
def test_each_label_reads_its_own_token(head, solves):
    inputs, truths = marked_values(seed=0)
    head = build(head(), width=3, n_labels=2)
    train(head, inputs, truths, loss=binary_cross_entropy, steps=80, rate=0.05)
    assert (share_right(head, inputs, truths) == 1.0) == solves
    assert (share_right(head, *marked_values(seed=1)) > 0.95) == solves


def test_attention_pooling_finds_the_token():
    # One label, whose mark is on one token: one attention is enough.
    inputs, truths = marked_values(seed=0, n_labels=1)
    shares = {}
    for pooling in ("mean", "attention"):
        head = build(linear_head_v1(pooling, dropout=0.0), width=2, n_labels=1)
        train(head, inputs, truths, loss=binary_cross_entropy, steps=80, rate=0.1)
        shares[pooling] = share_right(head, inputs, truths)
    assert shares["attention"] == 1.0
    assert shares["mean"] < 0.9


def orders(seed, n_docs=64):
    """Two marks in each document; the class is which of them comes first."""
    rng = np.random.default_rng(seed)
    inputs, truths = [], np.zeros((n_docs, 2), dtype="f")
    for row in range(n_docs):
        tokens = 0.1 * rng.normal(size=(rng.integers(4, 14), 4)).astype("f")
        one, two = rng.choice(len(tokens), size=2, replace=False)
        tokens[one, 0] = tokens[two, 1] = 2.0
        truths[row, int(one > two)] = 1.0
        inputs.append(tokens)
    return inputs, truths


def test_bilstm_knows_the_order():
    inputs, truths = orders(seed=0, n_docs=128)
    head = cross_attention_bilstm_head_v1(16, attention_heads=2, dropout=0.0)
    head = build(head, width=4, n_labels=2)
    train(head, inputs, truths, steps=60, rate=0.02)
    assert best_of(head, inputs, truths) == 1.0
    assert best_of(head, *orders(seed=1)) > 0.95
    linear = build(linear_head_v1(), width=4, n_labels=2)
    train(linear, inputs, truths, steps=60, rate=0.02)
    assert best_of(linear, *orders(seed=1)) < 0.7


def repetitions(seed, n_docs=128, n_words=12, width=16):
    """Pairs: does the first side hold the words of the second?"""
    words = np.random.default_rng(7).normal(size=(n_words, width)).astype("f")
    rng = np.random.default_rng(seed)
    inputs, truths = [], np.zeros((n_docs, 2), dtype="f")
    for row in range(n_docs):
        first = rng.choice(n_words, size=6, replace=False)
        others = np.setdiff1d(np.arange(n_words), first)
        holds = row % 2
        second = rng.choice(first if holds else others, size=rng.integers(1, 4), replace=False)
        inputs.append((words[first], words[second]))
        truths[row, holds] = 1.0
    return inputs, truths


def test_pair_head_compares_the_sides():
    inputs, truths = repetitions(seed=0)
    head = build(pair_head_v1(32, dropout=0.0), width=16, n_labels=2)
    train(head, inputs, truths, steps=60, rate=0.01)
    assert best_of(head, inputs, truths) == 1.0
    assert best_of(head, *repetitions(seed=1)) > 0.9
    # Neither side alone tells: without the other, it is a guess.
    nothing = np.zeros((1, 16), dtype="f")
    blind = [(nothing, second) for _, second in inputs]
    assert best_of(head, blind, truths) < 0.8


def quadrants(n=300):
    """Two labels are signs of the token; the third holds where one of them does, and not both."""
    rng = np.random.default_rng(0)
    inputs = [rng.uniform(0.15, 1, size=(1, 2)).astype("f") for _ in range(n)]
    inputs = [x * rng.choice([-1.0, 1.0], size=2).astype("f") for x in inputs]
    signs = np.concatenate(inputs) > 0
    return inputs, np.column_stack([signs, signs[:, 0] != signs[:, 1]]).astype("f")


def test_label_dependency_starts_as_the_head_inside_and_then_helps():
    inputs, truths = quadrants()
    plain = build(linear_head_v1(dropout=0.0), width=2)
    head = build(label_dependency_v1(linear_head_v1(dropout=0.0)), width=2)
    np.testing.assert_array_equal(head.predict(inputs), plain.predict(inputs))
    for each in (plain, head):
        train(each, inputs, truths, loss=binary_cross_entropy, steps=120, rate=0.1)
    assert share_right(head, inputs, truths) > 0.97
    assert share_right(plain, inputs, truths) < 0.85
    weights = head.get_param("W")
    assert not weights.diagonal().any()
    assert weights.any()


def test_exclusive_dependency_reads_a_softmax():
    head = build(label_dependency_v1(linear_head_v1(dropout=0.0)), width=2)
    inputs, _ = quadrants()
    head.attrs["exclusive"] = True
    head.get_param("W")[:] = np.arange(9).reshape(3, 3) * (1 - np.eye(3))
    inner = head.layers[0].predict(inputs)
    probs = np.exp(inner) / np.exp(inner).sum(axis=1, keepdims=True)
    expected = inner + probs @ head.get_param("W").T
    np.testing.assert_allclose(head.predict(inputs), expected, atol=1e-5)
    # Slopes of the logits inside, over the softmax.
    x = inputs[0].copy()
    _, backprop = head.begin_update([x])
    [slope] = backprop(np.array([[1.0, -2.0, 0.5]], dtype="f"))
    for i in range(2):
        up, down = x.copy(), x.copy()
        up[0, i] += 1e-2
        down[0, i] -= 1e-2
        change = (head.predict([up]) - head.predict([down])) @ [1.0, -2.0, 0.5] / 2e-2
        assert slope[0, i] == pytest.approx(float(change[0]), abs=1e-2)


def test_head_reads_a_task_that_knows_more_than_the_text():
    # The tokens say nothing; the other task's probabilities say everything.
    rng = np.random.default_rng(0)
    tokens = [np.ones((2, 6), dtype="f") for _ in range(40)]
    readings = rng.dirichlet(np.full(4, 0.2), size=40).astype("f")
    truths = np.eye(3, dtype="f")[readings.argmax(axis=1) % 3]
    head = build(reads_tasks_v1(linear_head_v1(dropout=0.0), ["other"]), n_read=4)
    inputs = tokens, {"other": readings}
    np.testing.assert_array_equal(head.predict(inputs), head.layers[0].predict(tokens))
    train(head, inputs, truths, steps=100, rate=0.1)
    assert best_of(head, inputs, truths) > 0.9
