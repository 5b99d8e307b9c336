"""Weightings of tasks by themselves: their numbers, and what they say to impossible settings."""

import math

import pytest
from thinc.api import SGD, Adam

from spacy_clintl.errors import ClintlError
from spacy_clintl.models.weighting import (
    Weighting,
    make_dynamic_weight_average_v1,
    make_fixed_weights_v1,
    make_uncertainty_weights_v1,
)

TASKS = ["a", "b"]
WEIGHTS = {"a": 1.0, "b": 0.5}


def run(weighting, batches, sgd=None, weights=WEIGHTS):
    """Return the state after updates of one batch each, given as losses by task."""
    state = {}
    for losses in batches:
        update = {task: [loss] for task, loss in losses.items()}
        weighting.finish_update(update, weights, state, sgd or SGD(0.1, grad_clip=0.0), key=7)
    return state


def test_fixed_weights_learn_nothing():
    weighting = make_fixed_weights_v1()
    state = run(weighting, [{"a": 1.0, "b": 3.0}] * 3)
    assert state == {}
    assert weighting.factors(TASKS, state) == {"a": 1.0, "b": 1.0}
    assert weighting.penalty("a", state) == 0.0
    assert type(weighting) is Weighting


def test_uncertainty_steps_down_its_slope():
    weighting = make_uncertainty_weights_v1()
    assert weighting.factors(TASKS, {}) == {"a": 1.0, "b": 1.0}
    state = run(weighting, [{"a": 2.0, "b": 0.1}])
    # The slope of weight * (exp(-s) * loss + s / 2) at 0 is weight * (1 / 2 - loss).
    a, b = -0.1 * (0.5 - 2.0), -0.1 * 0.5 * (0.5 - 0.1)
    factors = weighting.factors(TASKS, state)
    assert factors == pytest.approx({"a": math.exp(-a), "b": math.exp(-b)}, rel=1e-6)
    assert weighting.penalty("a", state) == pytest.approx(a / 2)
    # Two batches before one update add up.
    both = {}
    sgd = SGD(0.1, grad_clip=0.0)
    weighting.finish_update({"a": [2.0, 1.0]}, WEIGHTS, both, sgd, key=7)
    assert weighting.penalty("a", both) == pytest.approx(0.1 * 2.0 / 2)


def test_uncertainty_comes_to_rest_at_half_of_the_inverse_loss():
    """Whatever the task's own weight, which would be learned away were it on the loss alone."""
    state = run(make_uncertainty_weights_v1(), [{"a": 2.0, "b": 0.25}] * 400)
    factors = make_uncertainty_weights_v1().factors(TASKS, state)
    assert factors == pytest.approx({"a": 0.25, "b": 2.0}, rel=1e-3)


def test_uncertainty_is_not_decayed():
    """Not even where decay is on for all else, and only with gold."""
    for sgd in (SGD(0.1, L2=0.5, grad_clip=0.0), Adam(0.1, L2=0.5)):
        plain = type(sgd)(0.1, beta1=sgd.b1, beta2=sgd.b2, grad_clip=sgd.grad_clip)
        batches = [{"a": 2.0, "b": 2.0}, {"a": 2.0, "b": 2.0}]
        decayed = run(make_uncertainty_weights_v1(), batches, sgd)
        assert decayed == run(make_uncertainty_weights_v1(), batches, plain)
        assert sgd.L2 == 0.5
        weighting, before = make_uncertainty_weights_v1(), dict(decayed["log_variances"])
        weighting.finish_update({"b": [2.0]}, WEIGHTS, decayed, sgd, key=7)
        assert decayed["log_variances"]["a"] == before["a"]
        assert decayed["log_variances"]["b"] != before["b"]


def test_uncertainty_has_a_rate_and_limits():
    slow, fast = (run(make_uncertainty_weights_v1(rate), [{"a": 2.0}]) for rate in (1.0, 3.0))
    assert fast["log_variances"]["a"] == pytest.approx(3 * slow["log_variances"]["a"])
    far = run(make_uncertainty_weights_v1(), [{"a": 0.0}] * 3, SGD(100.0, grad_clip=0.0))
    assert make_uncertainty_weights_v1().factors(["a"], far)["a"] == pytest.approx(math.exp(10))


