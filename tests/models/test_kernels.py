"""The kernels of training on a CPU give what torch's own give."""

import pytest
import torch
from torch.nn import functional

from spacy_clintl.models.kernels import CpuTraining, training_kernels

SHAPE = (3, 2, 5, 4)  # rows, heads, pieces, width


def heads(dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    draw = [torch.randn(SHAPE, generator=generator).to(dtype) for _ in range(3)]
    return [values.requires_grad_() for values in draw]


def padding(lengths=(5, 2, 1)):
    hidden = torch.arange(SHAPE[2]) >= torch.tensor(lengths)[:, None]
    mask = torch.zeros(SHAPE[0], 1, 1, SHAPE[2]).masked_fill(
        hidden[:, None, None], torch.finfo(torch.float32).min
    )
    return mask.expand(SHAPE[0], 1, SHAPE[2], SHAPE[2])


def attend(*inputs, **settings):
    output = functional.scaled_dot_product_attention(*inputs, **settings)
    gradients = torch.autograd.grad(output.float().cos().sum(), inputs[:3])
    return [output, *gradients]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("mask", [None, padding(), padding().to(torch.bfloat16), padding() == 0])
@pytest.mark.parametrize("scale", [None, 0.3])
def test_attention_is_that_of_torch(dtype, mask, scale):
    if mask is not None and mask.dtype not in (torch.bool, dtype):
        if dtype == torch.float32:
            pytest.skip("torch's own wants the mask in the type of the query")
        # Under autocasting the mask comes in full precision. Torch's own then rounds it down to
        # minus infinity, which is the same to a softmax.
        expected = attend(*heads(dtype), attn_mask=mask.to(dtype), scale=scale)
    else:
        expected = attend(*heads(dtype), attn_mask=mask, scale=scale)
    with CpuTraining():
        found = attend(*heads(dtype), attn_mask=mask, scale=scale)
    tolerance = 1e-6 if dtype == torch.float32 else 0.02
    for one, other in zip(expected, found, strict=True):
        assert one.dtype == other.dtype
        assert torch.allclose(one, other, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_with_dropout(dtype):
    """The gradients are those of its definition, with the same numbers dropped."""
    query, key, value = inputs = heads(dtype)
    torch.manual_seed(0)
    with CpuTraining():
        found = attend(*inputs, attn_mask=padding(), dropout_p=0.4)
        again = attend(*inputs, attn_mask=padding(), dropout_p=0.4)
    assert not torch.equal(found[0], again[0])
    torch.manual_seed(0)
    with CpuTraining():
        scores = (query @ key.transpose(2, 3)).float() * SHAPE[3] ** -0.5 + padding()
        weights = functional.dropout(scores.softmax(-1).flatten(0, 1), 0.4).view(scores.shape)
        output = weights.to(dtype) @ value
    gradients = torch.autograd.grad(output.float().cos().sum(), inputs)
    tolerance = 1e-6 if dtype == torch.float32 else 0.03
    for one, other in zip(found, [output, *gradients], strict=True):
        assert torch.allclose(one, other, atol=tolerance)


def test_attention_under_autocasting_is_that_of_torch():
    inputs = heads()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        expected = attend(*inputs, attn_mask=padding())
        with CpuTraining():
            found = attend(*inputs, attn_mask=padding())
    for one, other in zip(expected, found, strict=True):
        assert one.dtype == other.dtype
        assert torch.allclose(one, other, atol=0.02)


def test_causal_attention_is_left_to_torch():
    expected = attend(*heads(), is_causal=True)
    with CpuTraining():
        assert torch.equal(attend(*heads(), is_causal=True)[0], expected[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_drops_its_share_and_keeps_the_mean(dtype, rate):
    values = torch.ones(1001, 333, dtype=dtype, requires_grad=True)
    torch.manual_seed(0)
    with CpuTraining():
        dropped = torch.nn.Dropout(rate)(values)
    dropped.float().sum().backward()
    zeros = (dropped == 0).float()
    assert abs(zeros.mean().item() - rate) < 0.003
    # No row and no column of the values is favoured.
    assert (zeros.mean(0) - rate).abs().max() < 0.08
    assert (zeros.mean(1) - rate).abs().max() < 0.14
    assert torch.allclose(dropped.max().float(), torch.tensor(1 / (1 - rate)), rtol=0.005)
    assert torch.equal(values.grad == 0, dropped == 0)
    assert torch.equal(values.grad, dropped.detach())  # the values are ones


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_dropout_drops_the_same_in_every_type_and_layout(dtype):
    values = torch.linspace(1, 3, 35).view(5, 7).t()
    found = []
    for kind in (torch.float32, dtype):
        own = values.to(kind, copy=True).requires_grad_()
        torch.manual_seed(3)
        with CpuTraining():
            dropped = functional.dropout(own, 0.3)
        (dropped * values.to(kind)).sum().backward()
        found.append((dropped.float(), own.grad.float()))
    for one, other in zip(*found, strict=True):
        assert 0 < (one == 0).sum() < 25
        assert torch.allclose(one, other, rtol=0.02)
    kept = found[0][0] != 0
    assert torch.allclose(found[0][0][kept], values[kept] / 0.7)


@pytest.mark.parametrize("p", [1e-6, 0.9999])
def test_dropout_of_rates_near_the_ends(p):
    with CpuTraining():
        share = (functional.dropout(torch.ones(2**20), p) == 0).float().mean()
    assert abs(share - p) < 1e-4


def test_dropout_follows_the_seed():
    results = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        with CpuTraining():
            results.append(functional.dropout(torch.ones(64, 3), 0.5))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_dropout_of_nothing_and_of_all(p):
    values = torch.ones(7)
    with CpuTraining():
        assert torch.equal(functional.dropout(values, p), values * (1 - p))
        assert torch.equal(functional.dropout(values, 0.5, training=False), values)
    assert functional.dropout(values[:0], 0.5).shape == (0,)


def test_prediction_is_left_to_torch():
    assert isinstance(training_kernels(torch.device("cpu")), CpuTraining)
    assert not isinstance(training_kernels(torch.device("cuda")), CpuTraining)
    with torch.no_grad():
        assert not isinstance(training_kernels(torch.device("cpu")), CpuTraining)
