import numpy
import pytest
from scipy.special import expit, softmax

from spacy_clintl.evaluation.calibration import (
    at_temperature,
    best_threshold,
    expected_calibration_error,
    fit_temperature,
    to_logits,
)


@pytest.fixture
def rng():
    return numpy.random.default_rng(0)


def drawn(rng, exclusive, n=4000, k=4):
    """Draw logits and gold that follow them exactly: a temperature of 1 is right."""
    logits = rng.normal(size=(n, k)) * 2
    if exclusive:
        probs = softmax(logits, axis=1)
        gold = numpy.eye(k)[[rng.choice(k, p=row) for row in probs]]
    else:
        gold = (rng.random((n, k)) < expit(logits)).astype(float)
    return logits, gold


@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_over_and_underconfidence(rng, exclusive, factor):
    logits, gold = drawn(rng, exclusive)
    squash = (lambda x: softmax(x, axis=1)) if exclusive else expit
    scores = squash(logits * factor)
    temperature = fit_temperature(logits * factor, gold, exclusive)
    assert temperature == pytest.approx(factor, rel=0.1)
    mended = at_temperature(logits * factor, temperature, exclusive)
    # From scores in single precision it is the same, as long as no logit is too great.
    guessed = fit_temperature(to_logits(scores.astype("float32"), exclusive), gold, exclusive)
    assert guessed == pytest.approx(temperature, rel=0.01)
    if exclusive:
        assert (mended.argmax(axis=1) == scores.argmax(axis=1)).all()
    before = expected_calibration_error(scores, gold, exclusive)
    after = expected_calibration_error(mended, gold, exclusive)
    assert after < 0.03
    assert factor == 1.0 or after < before / 2


def test_what_is_not_annotated_does_not_count(rng):
    logits, gold = drawn(rng, False, n=500)
    scores = expit(logits * 2)
    holes = gold.copy()
    holes[:, 0] = numpy.nan
    more = numpy.concatenate([holes, numpy.full((50, 4), numpy.nan)])
    more_scores = numpy.concatenate([scores, rng.random((50, 4))])
    for measure in (fit_temperature, expected_calibration_error):
        expected = measure(scores[:, 1:], gold[:, 1:], False)
        assert measure(more_scores, more, False) == pytest.approx(expected)
    nothing = numpy.full((3, 4), numpy.nan)
    for exclusive in (True, False):
        assert fit_temperature(scores[:3], nothing, exclusive) == 1.0
        assert expected_calibration_error(scores[:3], nothing, exclusive) is None


def test_calibration_error_is_that_of_the_definition():
    scores = numpy.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4]])
    gold = numpy.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    # Two bins: confidence 0.9 with accuracy 0.5, confidence 0.6 with accuracy 1.
    assert expected_calibration_error(scores, gold, True) == pytest.approx(
        2 / 3 * 0.4 + 1 / 3 * 0.4
    )


def test_a_handful_of_documents_does_not_make_scores_extreme():
    # All right, and all but undecided: the likeliest temperature would be the lowest there is.
    logits = to_logits(numpy.array([[0.6, 0.4]] * 5), True)
    gold = numpy.array([[1.0, 0.0]] * 5)
    temperature = fit_temperature(logits, gold, True)
    assert 0.7 < at_temperature(logits, temperature, True)[0, 0] < 0.95


@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize("factor", [8.0, 19.0])
def test_great_logits_are_not_cut(rng, exclusive, factor):
    logits, gold = drawn(rng, exclusive)
    logits = (logits / 2 * factor).astype("float32")
    gold_of_halved = fit_temperature(logits / factor, gold, exclusive)
    temperature = fit_temperature(logits, gold, exclusive)
    assert temperature == pytest.approx(factor * gold_of_halved, rel=0.05)
    if exclusive:
        # Scores have it all, but for a constant.
        guessed = fit_temperature(to_logits(softmax(logits, axis=1), exclusive), gold, exclusive)
        assert guessed == pytest.approx(temperature, rel=0.05)


def test_scores_of_0_and_1_stay_finite():
    scores = numpy.array([[1.0, 0.0], [0.0, 1.0]])
    gold = numpy.array([[0.0, 1.0], [0.0, 1.0]])
    for exclusive in (True, False):
        logits = to_logits(scores, exclusive)
        temperature = fit_temperature(logits, gold, exclusive)
        assert numpy.isfinite(at_temperature(logits, temperature, exclusive)).all()


def test_the_best_threshold_for_f1_and_for_a_wanted_precision_or_recall():
    scores = numpy.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.8])
    truth = numpy.array([0, 0, 1, 0, 1, 1])
    # From 0.3 on: precision 3/4, recall 1.
    assert best_threshold(scores, truth) == pytest.approx(0.25)
    assert best_threshold(scores, truth, precision=0.9) == pytest.approx(0.5)
    assert best_threshold(scores, truth, precision=0.75) == pytest.approx(0.25)
    assert best_threshold(scores, truth, recall=0.6) == pytest.approx(0.5)
    assert best_threshold(scores, truth, recall=0.7) == pytest.approx(0.25)
    assert best_threshold(scores, truth, recall=1.0) == pytest.approx(0.25)


def test_no_threshold_where_none_can_be_found():
    scores = numpy.array([0.1, 0.9])
    assert best_threshold(scores, numpy.array([0, 0])) is None
    assert best_threshold(scores, numpy.array([1, 1])) is None
    assert best_threshold(scores, numpy.array([1, 0]), precision=0.9) is None
