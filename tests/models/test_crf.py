"""The CRF against sums over all valid sequences, one by one."""

import itertools
import time
import tracemalloc

import numpy as np
import pytest
from thinc.api import Adam

from spacy_clintl.errors import ClintlError
from spacy_clintl.models import iob
from spacy_clintl.models.crf import (
    add_gradients,
    crf_layer,
    entity_probabilities,
    get_chain,
    marginal_loss,
)
from spacy_clintl.models.iob import MISSING, Chain, decode, iob2_chain, spans_of

from .test_iob import is_valid, random_chain, score_of, valid_sequences

WIDTH = 5
# Known in full, in part, missing before an I, missing all over, without tokens, one token.
GOLD = [
    [1, 2, 0, 3],
    [MISSING, 0, MISSING, 4],
    [MISSING, 2, MISSING],
    [MISSING, MISSING],
    [],
    [3],
    [0, MISSING, MISSING, MISSING],
]


@pytest.fixture
def batch():
    rng = np.random.default_rng(7)
    logits = [rng.normal(size=(len(tags), WIDTH), scale=2.0) for tags in GOLD]
    return logits, [np.array(tags, dtype="int64") for tags in GOLD], random_chain(rng, WIDTH)


def agrees(sequence, gold):
    return all(g in (MISSING, tag) for tag, g in zip(sequence, gold))


def log_sum(values):
    return np.logaddexp.reduce(np.array(list(values)))


def enumerated(logits, gold, chain):
    """Loss, and expected counts of tags and pairs (all sequences less those that agree)."""
    counts, pairs = np.zeros((len(gold), WIDTH)), np.zeros((WIDTH, WIDTH))
    every = {t: score_of(logits, t, chain) for t in valid_sequences(len(gold), WIDTH)}
    right = {t: score for t, score in every.items() if agrees(t, gold)}
    for scores, sign in ((every, 1.0), (right, -1.0)):
        log_z = log_sum(scores.values())
        for tags, score in scores.items():
            p = sign * np.exp(score - log_z)
            counts[range(len(tags)), tags] += p
            for pair in itertools.pairwise(tags):
                pairs[pair] += p
    return log_sum(every.values()) - log_sum(right.values()), counts, pairs


def test_loss_and_marginals_are_those_of_all_sequences(batch):
    logits, gold, chain = batch
    loss, gradients, d_chain = marginal_loss(logits, gold, chain)
    total, pairs, starts, ends = 0.0, np.zeros((WIDTH, WIDTH)), np.zeros(WIDTH), np.zeros(WIDTH)
    for scores, tags, gradient in zip(logits, gold, gradients, strict=True):
        assert gradient.shape == scores.shape
        if not len(tags):
            continue
        expected, counts, doc_pairs = enumerated(scores, tags, chain)
        total += expected
        pairs += doc_pairs
        starts += counts[0]
        ends += counts[-1]
        np.testing.assert_allclose(gradient, counts, atol=1e-10)
        alone, [single], _ = marginal_loss([scores], [tags], chain)
        assert alone == pytest.approx(expected, abs=1e-10)
        np.testing.assert_allclose(single, gradient, atol=1e-10)
    assert loss == pytest.approx(total, abs=1e-10)
    np.testing.assert_allclose(d_chain.transitions, pairs, atol=1e-10)
    np.testing.assert_allclose(d_chain.start, starts, atol=1e-10)
    np.testing.assert_allclose(d_chain.end, ends, atol=1e-10)


def test_gradients_are_those_of_the_loss(batch):
    logits, gold, chain = batch
    _, gradients, d_chain = marginal_loss(logits, gold, chain)
    step = 1e-6

    def slope(array, index):
        kept = array[index]
        array[index] = kept + step
        above = marginal_loss(logits, gold, chain)[0]
        array[index] = kept - step
        below = marginal_loss(logits, gold, chain)[0]
        array[index] = kept
        return (above - below) / (2 * step)

    pairs = [*zip(logits, gradients), (chain.transitions, d_chain.transitions)]
    pairs += [(chain.start, d_chain.start), (chain.end, d_chain.end)]
    for array, gradient in pairs:
        for index in np.ndindex(*array.shape):
            if np.isfinite(array[index]):
                assert slope(array, index) == pytest.approx(gradient[index], abs=1e-7)
            else:
                assert gradient[index] == 0.0


