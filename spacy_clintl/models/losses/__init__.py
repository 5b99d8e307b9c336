"""Losses of classification heads. Registered functions, so that a task names its own.

A loss takes logits, truths and a mask, all of shape (documents, labels), and returns

- its values: shape (documents, labels) if it looks at each label by itself, (documents, 1) if it
  looks at all labels of a document at once;
- the gradient of their sum with respect to the logits, shape (documents, labels).

What is masked gives neither. A loss leaves weights and the mean to `mean_loss`, so that class
weights work with every loss, a user's own too.
"""

from .asymmetric import asymmetric, make_asymmetric_v1
from .base import Loss, mean_loss, sigmoid, softmax, suits
from .cross_entropy import (
    binary_cross_entropy,
    cross_entropy,
    make_binary_cross_entropy_v1,
    make_cross_entropy_v1,
)
from .focal import binary_focal, focal, make_focal_v1

__all__ = [
    "Loss",
    "asymmetric",
    "binary_cross_entropy",
    "binary_focal",
    "cross_entropy",
    "focal",
    "make_asymmetric_v1",
    "make_binary_cross_entropy_v1",
    "make_cross_entropy_v1",
    "make_focal_v1",
    "mean_loss",
    "sigmoid",
    "softmax",
    "suits",
]
