"""Rows without a gradient stay; the others move as they would in a matrix of their own."""

import numpy as np
import pytest
import torch
from thinc.api import SGD, Adam, RAdam

from spacy_clintl.models.sparse_rows import update_rows

KEY = (1, "embeddings")
STEPS = [[0, 3], [3], [1, 3], [0, 4]]


def gradients(step):
    generator = np.random.default_rng(step)
    return generator.normal(size=(len(STEPS[step]), 3)).astype("float32")


def matrix():
    return np.random.default_rng(9).normal(size=(6, 3)).astype("float32")


def trained(optimizer, **settings):
    weights = matrix()
    for step, rows in enumerate(STEPS):
        update_rows(optimizer, KEY, weights, np.array(rows), gradients(step), **settings)
    return weights


@pytest.mark.parametrize(
    "optimizer", [Adam(0.1, L2=0.1, grad_clip=0.0), SGD(0.1), RAdam(0.1, grad_clip=0.0)]
)
def test_only_rows_with_a_gradient_move(optimizer):
    weights = trained(optimizer)
    moved = (weights != matrix()).any(axis=1)
    assert moved.tolist() == [True, True, False, True, True, False]


def test_steps_are_those_of_sparse_adam():
    weights = trained(Adam(0.1, L2=0.0, grad_clip=0.0, eps=1e-12))
    parameter = torch.nn.Parameter(torch.from_numpy(matrix()))
    optimizer = torch.optim.SparseAdam([parameter], lr=0.1, eps=1e-12)
    for step, rows in enumerate(STEPS):
        parameter.grad = torch.sparse_coo_tensor(
            torch.tensor([rows]), torch.from_numpy(gradients(step)), (6, 3)
        )
        optimizer.step()
    assert np.allclose(weights, parameter.detach().numpy(), atol=1e-5)


def test_a_row_in_every_step_moves_as_in_a_dense_matrix():
    weights, row = matrix(), matrix()[3:4]
    sparse, dense = (Adam(0.1, L2=0.1, grad_clip=1.0) for _ in range(2))
    for step in range(4):
        gradient = np.random.default_rng(step).normal(size=(1, 3)).astype("float32")
        update_rows(sparse, KEY, weights, np.array([3]), gradient.copy(), lr_scale=0.5)
        row, _ = dense(KEY, row, gradient.copy(), lr_scale=0.5)
    assert np.array_equal(weights[3:4], row)