def test_documents_without_annotation_give_nothing(batch):
    logits, gold, chain = batch
    loss, gradients, _ = marginal_loss(logits, gold, chain)
    assert not gradients[3].any()
    without = [i for i in range(len(gold)) if i != 3]
    pick = marginal_loss([logits[i] for i in without], [gold[i] for i in without], chain)
    assert pick[0] == loss
    loss, gradients, d_chain = marginal_loss(logits[3:5], gold[3:5], chain)
    assert loss == 0.0
    assert not any(gradient.any() for gradient in gradients)
    assert not d_chain.transitions.any()
    assert not d_chain.start.any()


def test_the_more_is_known_the_greater_the_loss(batch):
    logits, _, chain = batch
    known = np.array([1, 2, 0, 3])
    losses = []
    for n in range(5):
        tags = np.where(np.arange(4) < n, known, MISSING)
        losses.append(marginal_loss(logits[:1], [tags], chain)[0])
    assert losses[0] == 0.0
    assert losses == sorted(losses)
    assert losses[-1] > losses[0]


@pytest.mark.parametrize("scale", [1e4, 1e8])
def test_extreme_logits(scale):
    rng = np.random.default_rng(3)
    logits = [rng.normal(size=(30, WIDTH)) * scale for _ in range(3)]
    for scores in logits:
        scores[:, 2::2] += 3 * scale
    gold = [np.array([0, MISSING, 2, 2, 0] * 6) for _ in logits]
    chain = random_chain(rng, WIDTH, scale=50.0)
    loss, gradients, d_chain = marginal_loss(logits, gold, chain)
    assert np.isfinite(loss)
    assert loss > 0
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert all(not gradient[0, 2::2].any() for gradient in gradients)
    assert not d_chain.transitions[np.isinf(chain.transitions)].any()
    tags = decode(logits, chain)
    assert all(map(is_valid, tags))
    for probabilities in entity_probabilities(logits, tags, chain):
        assert len(probabilities)
        assert ((probabilities >= 0) & (probabilities <= 1)).all()


@pytest.mark.parametrize("learned", [False, True])
def test_entity_probabilities_are_those_of_all_sequences(learned):
    rng = np.random.default_rng(5)
    chain = random_chain(rng, WIDTH) if learned else iob2_chain(WIDTH)
    # Neighbours of one label and of two, at the start, at the end, none, no tokens.
    wanted = [[1, 2, 1, 3], [0, 3, 4, 4], [0, 1, 2, 0], [0, 0], [], [1], [3, 1]]
    tags = [np.array(numbers, dtype="int64") for numbers in wanted]
    logits = [rng.normal(size=(len(numbers), WIDTH), scale=2.0) for numbers in wanted]
    found = entity_probabilities(logits, tags, None if not learned else chain)
    labels = ["A", "B"]
    for scores, numbers, probabilities in zip(logits, tags, found, strict=True):
        spans = spans_of(numbers, labels)
        assert len(probabilities) == len(spans)
        if not spans:
            continue
        every = {t: score_of(scores, t, chain) for t in valid_sequences(len(numbers), WIDTH)}
        log_z = log_sum(every.values())
        for span, probability in zip(spans, probabilities, strict=True):
            having = [s for t, s in every.items() if span in spans_of(np.array(t), labels)]
            assert probability == pytest.approx(np.exp(log_sum(having) - log_z), abs=1e-12)


def test_probabilities_are_calibrated():
    """Of the entities given 70 %, 70 % are there, where gold is drawn from the chain itself."""
    rng = np.random.default_rng(11)
    logits, chain = rng.normal(size=(4, WIDTH), scale=1.5), random_chain(rng, WIDTH)
    sequences = list(valid_sequences(4, WIDTH))
    scores = np.array([score_of(logits, t, chain) for t in sequences])
    chances = np.exp(scores - log_sum(scores))
    [best] = decode([logits], chain)
    [probabilities] = entity_probabilities([logits], [best], chain)
    drawn = rng.choice(len(sequences), size=4000, p=chances / chances.sum())
    for span, probability in zip(spans_of(best, ["A", "B"]), probabilities, strict=True):
        share = np.mean([span in spans_of(np.array(sequences[i]), ["A", "B"]) for i in drawn])
        assert share == pytest.approx(probability, abs=0.03)


def test_without_learned_scores_it_is_softmax_given_validity():
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(3, WIDTH))
    logits[:, 2::2] = -np.inf  # B and O only: every sequence is valid
    tags = np.array([0, 1, 3])
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    loss, _, _ = marginal_loss([logits], [tags], iob2_chain(WIDTH))
    assert loss == pytest.approx(-log_p[range(3), tags].sum())
    [probabilities] = entity_probabilities([logits], [tags])
    np.testing.assert_allclose(probabilities, np.exp(log_p[[1, 2], [1, 3]]))


