"""Updates of a few rows of a large matrix."""

from typing import Any

from thinc.backends import get_array_ops
from thinc.optimizers import Optimizer
from thinc.types import Floats2d, Ints1d


def update_rows(
    optimizer: Optimizer,
    key: tuple[int, str],
    weights: Floats2d,
    rows: Ints1d,
    gradient: Floats2d,
    *,
    lr_scale: float = 1.0,
) -> None:
    """Let an optimizer change the rows of a matrix that have a gradient, in place.

    A batch touches a twentieth of a vocabulary, which is half of a small encoder's parameters
    and two thirds of a multilingual one's. Rows without gradient keep their values and moments,
    as in torch.optim.SparseAdam.

    optimizer (Optimizer): Keeps the moments under `key`, as for a whole matrix.
    key (tuple[int, str]): The parameter's key in the optimizer.
    weights (Floats2d): The matrix, shape (rows of the matrix, width).
    rows (Ints1d): The numbers of the rows with a gradient, each once.
    gradient (Floats2d): Their gradients, shape (len(rows), width).
    lr_scale (float): The parameter's share of the learning rate.
    """
    moments: tuple[dict[Any, Any], ...] = ()
    if optimizer.b2 > 0:  # and not plain gradient descent
        moments = (optimizer.mom1, optimizer.mom2)
    whole = []
    for table in moments:
        if key not in table:
            table[key] = get_array_ops(weights).alloc1f(weights.size)
        whole.append(table[key].reshape(weights.shape))
        table[key] = whole[-1][rows].reshape(-1)
    weights[rows], _ = optimizer(key, weights[rows], gradient, lr_scale=lr_scale)
    for table, matrix in zip(moments, whole, strict=True):
        matrix[rows] = table[key].reshape(-1, weights.shape[1])
        table[key] = matrix.reshape(-1)
