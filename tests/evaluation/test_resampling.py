import time

import numpy as np
import pytest

from spacy_clintl.evaluation.classification import classification_scores
from spacy_clintl.evaluation.comparison import Difference, difference_table
from spacy_clintl.evaluation.resampling import (
    difference,
    interval,
    p_value,
    pair,
    resample,
    score_of,
    tally,
)

LABELS = ["a", "b", "c", "d"]
RNG = np.random.default_rng(0)


def table(values):
    return [[None if np.isnan(x) else float(x) for x in row] for row in values]


def categories(n, exclusive, *, quality=1.0, seed=0, holes=False):
    """Outcomes whose scores follow gold, more so with a higher quality; the same gold each time."""
    truth = np.random.default_rng(42)
    if exclusive:
        # 'd' is rare: subsets have labels without gold.
        gold = np.eye(4)[truth.choice(4, size=n, p=[0.5, 0.3, 0.18, 0.02])]
    else:
        gold = (truth.random((n, 4)) < [0.5, 0.3, 0.2, 0.02]).astype(float)
    if holes:
        gold[truth.random(gold.shape) < 0.3] = np.nan
        gold[::9] = np.nan
    rng = np.random.default_rng(seed)
    scores = 1 / (1 + np.exp(-quality * (2 * np.nan_to_num(gold) - 1) - rng.normal(size=(n, 4))))
    if holes:
        scores[::7] = np.nan
    return {
        "exclusive": exclusive,
        "labels": LABELS,
        "threshold": [0.5, 0.4, 0.6, 0.5],
        "gold": table(gold),
        "scores": table(scores),
    }


def entities(n, *, hit=0.5, seed=0):
    gold = np.random.default_rng(42).integers(3, size=(n, 2))
    rng = np.random.default_rng(seed)
    right = rng.binomial(gold, hit)
    false = rng.integers(2, size=gold.shape)
    return {"labels": ["A", "B"], "counts": np.stack([right, false, gold - right], 2).tolist()}


def reference(outcomes, rows):
    gold, scores = (np.array(outcomes[key], dtype=float)[rows] for key in ("gold", "scores"))
    return classification_scores(
        gold, scores, outcomes["labels"], outcomes["exclusive"], outcomes["threshold"]
    )


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("exclusive", [False, True])
def test_scores_are_those_of_scikit_learn_in_every_resample(exclusive, holes):
    outcomes = categories(60, exclusive, holes=holes)
    # Columns of labels that another run knows change nothing.
    counts = tally(outcomes, ["new", *reversed(LABELS)])
    for _ in range(20):
        # Few documents, so that labels without gold and without predictions occur.
        rows = RNG.integers(60, size=8)
        expected = reference(outcomes, rows)
        for name in ("macro_f", "macro_p", "macro_r", "micro_f", "acc"):
            [found] = score_of(counts[rows].sum(axis=0)[None], name)
            assert found == pytest.approx(expected.get(name, 0.0)), name


def test_entities_are_micro_averages():
    counts = tally({"labels": ["A", "B"], "counts": [[[1, 0, 1], [0, 2, 0]]]}, ["A", "B", "C"])
    assert [score_of(counts, name)[0] for name in "prf"] == pytest.approx([1 / 3, 1 / 2, 2 / 5])
    empty = tally({"labels": [], "counts": [[], []]}, ["A"])
    assert score_of(empty, "f").tolist() == [0, 0]


