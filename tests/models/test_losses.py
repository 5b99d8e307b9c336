"""Losses: held to finite differences, to torch, to their limits and to each other."""

import configparser
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

import spacy_clintl
from spacy_clintl.errors import ClintlError
from spacy_clintl.models.losses import (
    asymmetric,
    binary_cross_entropy,
    binary_focal,
    cross_entropy,
    focal,
    make_asymmetric_v1,
    make_binary_cross_entropy_v1,
    make_cross_entropy_v1,
    make_focal_v1,
    mean_loss,
    sigmoid,
    suits,
)

N_DOCS, N_LABELS = 5, 4


def torch_cross_entropy(x, t, smoothing=0.0):
    from torch.nn.functional import cross_entropy

    return cross_entropy(x, t, label_smoothing=smoothing, reduction="none")[:, None]


def torch_binary_cross_entropy(x, t, smoothing=0.0):
    from torch.nn.functional import binary_cross_entropy_with_logits

    return binary_cross_entropy_with_logits(
        x, t * (1 - smoothing) + smoothing / 2, reduction="none"
    )


def torch_focal(x, t, gamma):
    log_probs = x.log_softmax(dim=1)
    return -(t * (1 - log_probs.exp()) ** gamma * log_probs).sum(dim=1, keepdim=True)


def torch_binary_focal(x, t, gamma, alpha=None):
    p = x.sigmoid()
    a, b = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)
    return -a * t * (1 - p) ** gamma * p.log() - b * (1 - t) * p**gamma * (1 - p).log()


def torch_asymmetric(x, t, gamma_pos, gamma_neg, clip):
    p = x.sigmoid()
    p_m = (p - clip).clamp(min=0)
    loss_neg = p_m**gamma_neg * (1 - p_m).log()
    return -t * (1 - p) ** gamma_pos * p.log() - (1 - t) * loss_neg


CASES = {
    "cross-entropy": (make_cross_entropy_v1(), torch_cross_entropy),
    "cross-entropy, smoothed": (
        make_cross_entropy_v1(label_smoothing=0.2),
        partial(torch_cross_entropy, smoothing=0.2),
    ),
    "binary": (make_binary_cross_entropy_v1(), torch_binary_cross_entropy),
    "binary, smoothed": (
        make_binary_cross_entropy_v1(label_smoothing=0.2),
        partial(torch_binary_cross_entropy, smoothing=0.2),
    ),
    **{
        f"focal {gamma}": (make_focal_v1(gamma), partial(torch_focal, gamma=gamma))
        for gamma in (0.0, 0.5, 1.0, 2.0)
    },
    **{
        f"binary focal {gamma} {alpha}": (
            make_focal_v1(gamma, alpha, exclusive=False),
            partial(torch_binary_focal, gamma=gamma, alpha=alpha),
        )
        for gamma, alpha in ((0.0, None), (0.5, None), (2.0, 0.25))
    },
    **{
        f"asymmetric {settings}": (
            make_asymmetric_v1(*settings),
            partial(torch_asymmetric, **dict(zip(("gamma_pos", "gamma_neg", "clip"), settings))),
        )
        for settings in ((0.0, 4.0, 0.05), (1.0, 4.0, 0.2), (0.5, 1.0, 0.0), (0.0, 0.0, 0.1))
    },
}
EACH_LOSS = pytest.mark.parametrize(("loss", "reference"), CASES.values(), ids=list(CASES))


def a_batch(loss, soft=False):
    """Logits, truths and a mask that leaves the second document out; float64."""
    rng = np.random.default_rng(1)
    logits = 3 * rng.normal(size=(N_DOCS, N_LABELS))
    mask = np.ones_like(logits)
    mask[1] = 0
    if not suits(loss, False):
        truths = np.eye(N_LABELS)[rng.integers(N_LABELS, size=N_DOCS)]
        if soft:
            truths = rng.dirichlet(np.ones(N_LABELS), size=N_DOCS)
    else:
        truths = rng.random(logits.shape) if soft else rng.integers(2, size=logits.shape) * 1.0
        mask[3, 1:3] = 0
    return logits, truths, mask


@EACH_LOSS
@pytest.mark.parametrize("soft", [False, True])
def test_values_and_gradients_are_those_of_torch(loss, reference, soft):
    import torch

    logits, truths, mask = a_batch(loss, soft)
    values, gradient = loss(logits, truths, mask)
    x = torch.tensor(logits, requires_grad=True)
    expected = reference(x, torch.tensor(truths))
    known = torch.tensor(mask)
    if expected.shape[1] == 1:
        known = known[:, :1]
    (expected * known).sum().backward()
    np.testing.assert_allclose(values, (expected * known).detach().numpy(), atol=1e-9)
    np.testing.assert_allclose(gradient, x.grad.numpy(), atol=1e-9)


