import itertools

import numpy as np
import pytest

from spacy_clintl.translation.spans.features import SentencePair, span_features
from spacy_clintl.translation.spans.grid import Grid
from spacy_clintl.translation.spans.likeness import acronyms, joined_likeness, likeness
from spacy_clintl.translation.spans.memory import NOTHING, Memory, Share, expected_targets, key_of
from spacy_clintl.translation.spans.model import SpanModel, probabilities
from spacy_clintl.translation.spans.search import Candidates, place


def test_a_grid_has_what_spans_have():
    values = np.random.default_rng(0).random((2, 6))
    grid = Grid(6, 4)
    spans = grid.spans()
    assert len(spans) == 6 + 5 + 4 + 3

    def check(table, wanted):
        got = table[..., grid.valid]
        for n, (start, end) in enumerate(spans):
            assert got[..., n] == pytest.approx(wanted(start, end))

    check(grid.sum(values), lambda a, b: values[:, a:b].sum(1))
    check(grid.greatest(values), lambda a, b: values[:, a:b].max(1))
    outside = np.concatenate([values, np.zeros((2, 1))], axis=1)
    check(
        grid.greatest_outside(values),
        lambda a, b: np.delete(outside, np.arange(a, b), axis=1).max(1),
    )
    check(grid.first(values[0]), lambda a, b: values[0, a])
    check(grid.final(values[0]), lambda a, b: values[0, b - 1])
    check(grid.before(values[0]), lambda a, b: values[0, a - 1] if a else 0)
    check(grid.after(values[0]), lambda a, b: values[0, b] if b < 6 else 0)


def candidates(n, best, p=0.9):
    spans = np.array([(n, n + 1) for n in range(n)])
    chances = np.full(n + 1, (1 - p) / n)
    chances[best + 1] = p
    return Candidates(spans, chances)


def test_entities_do_not_share_words():
    first, second = candidates(3, 1, 0.9), candidates(3, 1, 0.6)
    alone = np.eye(2, dtype=bool)
    assert place([first, second], alone)[0] == 1
    assert place([first, second], alone)[1] != 1
    assert place([second, first], alone)[1] == 1, "the surer one stays"
    assert place([first, second], np.ones((2, 2), dtype=bool)) == [1, 1]


def test_placing_is_the_best_of_all_ways():
    rng = np.random.default_rng(1)
    spans = np.array([(a, b) for a in range(4) for b in range(a + 1, 5)])
    for _ in range(20):
        entities = [Candidates(spans, probabilities(rng.normal(size=len(spans)) * 3))
                    for _ in range(2)]  # fmt: skip

        def score(numbers, entities=entities):
            return sum(np.log(e.probabilities[n + 1]) for e, n in zip(entities, numbers))

        ways = [
            pair
            for pair in itertools.product(range(-1, len(spans)), repeat=2)
            if -1 in pair
            or spans[pair[0]][1] <= spans[pair[1]][0]
            or spans[pair[1]][1] <= spans[pair[0]][0]
        ]
        best = max(ways, key=score)
        got = place(entities, np.eye(2, dtype=bool))
        assert [-1 if n is None else n for n in got] == list(best)


def test_a_span_may_be_no_span():
    assert Candidates(np.array([[0, 1]]), np.array([0.7, 0.3])).best() is None
    assert Candidates(np.array([[0, 1]]), np.array([0.3, 0.7])).best() == 0
    assert probabilities(np.array([0.0])) == pytest.approx([0.5, 0.5])


def sentence_pair(source, target, links):
    source, target = source.split(), target.split()
    table = np.zeros((len(source), len(target)))
    for i, j in links:
        table[i, j] = 0.9
    weights = [
        np.array([0.0 if word in ("of", "the", "de", "el", "la") else 1.0 for word in side])
        for side in (source, target)
    ]
    return SentencePair(source, target, table, table, *weights)