@pytest.mark.parametrize("exclusive", [False, True])
def test_resampled_documents_give_the_differences_of_their_scores(exclusive):
    first = [categories(40, exclusive, quality=1.5, seed=s) for s in (1, 2)]
    second = [categories(40, exclusive, quality=0.5, seed=s) for s in (3, 4)]
    tables = pair(first, second)
    drawn, swapped = resample(tables, "macro_f", resamples=3, seed=5)

    def gap(rows, change):
        scores = []
        for a, b in zip(first, second):
            mixed = []
            for one, other in ((a, b), (b, a)):
                both = np.array([one["scores"], other["scores"]], dtype=float)
                chosen = both[change, np.arange(40)].tolist()
                mixed.append(reference({**one, "scores": chosen}, rows)["macro_f"])
            scores.append(mixed[0] - mixed[1])
        return np.mean(scores)

    # The same draws by hand, one resample at a time.
    rng = np.random.default_rng(5)
    whole, nothing = np.arange(40), np.zeros(40, dtype=int)
    chosen = rng.integers(40, size=(3, 40))
    coins = rng.integers(2, size=(3, 40), dtype=np.int8)
    assert drawn == pytest.approx([gap(rows, nothing) for rows in chosen])
    assert swapped == pytest.approx([gap(whole, change.astype(int)) for change in coins])
    assert difference(tables, "macro_f") == pytest.approx(gap(whole, nothing))


@pytest.mark.parametrize("name", ["macro_f", "acc"])
def test_interval_and_p_tell_a_difference_from_chance(name):
    good = [categories(257, True, quality=1.2, seed=s) for s in (1, 2, 3)]
    poor = [categories(257, True, quality=0.6, seed=s) for s in (4, 5, 6)]
    same = [categories(257, True, quality=1.2, seed=s) for s in (7, 8, 9)]
    start = time.perf_counter()
    for others, differs in ((poor, True), (same, False)):
        tables = pair(good, others)
        drawn, swapped = resample(tables, name)
        observed = difference(tables, name)
        low, high = interval(drawn)
        assert low < observed < high
        assert (low > 0) == differs
        assert (p_value(observed, swapped) < 0.05) == differs
    # 20,000 resamples of 257 documents and three seeds.
    assert time.perf_counter() - start < 60


def test_equal_systems():
    runs = [entities(30)]
    tables = pair(runs, runs)
    drawn, swapped = resample(tables, "f", resamples=50)
    assert interval(drawn) == (0, 0)
    assert p_value(difference(tables, "f"), swapped) == 1


def test_blocks_and_seeds(monkeypatch):
    tables = pair([entities(30, hit=0.8)], [entities(30, seed=1)])
    one, again, other = (resample(tables, "f", resamples=40, seed=s)[0] for s in (0, 0, 1))
    assert (one == again).all()
    assert (one != other).any()
    monkeypatch.setattr("spacy_clintl.evaluation.resampling.BLOCK", 70)
    assert [len(part) for part in resample(tables, "f", resamples=41)] == [41, 41]


def test_other_documents_are_not_paired():
    outcomes = categories(20, True)
    fewer = {**outcomes, "gold": outcomes["gold"][:-1], "scores": outcomes["scores"][:-1]}
    other = {**outcomes, "gold": outcomes["gold"][::-1]}
    assert pair([outcomes], [fewer]) is None
    assert pair([outcomes], [other]) is None
    assert pair([outcomes], [outcomes]) is not None
    nothing = {"labels": ["A"], "counts": []}
    assert pair([nothing], [nothing]) is None


def test_label_that_one_system_never_saw():
    wide = categories(50, True, quality=3)
    # What `Head.outcomes` gives for a pipeline that does not know 'c': gold alone has it.
    narrow = {**wide, "scores": [[a, b, None, d] for a, b, _, d in wide["scores"]]}
    tables = pair([wide], [narrow])
    expected = reference(wide, range(50))["macro_f"] - reference(narrow, range(50))["macro_f"]
    assert expected > 0
    assert difference(tables, "macro_f") == pytest.approx(expected)


@pytest.mark.parametrize(("p", "shown"), [(0.25, "0.2500"), (1e-4, "0.0001"), (2e-6, "2.0e-06")])
def test_a_small_p_is_never_shown_as_none(p, shown):
    found = [Difference("mood", 300.0, "new", 3, 0.02, (0.01, 0.03), p)]
    assert difference_table(found, [], "old").rows[0][-1] == shown
