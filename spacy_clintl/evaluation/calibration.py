"""Temperatures and thresholds found on development data, and how well scores are calibrated.

Imported by factories, so SciPy and scikit-learn are imported inside the functions.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy import ndarray

BINS = 15
# Scores are float32: the least above 0, and the greatest below 1. Beyond, nothing is known.
LEAST, GREATEST = 1e-38, 1 - 6e-8
TEMPERATURES = (0.05, 20.0)
# How far the logarithm of a temperature is expected from 0. A handful of documents that are all
# right would else make every score extreme; hundreds outweigh it.
PRIOR_DEVIATION = 1.0


def to_logits(scores: "ndarray", exclusive: bool) -> "ndarray":
    """Turn probabilities back into logits, up to a constant a document where labels exclude.

    Where labels do not exclude each other, logits above 16 are lost: take the model's own.

    scores (ndarray): Probabilities, shape (documents, labels).
    exclusive (bool): Whether the scores of a document sum to 1.
    RETURNS (ndarray): Logits of the same shape.
    """
    import numpy

    scores = numpy.maximum(numpy.asarray(scores, dtype="float64"), LEAST)
    if exclusive:
        return numpy.log(scores)
    scores = numpy.minimum(scores, GREATEST)
    return numpy.log(scores) - numpy.log1p(-scores)


def at_temperature(logits: "ndarray", temperature: float, exclusive: bool) -> "ndarray":
    """Return the probabilities that logits give which are divided by a temperature.

    logits (ndarray): Logits, shape (documents, labels).
    temperature (float): Above 1 makes scores less extreme, below 1 more so.
    exclusive (bool): Whether the scores of a document sum to 1.
    RETURNS (ndarray): Probabilities of the same shape.
    """
    from scipy.special import expit, softmax

    scaled = logits / temperature
    return softmax(scaled, axis=1) if exclusive else expit(scaled)


def fit_temperature(logits: "ndarray", gold: "ndarray", exclusive: bool) -> float:
    """Find the temperature of the least negative log-likelihood (Guo et al. 2017, section 4.2).

    Its logarithm has a normal prior (`PRIOR_DEVIATION`), which matters where documents are few.

    logits (ndarray): Logits, shape (documents, labels).
    gold (ndarray): 1, 0, or NaN where not annotated; of the same shape.
    exclusive (bool): Whether exactly one label of a document is true.
    RETURNS (float): Between 0.05 and 20; 1 without an annotated document.
    """
    import numpy
    from scipy.optimize import minimize_scalar
    from scipy.special import log_expit, log_softmax

    gold, logits = _annotated(gold, logits, exclusive)
    if not len(gold):
        return 1.0
    known = ~numpy.isnan(gold)
    truth = numpy.nan_to_num(gold)

    def loss(log_temperature: float) -> float:
        scaled = logits / numpy.exp(log_temperature)
        prior = (log_temperature / PRIOR_DEVIATION) ** 2 / 2
        if exclusive:
            return prior - float((log_softmax(scaled, axis=1) * truth).sum())
        terms = truth * log_expit(scaled) + (1 - truth) * log_expit(-scaled)
        return prior - float(terms[known].sum())

    bounds = tuple(numpy.log(TEMPERATURES))
    found = minimize_scalar(loss, bounds=bounds, method="bounded")
    return float(numpy.exp(found.x))


def expected_calibration_error(scores: "ndarray", gold: "ndarray", exclusive: bool) -> float | None:
    """Measure how far confidence is from accuracy (Guo et al. 2017, equation 3; 15 bins).

    Exclusive: the confidence is that of the predicted label. Multi-label: each annotated pair of
    document and label is one prediction, its confidence the probability of the label.

    scores (ndarray): Probabilities, shape (documents, labels).
    gold (ndarray): 1, 0, or NaN where not annotated; of the same shape.
    exclusive (bool): Whether exactly one label of a document is true.
    RETURNS (float | None): 0 is perfect, 1 the worst; None without an annotated document.
    """
    import numpy

    gold, scores = _annotated(gold, scores, exclusive)
    if not len(gold):
        return None
    if exclusive:
        confidence = scores.max(axis=1)
        right = scores.argmax(axis=1) == numpy.nan_to_num(gold).argmax(axis=1)
    else:
        known = ~numpy.isnan(gold)
        confidence, right = scores[known], gold[known] >= 0.5
    bins = numpy.minimum((confidence * BINS).astype(int), BINS - 1)
    size = numpy.bincount(bins, minlength=BINS)
    gap = numpy.bincount(bins, weights=confidence - right, minlength=BINS)
    # |mean confidence - mean accuracy| of each bin, weighted by its size.
    return float(numpy.abs(gap).sum() / size.sum())


def best_threshold(
    scores: "ndarray",
    truth: "ndarray",
    precision: float | None = None,
    recall: float | None = None,
) -> float | None:
    """Find the score from which on a label should count as true.

    Between two scores any number divides the documents alike: the middle is taken.

    scores (ndarray): A label's scores on the documents annotated for it, shape (documents,).
    truth (ndarray): Whether it holds, shape (documents,).
    precision (float | None): A number looks for the highest recall at this precision or above.
    recall (float | None): A number looks for the highest precision at this recall or above. With
        neither, the highest F1 is looked for.
    RETURNS (float | None): None if the label never or always holds, or the precision is out of
        reach.
    """
    import numpy
    from sklearn.metrics import precision_recall_curve

    truth = numpy.asarray(truth, dtype=bool)
    scores = numpy.asarray(scores, dtype="float64")
    if not truth.any() or truth.all():
        return None
    precisions, recalls, thresholds = precision_recall_curve(truth, scores)
    # The last point has no threshold: nothing is predicted.
    precisions, recalls = precisions[:-1], recalls[:-1]
    if precision is not None:
        value = numpy.where(precisions >= precision, recalls, -1.0)
    elif recall is not None:
        value = numpy.where(recalls >= recall, precisions, -1.0)
    else:
        value = 2 * precisions * recalls / numpy.maximum(precisions + recalls, 1e-12)
    best = int(value.argmax())
    if value[best] <= 0:
        return None
    below = scores[scores < thresholds[best]]
    lower = below.max() if len(below) else 0.0
    return float((thresholds[best] + lower) / 2)


def _annotated(gold: "ndarray", scores: "ndarray", exclusive: bool) -> "tuple[ndarray, ndarray]":
    import numpy

    gold = numpy.asarray(gold, dtype="float64")
    scores = numpy.asarray(scores, dtype="float64")
    if exclusive:
        rows = (numpy.nan_to_num(gold) >= 0.5).any(axis=1)
    else:
        rows = ~numpy.isnan(gold).all(axis=1)
    return gold[rows], scores[rows]