def test_dynamic_average_by_hand():
    weighting = make_dynamic_weight_average_v1(temperature=2.0, window=2)
    # Means of windows: a 2.0 and 1.0, so r is 1/2; b 0.5 and 0.5, so r is 1.
    batches = [{"a": 3.0, "b": 0.5}, {"a": 1.0, "b": 0.5}, {"a": 1.5, "b": 0.6}, {"a": 0.5}]
    for n in range(4):
        state = run(weighting, batches[:n])
        assert weighting.factors(TASKS, state) == {"a": 1.0, "b": 1.0}
    state = run(weighting, [*batches[:3], {"a": 0.5, "b": 0.4}])
    # 2 * exp(1/4) / (exp(1/4) + exp(1/2)), and the rest.
    expected = {"a": 0.8756470, "b": 1.1243530}
    assert weighting.factors(TASKS, state) == pytest.approx(expected, abs=1e-6)
    hot = make_dynamic_weight_average_v1(temperature=0.5, window=2)
    # 2 * exp(1) / (exp(1) + exp(2)).
    assert hot.factors(TASKS, state)["a"] == pytest.approx(0.5378828, abs=1e-6)
    # One task alone, and none.
    assert weighting.factors(["a"], state) == {"a": 1.0}
    assert weighting.factors([], state) == {}


def test_dynamic_average_of_partly_labelled_documents():
    weighting = make_dynamic_weight_average_v1(window=2)
    # b: 4.0 in the first window, nothing in the second, 1.0 in the third. a: 2.0, 2.0, 1.0.
    batches = [{"a": 2.0}, {"b": 4.0}, {"a": 2.0}, {"a": 2.0}, {"a": 1.0}, {"a": 1.0, "b": 1.0}]
    assert weighting.factors(TASKS, run(weighting, batches[:4])) == {"a": 1.0, "b": 1.0}
    # r of a is 1/2, r of b 1/4: 2 * exp(1/4) / (exp(1/4) + exp(1/8)).
    factors = weighting.factors(TASKS, run(weighting, batches))
    assert factors == pytest.approx({"a": 1.0624186, "b": 0.9375814}, abs=1e-6)
    # Without gold in a fourth window r of b stays, and a begins to fall more slowly.
    later = weighting.factors(TASKS, run(weighting, [*batches, {"a": 1.0}, {"a": 1.0}]))
    assert later["b"] == pytest.approx(2 / (1 + math.exp((1 - 0.25) / 2)))
    # Losses of 0, then of more.
    odd = run(weighting, [{"a": 0.0, "b": 1e-9}] * 2 + [{"a": 1.0, "b": 1e9}] * 2)
    assert weighting.factors(TASKS, odd) == pytest.approx({"a": 2 / 11, "b": 20 / 11})


def test_dynamic_average_switches_no_task_off():
    weighting = make_dynamic_weight_average_v1(window=1)
    # A task learned by heart whose loss rises a little.
    state = run(weighting, [{"a": 1e-4, "b": 1.0}, {"a": 5e-3, "b": 0.9}])
    assert weighting.factors(TASKS, state) == pytest.approx({"a": 20 / 11, "b": 2 / 11})
    for n in (3, 50):
        tasks = ["a", "b", *map(str, range(n - 2))]
        factors = weighting.factors(tasks, state)
        assert sum(factors.values()) == pytest.approx(n)
        assert min(factors.values()) >= 0.1


@pytest.mark.parametrize(
    ("make", "setting", "value"),
    [
        (make_dynamic_weight_average_v1, "temperature", 0),
        (make_dynamic_weight_average_v1, "temperature", -2.0),
        (make_dynamic_weight_average_v1, "temperature", math.nan),
        (make_dynamic_weight_average_v1, "window", 0),
        (make_dynamic_weight_average_v1, "window", -5),
        (make_dynamic_weight_average_v1, "window", 1.5),
        (make_uncertainty_weights_v1, "rate", 0.0),
        (make_uncertainty_weights_v1, "rate", math.inf),
    ],
)
def test_impossible_settings(make, setting, value):
    with pytest.raises(ClintlError, match=rf"CL481.*'{setting}' is {value}, but must be"):
        make(**{setting: value})