@EACH_LOSS
@pytest.mark.parametrize("soft", [False, True])
def test_gradients_are_those_of_the_weighted_mean(loss, reference, soft):
    logits, truths, mask = a_batch(loss, soft)
    weights = np.random.default_rng(2).uniform(0.1, 5.0, size=logits.shape)
    if not suits(loss, False):
        weights = weights[:, :1]
    _, gradient = mean_loss(loss, logits, truths, mask, weights)
    for index in np.ndindex(*logits.shape):
        ends = []
        for step in (1e-6, -1e-6):
            moved = logits.copy()
            moved[index] += step
            ends.append(mean_loss(loss, moved, truths, mask, weights)[0])
        assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(gradient[index], abs=1e-6)


@EACH_LOSS
def test_what_is_masked_gives_nothing(loss, reference):
    logits, truths, mask = a_batch(loss)
    values, gradient = loss(logits, truths, mask)
    assert not gradient[mask == 0].any()
    # Not even where nothing there is a number.
    broken, nothing = logits.copy(), truths.copy()
    broken[mask == 0] = nothing[mask == 0] = np.nan
    again, gradient_again = loss(broken, nothing, mask)
    np.testing.assert_array_equal(again, values)
    np.testing.assert_array_equal(gradient_again, gradient)
    value, gradient = mean_loss(loss, logits, truths, np.zeros_like(mask))
    assert value == 0.0
    assert not gradient.any()


@EACH_LOSS
def test_great_logits_do_not_overflow(loss, reference):
    rows = [[a, b, c] for a in (-1e4, 1e4) for b in (-1e4, 0, 1e4, 30) for c in (-1e4, 88, -88)]
    logits = np.repeat(np.array(rows, dtype="float32"), 3, axis=0)
    truths = np.tile(np.eye(3, dtype="float32"), (len(rows), 1))
    with np.errstate(all="raise", under="ignore"):
        values, gradient = loss(logits, truths, np.ones_like(logits))
    assert values.dtype == gradient.dtype == np.float32
    assert np.isfinite(values).all()
    assert np.isfinite(gradient).all()
    assert (values >= 0).all()
    truth, mask = np.array([[0, 1, 0]], dtype="float32"), np.ones((1, 3), dtype="float32")
    wrong, right = (
        loss(np.array([row], dtype="float32"), truth, mask)[0].sum()
        for row in ([1e4, -1e4, -1e4], [-1e4, 1e4, -1e4])
    )
    assert wrong > right + 1


@EACH_LOSS
def test_float32_stays_float32_and_close(loss, reference):
    exact = loss(*a_batch(loss))
    rough = loss(*(array.astype("float32") for array in a_batch(loss)))
    for a, b in zip(exact, rough):
        assert b.dtype == np.float32
        np.testing.assert_allclose(b, a, atol=1e-5)
    value, gradient = mean_loss(loss, *(array.astype("float32") for array in a_batch(loss)))
    assert isinstance(value, float)
    assert gradient.dtype == np.float32


def test_the_mean_is_over_documents_with_anything_labelled():
    logits, truths, mask = a_batch(binary_cross_entropy)
    kept = [0, 2, 3, 4]
    value, gradient = mean_loss(binary_cross_entropy, logits, truths, mask)
    less, gradient_less = mean_loss(binary_cross_entropy, logits[kept], truths[kept], mask[kept])
    assert value == pytest.approx(less)
    np.testing.assert_allclose(gradient[kept], gradient_less)
    doubled, _ = mean_loss(binary_cross_entropy, logits, truths, mask, np.full_like(mask, 2.0))
    assert doubled == pytest.approx(2 * value)


def equal(one, other, batch):
    for a, b in zip(one(*batch), other(*batch)):
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_losses_meet_in_their_limits():
    exclusive, multilabel = a_batch(cross_entropy), a_batch(binary_cross_entropy)
    equal(cross_entropy, partial(focal, gamma=0.0), exclusive)
    equal(cross_entropy, make_cross_entropy_v1(), exclusive)
    equal(binary_cross_entropy, partial(binary_focal, gamma=0.0), multilabel)
    plain = partial(asymmetric, gamma_pos=0.0, gamma_neg=0.0, clip=0.0)
    equal(binary_cross_entropy, plain, multilabel)
    symmetric = partial(asymmetric, gamma_pos=2.0, gamma_neg=2.0, clip=0.0)
    equal(partial(binary_focal, gamma=2.0), symmetric, multilabel)
    # A tiny margin is close to none.
    near = partial(asymmetric, gamma_pos=2.0, gamma_neg=2.0, clip=1e-12)
    equal(symmetric, near, multilabel)