@pytest.mark.parametrize(
    ("source", "entity", "target", "links", "wanted"),
    [
        ("the European Parliament met", (1, 3), "el Parlamento Europeo se reunió",
         [(0, 0), (1, 2), (2, 1), (3, 4)], "Parlamento Europeo"),
        ("Committee of Safety met", (0, 3), "el Comité de la Seguridad debate",
         [(0, 1), (2, 4), (3, 5)], "Comité de la Seguridad"),
        ("takes 500 mg of Amoxil daily", (4, 5), "toma 500 mg de Amoxil al día",
         [(0, 0), (1, 1), (2, 2), (3, 3)], "Amoxil"),
        ("severe pain today", (0, 2), "hoy dolor intenso", [(2, 0), (1, 1), (0, 2)],
         "dolor intenso"),
    ],
)  # fmt: skip
def test_the_models_first_choice(source, entity, target, links, wanted):
    pair = sentence_pair(source, target, links)
    spans, found = span_features(pair, np.arange(*entity), copied=0.5)
    chances = probabilities(SpanModel().scores(found))
    start, end = spans[chances[1:].argmax()]
    assert " ".join(pair.target[start:end]) == wanted
    assert chances.argmax() > 0


def test_nothing_that_speaks_for_a_span_means_none():
    pair = sentence_pair("Mr Fuster said so", "lo dijo ayer", [(3, 0), (2, 1)])
    _, found = span_features(pair, np.array([1]), copied=0.9)
    assert probabilities(SpanModel().scores(found)).argmax() == 0


def test_features_are_finite_and_known_to_the_model():
    pair = sentence_pair("a B 1 -", ". x Y 2 😀", [(0, 1)])
    names = set()
    for words in ([0], [1, 2], [0, 1, 2, 3], [3], [0, 3]):
        spans, found = span_features(pair, np.array(words), copied=0.1)
        names |= set(found)
        assert all(np.isfinite(v).all() and len(v) == len(spans) for v in found.values())
    assert not names - set(SpanModel().weights)
    memory = Memory().features(("x",), "L", pair.target, np.array([[0, 1]]))
    assert not set(memory) - set(SpanModel().weights)


def test_spelling():
    grid = Grid(4, 4)
    target = ["die", "Europäische", "Union", "tagt"]
    found = acronyms(["EU"], target, grid)
    assert np.argwhere(found).tolist() == [[1, 1]]
    assert acronyms(["European", "Union"], ["die", "EU", "tagt", "."], grid)[1, 0] == 1
    joined = joined_likeness(["Tauern", "tunnel"], ["der", "Tauerntunnel", "ist", "zu"], grid)
    assert joined[1, 0] == 1
    assert likeness(["a"], ["b", "a", "an"])[0].tolist() == [0, 1, 0]


def test_memory_says_what_became_of_the_same_words():
    words = ["in", "dem", "Hohen", "Hause"]
    spans = np.array([[2, 4], [3, 4]])
    share = [Share(key_of(["House"]), "ORG", {key_of(["Hauses"]): 0.8, NOTHING: 0.2})]
    memory = Memory()
    memory.add(share)
    found = memory.features(key_of(["house"]), "ORG", words, spans)
    assert found["as_elsewhere"].tolist() == [0, pytest.approx(0.4)]
    assert found["unlike_elsewhere"].tolist() == [pytest.approx(0.4), 0]
    assert found["nothing_elsewhere"] == pytest.approx([0.1, 0.1])
    other = memory.features(key_of(["Assembly"]), "ORG", words, spans)
    assert other["as_elsewhere"].max() == 0
    assert other["label_elsewhere"][1] > other["label_elsewhere"][0] == 0
    with memory.without(share):
        assert memory.features(key_of(["house"]), "ORG", words, spans)["as_elsewhere"].max() < 1e-9
    assert memory.features(key_of(["house"]), "ORG", words, spans)["as_elsewhere"].max() > 0.3


def test_expected_targets_join_forms_of_a_word():
    words = ["Kommission", "und", "Kommissionen"]
    spans = np.array([[0, 1], [2, 3], [1, 2]])
    found = expected_targets(words, spans, np.array([0.1, 0.5, 0.3, 0.001]))
    assert found == {NOTHING: pytest.approx(0.1), ("kommi",): pytest.approx(0.8)}