def test_layer_learns_what_may_follow():
    """Logits say nothing: only transitions, start and end can tell the gold."""
    layer = crf_layer(WIDTH)
    layer.initialize()
    tags = [np.array([0, 1, 2, 3]), np.array([0, 1, 2, 3, 0, 1, 2, 3])]
    logits = [np.zeros((len(numbers), WIDTH)) for numbers in tags]
    optimizer = Adam(0.1)
    losses = []
    for _ in range(60):
        loss, _, gradients = marginal_loss(logits, tags, get_chain(layer))
        add_gradients(layer, gradients, 1 / 12)
        layer.finish_update(optimizer)
        losses.append(loss)
    assert losses[-1] < 0.1 * losses[0]
    assert [found.tolist() for found in decode(logits, get_chain(layer))] == [
        numbers.tolist() for numbers in tags
    ]
    forbidden = np.isinf(iob2_chain(WIDTH).transitions)
    assert not layer.get_param("transitions")[forbidden].any()
    assert layer.get_param("start")[0] > 0
    assert layer.get_param("end")[3] > 0
    loaded = crf_layer().from_bytes(layer.to_bytes())
    for one, two in ((layer, layer.copy()), (layer, loaded)):
        for name in ("transitions", "start", "end"):
            assert (one.get_param(name) == two.get_param(name)).all()


def test_one_tag():
    with pytest.raises(ClintlError, match="CRF with one tag"):
        crf_layer(1)
    layer = crf_layer()
    layer.set_dim("nO", 1)
    with pytest.raises(ClintlError, match="CRF with one tag"):
        layer.initialize()


def test_long_documents_take_bounded_memory_and_time():
    rng = np.random.default_rng(0)
    n, width = 20_000, 9
    logits = [rng.normal(size=(n, width)).astype("f"), rng.normal(size=(10, width)).astype("f")]
    gold = decode(logits, random_chain(rng, width))
    gold[0][100:5000] = MISSING
    chain = random_chain(rng, width)
    start = time.perf_counter()
    tracemalloc.start()
    loss, _, _ = marginal_loss(logits, gold, chain)
    probabilities = entity_probabilities(logits, decode(logits, chain), chain)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.isfinite(loss)
    assert len(probabilities[0]) > 1000
    assert peak < 30 * n * width * 8 + 50_000_000
    assert time.perf_counter() - start < 60


def test_batch_is_as_good_as_each_alone():
    rng = np.random.default_rng(9)
    lengths = rng.integers(0, 40, size=64)
    logits = [rng.normal(size=(length, WIDTH)) for length in lengths]
    chain = random_chain(rng, WIDTH)
    together = decode(logits, chain)
    found = entity_probabilities(logits, together, chain)
    for scores, tags, probabilities in zip(logits, together, found, strict=True):
        [alone] = decode([scores], chain)
        assert (alone == tags).all()
        [single] = entity_probabilities([scores], [alone], chain)
        np.testing.assert_allclose(single, probabilities, rtol=1e-9)


def test_what_is_not_a_number_shows_in_the_loss():
    chain = iob2_chain(WIDTH)
    for bad in (np.nan, np.inf):
        logits = np.zeros((4, WIDTH))
        logits[2, 3] = bad
        loss, _, _ = marginal_loss([logits], [np.array([0, MISSING, MISSING, 0])], chain)
        assert not np.isfinite(loss)
    broken = Chain(chain.transitions * np.nan, chain.start, chain.end)
    assert not np.isfinite(marginal_loss([np.zeros((3, WIDTH))], [np.zeros(3, int)], broken)[0])


def test_many_labels_take_bounded_memory():
    rng = np.random.default_rng(0)
    width, documents = 401, 50  # a table of pairs takes 1.3 MB, of all documents 64
    logits = [rng.normal(size=(3, width)).astype("float32") for _ in range(documents)]
    tags = decode(logits)
    for run in (
        lambda: decode(logits),
        lambda: entity_probabilities(logits, tags),
        lambda: marginal_loss(logits, tags, iob2_chain(width)),
    ):
        tracemalloc.start()
        run()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 45e6


def test_parts_of_a_batch_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    width = 7
    logits = [rng.normal(size=(n, width)) for n in (3, 1, 5, 4, 2)]
    chain = iob2_chain(width)

    def results():
        tags = decode(logits)
        loss, gradients, sums = marginal_loss(logits, tags, chain)
        found = [*tags, *entity_probabilities(logits, tags), *gradients, sums.transitions]
        return loss, found

    loss, expected = results()
    monkeypatch.setattr(iob, "PAIRS", 2 * width**2)
    again, found = results()
    assert again == pytest.approx(loss)
    for one, two in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-12)
