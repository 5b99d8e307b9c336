"""What every head must do."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from thinc.api import Adam, set_dropout_rate

from spacy_clintl.errors import ClintlError
from spacy_clintl.models.heads import cross_attention_bilstm, torch_head
from spacy_clintl.models.heads.cross_attention_bilstm import cross_attention_bilstm_head_v1
from spacy_clintl.models.heads.label_attention import label_attention_head_v1
from spacy_clintl.models.heads.label_dependency import label_dependency_v1
from spacy_clintl.models.heads.linear import linear_head_v1
from spacy_clintl.models.heads.pair import pair_head_v1
from spacy_clintl.models.heads.reads_tasks import reads_tasks_v1
from tests.models.heads import build, documents, flat, gradients_of, train, weights_of

WIDTH = 6


def bilstm(dropout=0.0, **settings):
    settings = {"hidden_width": 4, "attention_heads": 2, **settings}
    return cross_attention_bilstm_head_v1(dropout=dropout, **settings)


HEADS = {
    "mean": lambda dropout=0.0: linear_head_v1("mean", dropout=dropout),
    "attention": lambda dropout=0.0: linear_head_v1("attention", dropout=dropout),
    "label_attention": lambda dropout=0.0: label_attention_head_v1(8, dropout=dropout),
    "bilstm": bilstm,
    "bilstm_windows": lambda dropout=0.0: bilstm(dropout, window=4),
    "pair": lambda dropout=0.0: pair_head_v1(8, dropout=dropout),
    "dependency": lambda dropout=0.0: label_dependency_v1(
        label_attention_head_v1(8, dropout=dropout)
    ),
    "pair_dependency": lambda dropout=0.0: label_dependency_v1(pair_head_v1(8, dropout=dropout)),
}
TORCH_HEADS = [name for name in HEADS if name not in ("mean", "attention")]


@pytest.fixture(params=HEADS)
def kind(request):
    return HEADS[request.param]


def trained(kind, **settings):
    """A head whose weights are not those it started with; the matrix over the labels starts as
    zeros, and most gradients with it."""
    head = build(kind(**settings), width=WIDTH)
    train(head, documents([4, 2, 9], WIDTH, head), np.eye(3, dtype="f"), steps=4, rate=0.1)
    return head


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_gradients_are_the_slopes(kind, seed):
    head = trained(kind)
    inputs = documents([3, 1, 7], WIDTH, head, seed=seed)
    rng = np.random.default_rng(seed)
    coefficients = rng.normal(size=(3, 3)).astype("f")
    logits, backprop = head.begin_update(inputs)
    assert logits.shape == (3, 3)
    assert logits.dtype == np.float32
    d_inputs = backprop(coefficients)
    arrays = [*flat(inputs), *weights_of(head).values()]
    gradients = [*flat(d_inputs), *gradients_of(head).values()]
    assert [g.shape for g in gradients] == [a.shape for a in arrays]
    for array, gradient in zip(arrays, gradients):
        direction = np.sign(rng.normal(size=array.shape)).astype("f")
        if head.name == "label_dependency" and array is head.get_param("W"):
            np.fill_diagonal(direction, 0.0)  # a label does not depend on itself
        expected = float((gradient * direction).sum())
        slopes = []
        for step in (3e-3, 1e-3, 3e-4):  # rectifiers bend on the way
            values = []
            for sign in (1, -1):
                array += sign * step * direction
                values.append(float((head.predict(inputs) * coefficients).sum()))
                array -= sign * step * direction
            slopes.append((values[0] - values[1]) / (2 * step))
        closest = min(slopes, key=lambda slope: abs(slope - expected))
        assert closest == pytest.approx(expected, rel=0.05, abs=0.1)


def test_documents_do_not_change_each_other(kind, monkeypatch):
    head = trained(kind)
    inputs = documents([1, 40, 3, 700, 2, 5], WIDTH, head)
    together = head.predict(inputs)
    alone = np.concatenate([head.predict([document]) for document in inputs])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    # The same in training, and cut into many sub-batches.
    logits, backprop = head.begin_update(inputs)
    gradient = np.cos(logits)
    expected = flat(backprop(gradient)), gradients_of(head)
    np.testing.assert_allclose(logits, alone, atol=1e-5)
    head.finish_update(Adam(0.0))
    monkeypatch.setattr(torch_head, "SUBBATCH_TOKENS", 8)
    logits, backprop = head.begin_update(inputs)
    np.testing.assert_allclose(logits, alone, atol=1e-5)
    for array, found in zip(expected[0], flat(backprop(gradient)), strict=True):
        np.testing.assert_allclose(array, found, atol=1e-5)
    for array, found in zip(expected[1].values(), gradients_of(head).values(), strict=True):
        np.testing.assert_allclose(array, found, atol=1e-4, rtol=1e-4)


def test_saved_and_copied_heads_say_the_same(kind, tmp_path):
    head = trained(kind, dropout=0.5)
    inputs = documents([4, 1, 30], WIDTH, head)
    expected = head.predict(inputs)
    np.testing.assert_array_equal(head.predict(inputs), expected)
    head.to_disk(tmp_path / "head")
    others = {
        "bytes": kind().from_bytes(head.to_bytes()),
        "disk": kind().from_disk(tmp_path / "head"),
        "copy": head.copy(),
        "deepcopy": copy.deepcopy(head),
        "pickle": pickle.loads(pickle.dumps(head)),
    }
    for way, other in others.items():
        np.testing.assert_array_equal(other.predict(inputs), expected, err_msg=way)
        before = {name: array.copy() for name, array in weights_of(head).items()}
        train(other, inputs, np.eye(3, dtype="f"), steps=1)
        assert (other.predict(inputs) != expected).any(), way
        for name, array in weights_of(head).items():
            np.testing.assert_array_equal(array, before[name], err_msg=way)
    assert others["bytes"].to_bytes() == kind().from_bytes(others["bytes"].to_bytes()).to_bytes()


@pytest.mark.parametrize("name", TORCH_HEADS)
def test_dropout_is_the_heads_own_and_for_training_only(name):
    head = trained(HEADS[name], dropout=0.5)
    set_dropout_rate(head, 0.0)
    inputs = documents([20, 5], WIDTH, head)
    one, two = head.begin_update(inputs)[0], head.begin_update(inputs)[0]
    assert (one != two).any()
    np.testing.assert_array_equal(head.predict(inputs), head.predict(inputs))


def test_documents_that_say_nothing(kind):
    head = trained(kind)
    nothing = np.zeros((1, WIDTH), dtype="f")
    pair = bool(head.attrs.get("takes_sides"))
    inputs = [(nothing, nothing) if pair else nothing] * 2 + documents([5], WIDTH, head)
    if pair:
        inputs += [(inputs[-1][0], nothing), (nothing, inputs[-1][0])]
    logits, backprop = head.begin_update(inputs)
    assert np.isfinite(logits).all()
    for array in [*flat(backprop(np.ones_like(logits))), *gradients_of(head).values()]:
        assert np.isfinite(array).all()
    np.testing.assert_allclose(logits[0], logits[1], atol=1e-6)
    if name_of(kind) in TORCH_HEADS:
        assert head.predict([]).shape == (0, 3)


def name_of(kind):
    return next(name for name, value in HEADS.items() if value is kind)


@pytest.mark.parametrize("name", TORCH_HEADS)
def test_what_gets_no_gradient_stays(name):
    head = trained(HEADS[name])
    before = {key: array.copy() for key, array in weights_of(head).items()}
    inputs = documents([3, 30], WIDTH, head)
    logits, backprop = head.begin_update(inputs)
    d_inputs = backprop(np.zeros_like(logits))
    assert not any(array.any() for array in flat(d_inputs))
    for shim in (shim for node in head.walk() for shim in node.shims):
        shim.finish_update(Adam(0.1, L2=0.1))
        assert all(p.grad is None for p in shim._model.parameters())
    for key, array in weights_of(head).items():
        np.testing.assert_array_equal(array, before[key])


def test_averaged_weights_are_used_for_a_while(kind):
    head = build(kind(), width=WIDTH)
    inputs = documents([4, 2, 9], WIDTH, head)
    optimizer = Adam(0.1)
    for _ in range(5):
        logits, backprop = head.begin_update(inputs)
        backprop(logits - 10 * np.eye(3, dtype="f"))
        head.finish_update(optimizer)
    last = head.predict(inputs)
    with head.use_params(optimizer.averages):
        averaged = head.predict(inputs)
    assert (averaged != last).any()
    np.testing.assert_array_equal(head.predict(inputs), last)


def test_more_labels(kind):
    head = trained(kind)
    optimizer = Adam(0.05)
    inputs = documents([4, 1, 30], WIDTH, head)

    def update(n_labels):
        _, backprop = head.begin_update(inputs)
        backprop(np.eye(3, n_labels, dtype="f"))
        head.finish_update(optimizer)

    update(3)
    expected = head.predict(inputs)
    head.attrs["resize_output"](head, 5)
    assert head.get_ref("output_layer").get_dim("nO") == 5
    logits = head.predict(inputs)
    assert logits.shape == (3, 5)
    if name_of(kind) in ("label_attention", "dependency"):
        np.testing.assert_allclose(logits[:, :3], expected, atol=1e-6)
    else:
        np.testing.assert_array_equal(logits[:, :3], expected)
    # The optimizer has moments of the old shapes.
    update(5)
    assert np.isfinite(head.predict(inputs)).all()
    assert (head.predict(inputs) != logits).any()
    np.testing.assert_array_equal(
        kind().from_bytes(head.to_bytes()).predict(inputs), head.predict(inputs)
    )


def test_head_that_was_not_initialized():
    with pytest.raises(ClintlError, match="initialize"):
        label_attention_head_v1().predict(documents([2], WIDTH))
    empty = label_attention_head_v1().from_bytes(label_attention_head_v1().to_bytes())
    assert build(empty).predict(documents([2], WIDTH)).shape == (1, 3)


def test_weights_of_other_settings():
    saved = build(label_attention_head_v1(8)).to_bytes()
    with pytest.raises(ClintlError, match="CL348"):
        label_attention_head_v1(16).from_bytes(saved)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: label_attention_head_v1(hidden_width=0), "LabelAttentionHead.*hidden_width.*0"),
        (lambda: label_attention_head_v1(dropout=1.0), "LabelAttentionHead.*dropout"),
        (lambda: pair_head_v1(dropout=-0.1), "PairHead.*dropout"),
        (lambda: pair_head_v1(hidden_width=1.5), "PairHead.*hidden_width.*1.5"),
        (lambda: bilstm(window=0), "CrossAttentionBiLSTMHead.*window"),
        (lambda: bilstm(attention_heads=3), "attention_heads.*3.*divisor"),
        (lambda: reads_tasks_v1(linear_head_v1(), tasks=[]), "ReadsTasks.*tasks"),
        (lambda: reads_tasks_v1(linear_head_v1(), tasks="a"), "ReadsTasks.*tasks"),
        (lambda: reads_tasks_v1(linear_head_v1(), tasks=["a", "a"]), "ReadsTasks.*tasks"),
        (
            lambda: reads_tasks_v1(reads_tasks_v1(linear_head_v1(), ["a"]), ["b"]),
            "ReadsTasks.*head",
        ),
    ],
)
def test_impossible_settings(make, match):
    with pytest.raises(ClintlError, match=match):
        make()


def test_lstm_of_many_windows_is_computed_again(monkeypatch):
    head = build(bilstm(window=4), width=WIDTH)
    inputs = documents([30, 3], WIDTH)
    results = []
    for tokens in (torch_head.SUBBATCH_TOKENS, 8):
        monkeypatch.setattr(cross_attention_bilstm, "SUBBATCH_TOKENS", tokens)
        logits, backprop = head.begin_update(inputs)
        results.append([logits, *backprop(np.cos(logits)), *gradients_of(head).values()])
        head.finish_update(Adam(0.0))
    for one, two in zip(*results, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)
    # No token is left out.
    assert (np.abs(results[0][1]).sum(axis=1) > 0).all()


LONG = """
import resource, sys
import numpy as np
from spacy_clintl.models.heads.cross_attention_bilstm import cross_attention_bilstm_head_v1
from spacy_clintl.models.heads.label_attention import label_attention_head_v1
from spacy_clintl.models.heads.pair import pair_head_v1
from tests.models.heads import build, flat
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
head = build({head}, width=64, n_labels=500)
tokens = np.random.default_rng(0).normal(size=(50_000, 64)).astype("f")
inputs = [(tokens[:25_000], tokens[25_000:])] if head.attrs["takes_sides"] else [tokens]
before = peak()
logits, backprop = head.begin_update(inputs)
assert all(array.any(axis=1).all() for array in flat(backprop(np.ones_like(logits))))
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "head", ["label_attention_head_v1()", "cross_attention_bilstm_head_v1()", "pair_head_v1()"]
)
def test_document_of_50000_tokens_in_bounded_memory(head):
    done = subprocess.run(
        [sys.executable, "-c", LONG.replace("{head}", head)], capture_output=True, text=True
    )
    assert not done.returncode, done.stderr
    # Tokens by labels by width would be 12,800 MB, tokens by tokens of a pair 2,500 MB.
    assert float(done.stdout) < 1200
