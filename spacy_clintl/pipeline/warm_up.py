"""Warming up: a fresh head sends the shared encoder a growing share of its gradient.

At first a fresh head's gradient is noise, which would spoil what a pretrained encoder knows. The
head itself learns at the full rate meanwhile. Optimizers such as Adam divide by the size of the
gradients, so that the share counts beside other tasks that train the encoder; a pipeline with no
other task is better warmed up by the optimizer's schedule.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from thinc.api import Model

from ..errors import ClintlError, Errors
from ..models.losses import sigmoid, softmax


def is_warm_up(value: Any) -> bool:
    """Say whether a value can be the setting `warm_up`: a number of updates, 0 for none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def require_shares(model: Model, attribute: str, name: str) -> None:
    """Complain about a model that does not hold back gradients.

    model (Model): The component's model.
    attribute (str): Where it would read the share from.
    name (str): The component's name.
    RAISES (ClintlError): When it has no such attribute.
    """
    if attribute not in model.attrs:
        raise ClintlError(Errors.CL484.format(name=name, model=model.name, attribute=attribute))


def share_of(warm_up: int, n_updates: int) -> float:
    """Return the share of its gradient that a head sends to the encoder.

    warm_up (int): Over how many updates it rises from 0 to 1; 0 is none.
    n_updates (int): The updates with gold for the head so far.
    RETURNS (float): The share.
    """
    return min(1.0, n_updates / warm_up) if warm_up else 1.0


def count_updates(
    counts: dict[str, int], warm_ups: Mapping[str, int], learned: Iterable[str]
) -> None:
    """Count an update for the heads that had gold and are not warm yet.

    counts (dict[str, int]): The updates so far by task; changed in place.
    warm_ups (Mapping[str, int]): Each task's setting.
    learned (Iterable[str]): The tasks that had gold.
    """
    for task in learned:
        if counts.get(task, 0) < warm_ups[task]:
            counts[task] = counts.get(task, 0) + 1


def is_seen(
    logits: np.ndarray, truths: np.ndarray, mask: np.ndarray, *, exclusive: bool
) -> np.ndarray:
    """Say of which documents a head knows more than by guessing.

    The reversed loss of an adversarial head has no bound. An encoder that has hidden a label from
    the head would go on for ever to make it look like the others, and Adam, which divides by the
    size of the gradients, lets it run far beyond them, whatever the factor. So it stops there.

    logits (ndarray): What the head says; shape (documents, labels).
    truths (ndarray): The gold, of the same shape.
    mask (ndarray): Where it is known; the same.
    exclusive (bool): Whether the labels exclude each other.
    RETURNS (ndarray): Whether the truth has, on average over the labels that are known, more
        probability than by chance; shape (documents,).
    """
    if exclusive:
        return (softmax(logits) * truths).sum(axis=1) > 1 / logits.shape[1]
    probs = sigmoid(logits)
    right = mask * np.where(truths > 0.5, probs, 1 - probs)
    return right.sum(axis=1) > 0.5 * mask.sum(axis=1)