def test_the_papers_numbers():
    one = np.ones((1, 1))
    # Lin et al. 2017, section 3.2: at gamma = 2 an example at 0.9 counts a hundredth.
    logits = np.log(one * 0.9 / 0.1)
    plain, _ = binary_cross_entropy(logits, one, one)
    focused, _ = binary_focal(logits, one, one, gamma=2.0)
    assert plain / focused == pytest.approx(100.0)
    # Ridnik et al. 2021, section 2.3: false labels below the margin are left alone.
    logits = np.log(np.array([[0.049 / 0.951, 0.051 / 0.949]]))
    values, gradient = asymmetric(logits, 0 * logits, np.ones_like(logits), 0.0, 1.0, 0.05)
    assert values[0, 0] == gradient[0, 0] == 0.0
    assert values[0, 1] > 0
    assert gradient[0, 1] > 0


def test_smoothed_labels_ask_for_less_than_certainty():
    mask = np.ones((1, 2))
    truths = np.array([[1.0, 0.0]])
    # No gradient where the head says what is asked for: 0.95 and 0.05 with two labels.
    logits = np.log(np.array([[0.95, 0.05]]))
    _, gradient = make_cross_entropy_v1(label_smoothing=0.1)(logits, truths, mask)
    np.testing.assert_allclose(gradient, 0, atol=1e-9)
    logits = np.log(np.array([[0.95 / 0.05, 0.05 / 0.95]]))
    _, gradient = make_binary_cross_entropy_v1(label_smoothing=0.1)(logits, truths, mask)
    np.testing.assert_allclose(gradient, 0, atol=1e-9)
    np.testing.assert_allclose(sigmoid(logits), [[0.95, 0.05]])


def test_losses_say_whom_they_are_for():
    assert not suits(cross_entropy, False)
    assert not suits(make_cross_entropy_v1(0.1), False)
    assert not suits(make_focal_v1(), False)
    assert suits(make_focal_v1(exclusive=False), False)
    assert suits(make_asymmetric_v1(), False)
    assert suits(None, False)
    for loss, exclusive in (
        (make_focal_v1(), True),
        (make_focal_v1(exclusive=False), False),
        (make_asymmetric_v1(), False),
        (make_binary_cross_entropy_v1(), False),
    ):
        assert suits(loss, exclusive)
        assert not suits(loss, not exclusive)
    # One's own says nothing.
    assert suits(None, True)
    assert suits(lambda logits, truths, mask: None, False)


@pytest.mark.parametrize(
    ("make", "settings", "match"),
    [
        (make_cross_entropy_v1, {"label_smoothing": 1.0}, "label_smoothing.*1.0"),
        (make_binary_cross_entropy_v1, {"label_smoothing": -0.1}, "label_smoothing.*-0.1"),
        (make_focal_v1, {"gamma": -1.0}, "gamma.*-1.0"),
        (make_focal_v1, {"gamma": float("nan")}, "gamma"),
        (make_focal_v1, {"alpha": 0.25}, "alpha.*class_weights"),
        (make_focal_v1, {"alpha": 1.5, "exclusive": False}, "alpha.*1.5"),
        (make_asymmetric_v1, {"gamma_pos": -1.0}, "gamma_pos"),
        (make_asymmetric_v1, {"gamma_neg": float("inf")}, "gamma_neg"),
        (make_asymmetric_v1, {"clip": 1.0}, "clip"),
    ],
)
def test_impossible_settings(make, settings, match):
    with pytest.raises(ClintlError, match=match):
        make(**settings)


def test_registered_names_lead_to_losses():
    path = Path(spacy_clintl.__file__).parent.parent / "setup.cfg"
    if not path.exists():
        pytest.skip("not in a checkout")
    config = configparser.ConfigParser()
    config.read(path, encoding="utf-8")
    lines = config["options.entry_points"]["spacy_misc"].strip().splitlines()
    made = set()
    for line in lines:
        name, _, target = (part.strip() for part in line.partition("="))
        module, _, attribute = target.partition(":")
        if name.endswith("Loss.v1"):
            assert callable(getattr(import_module(module), attribute)())
            made.add(name)
    assert made == {
        f"spacy_clintl.{name}Loss.v1"
        for name in ("CrossEntropy", "BinaryCrossEntropy", "Focal", "Asymmetric")
    }


def test_probabilities_close_to_0_are_exact():
    logits = np.array([-100.0, -80.0, -20.0, -17.0, -1.0, 0.0, 1.0, 20.0, 1e4, -1e4])
    for dtype, tolerance in (("float32", 1e-6), ("float64", 1e-14)):
        found = sigmoid(logits.astype(dtype))
        assert found.dtype == dtype
        assert found == pytest.approx(expit(logits), rel=tolerance, abs=1e-37)
