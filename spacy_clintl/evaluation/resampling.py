"""How sure a difference between two systems is, by resampling the documents both were scored on.

Paired bootstrap: Efron & Tibshirani, An Introduction to the Bootstrap, 1993, sections 8.3 and 13.3.
Approximate randomisation: Noreen, Computer-Intensive Methods for Testing Hypotheses, 1989; Yeh,
More accurate tests for the statistical significance of result differences, COLING 2000.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .classification import POSITIVE, thresholds_of

# Scores that follow from counts which add up over documents.
COUNTED = ("macro_f", "macro_p", "macro_r", "micro_f", "acc", "f", "p", "r")
# Of each label: right, predicted and gold cases, and whether it takes part in macro averages.
FIELDS = 4
# Numbers in a block of resamples: bounds the memory.
BLOCK = 1 << 22
# A sum over documents may differ in its last digits from the same sum in another order.
EPSILON = 1e-9


def tally(outcomes: Mapping[str, Any], labels: Sequence[str]) -> np.ndarray:
    """Count what each document adds to the scores of `COUNTED`.

    outcomes (Mapping[str, Any]): What became of each document, as experiments keep it: `labels`
        and `counts` (n documents, k labels, 3: true positive, false positive, false negative
        spans), or `labels`, `exclusive`, `threshold`, `gold` and `scores` (n documents, k labels;
        None is not annotated, or not predicted).
    labels (Sequence[str]): The labels to count, K of them; those of the outcomes and maybe others.
    RETURNS (numpy.ndarray): Shape (n documents, 4 K + 2): for each label right, predicted and gold
        cases and 1 where the document brings the label into macro averages; then whether the whole
        document is right, and whether it counts for accuracy. A row of zeros is not annotated.
    """
    own = list(outcomes["labels"])
    n = _size(outcomes)
    places = [list(labels).index(label) for label in own]
    if "counts" in outcomes:
        counts = np.asarray(outcomes["counts"], dtype=float).reshape(n, len(own), 3)
        right, false, missed = np.moveaxis(counts, 2, 0)
        fields = [right, right + false, right + missed, np.ones_like(right)]
        whole = np.zeros((n, 2))
    else:
        gold = np.asarray(outcomes["gold"], dtype=float).reshape(n, len(own))
        scores = np.asarray(outcomes["scores"], dtype=float).reshape(n, len(own))
        if outcomes["exclusive"]:
            truth, predicted, known, used = _exclusive(gold, scores)
            annotated = known[:, 0]
        else:
            threshold = thresholds_of("", own, outcomes["threshold"])
            truth = np.nan_to_num(gold) >= POSITIVE
            predicted = np.nan_to_num(scores) >= np.asarray(threshold)
            known = used = ~np.isnan(gold)
            annotated = known.all(axis=1)
        truth, predicted = truth & known, predicted & known
        fields = [truth & predicted, predicted, truth, used]
        whole = np.stack([(truth == predicted).all(axis=1) & annotated, annotated], axis=1)
    table = np.zeros((n, len(labels), FIELDS))
    table[:, places] = np.stack(fields, axis=2)
    return np.concatenate([table.reshape(n, FIELDS * len(labels)), whole], axis=1)


def score_of(totals: np.ndarray, name: str) -> np.ndarray:
    """Work out a score from summed counts, as scikit-learn does (0 where a divisor is 0).

    totals (numpy.ndarray): Rows of `tally`, summed over documents, shape (r sums, 4 K + 2).
    name (str): One of `COUNTED`; 'f', 'p' and 'r' are micro averages.
    RETURNS (numpy.ndarray): The scores, shape (r,).
    """
    if name == "acc":
        return _ratio(totals[:, -2], totals[:, -1])
    counts = totals[:, :-2].reshape(len(totals), -1, FIELDS)
    right, predicted, gold, used = np.moveaxis(counts, 2, 0)
    if not name.startswith("macro"):
        right, predicted, gold = (part.sum(axis=1) for part in (right, predicted, gold))
    if name.endswith("f"):
        values = _ratio(2 * right, predicted + gold)
    else:
        values = _ratio(right, predicted if name.endswith("p") else gold)
    if name.startswith("macro"):
        return _ratio((values * (used > 0)).sum(axis=1), (used > 0).sum(axis=1))
    return values


def pair(
    first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]
) -> np.ndarray | None:
    """Tally the outcomes of two systems on the same documents.

    first, second (Sequence[Mapping[str, Any]]): Outcomes, one for each seed, as for `tally`.
    RETURNS (numpy.ndarray | None): Shape (2 systems, s seeds, n documents, 4 K + 2), documents
        without annotation left out; None if the documents are not the same, or there is none.
    """
    every = [*first, *second]
    # A label that one system alone knows, as its training documents had it, counts for that one.
    labels = sorted({label for outcomes in every for label in outcomes["labels"]})
    if len({_size(outcomes) for outcomes in every}) > 1:
        return None
    tables = np.stack([tally(outcomes, labels) for outcomes in every])
    gold = tables[:, :, 2:-2:FIELDS]
    if (gold != gold[0]).any() or not tables.any():
        return None
    tables = tables[:, tables.any(axis=(0, 2))]
    return tables.reshape(2, len(first), *tables.shape[1:])


def resample(
    tables: np.ndarray, name: str, *, resamples: int = 10_000, seed: int | Sequence[int] = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Resample documents, jointly for both systems and all their seeds.

    The difference is the first system's score minus the second's, averaged over seeds. Bootstrap:
    n documents are drawn from the n with replacement. Randomisation: for each document a coin
    decides whether the two systems change places on it. What is resampled is the documents alone:
    the trained pipelines are given, and other seeds than theirs are not spoken of.

    tables (numpy.ndarray): What `pair` gave.
    name (str): One of `COUNTED`.
    resamples (int): How many.
    seed (int | Sequence[int]): Draws.
    RETURNS (tuple[numpy.ndarray, numpy.ndarray]): The differences of the bootstrap's resamples,
        and those of the randomisation, shape (resamples,) each.
    """
    if not name.startswith("macro"):
        labels = tables[..., :-2].reshape(*tables.shape[:-1], -1, FIELDS).sum(axis=-2)
        tables = np.concatenate([labels, tables[..., -2:]], axis=-1)
    _, n_seeds, n, m = tables.shape
    # Single precision is exact for counts, and twice as fast.
    by_document = np.moveaxis(tables, 2, 0).astype(np.float32)
    both = by_document.reshape(n, -1)
    change = (by_document[:, 1] - by_document[:, 0]).reshape(n, -1)
    totals = tables.sum(axis=2)[:, None]
    rng = np.random.default_rng(seed)
    size = max(1, BLOCK // max(1, n, both.shape[1]))
    drawn, swapped = [], []
    for start in range(0, resamples, size):
        r = min(size, resamples - start)
        chosen = rng.integers(n, size=(r, n)) + n * np.arange(r)[:, None]
        times = np.bincount(chosen.ravel(), minlength=r * n).reshape(r, n)
        sums = (times.astype(np.float32) @ both).reshape(r, 2, n_seeds, m)
        drawn.append(_difference(np.moveaxis(sums, 1, 0), name))
        coins = rng.integers(2, size=(r, n), dtype=np.int8)
        moved = (coins.astype(np.float32) @ change).reshape(r, n_seeds, m)
        swapped.append(_difference(totals + np.stack([moved, -moved]), name))
    return np.concatenate(drawn), np.concatenate(swapped)


def difference(tables: np.ndarray, name: str) -> float:
    """RETURNS (float): The difference between two systems as they are, averaged over seeds."""
    return float(_difference(tables.sum(axis=2)[:, None], name)[0])


def interval(drawn: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """RETURNS (tuple[float, float]): The percentile interval of bootstrap differences."""
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def p_value(observed: float, swapped: np.ndarray) -> float:
    """RETURNS (float): How often chance gives a difference as large, of either sign; never 0."""
    return float((1 + (np.abs(swapped) >= abs(observed) - EPSILON).sum()) / (1 + len(swapped)))


def _difference(sums: np.ndarray, name: str) -> np.ndarray:
    """From counts of shape (2, r, s seeds, m) to differences of shape (r,)."""
    _, r, n_seeds, m = sums.shape
    first, second = (
        score_of(part.reshape(-1, m).astype(float), name).reshape(r, n_seeds) for part in sums
    )
    return (first - second).mean(axis=1)


def _exclusive(gold: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, ...]:
    rows = np.arange(len(gold))
    known = (np.nan_to_num(gold) >= POSITIVE).any(axis=1, keepdims=True)
    truth, predicted = np.zeros((2, *gold.shape), dtype=bool)
    truth[rows, np.nan_to_num(gold).argmax(axis=1)] = True
    predicted[rows, np.nan_to_num(scores, nan=-np.inf).argmax(axis=1)] = True
    # A document without any score is predicted as nothing.
    predicted &= ~np.isnan(scores).all(axis=1, keepdims=True)
    truth &= known
    predicted &= known
    return truth, predicted, known, truth | predicted


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return part / np.where(whole > 0, whole, 1)


def _size(outcomes: Mapping[str, Any]) -> int:
    return len(outcomes["counts"] if "counts" in outcomes else outcomes["gold"])
