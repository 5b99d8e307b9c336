"""The loss of one task on one batch, and what is wrong with it if something is."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from spacy.training import Example
from thinc.api import Ops
from thinc.types import Floats2d

from ..errors import ClintlError, Errors
from ..models.losses import Loss, binary_cross_entropy, cross_entropy, mean_loss
from .class_weights import spread
from .tasks import Task


def task_loss(
    ops: Ops,
    task: Task,
    logits: Floats2d,
    gold: tuple[np.ndarray, np.ndarray],
    examples: Sequence[Example],
    class_weights: Mapping[str, Mapping[str, float]],
    name: str,
) -> tuple[float, Floats2d]:
    """Compute a task's loss, before it is multiplied by the task's weight.

    ops (Ops): Where the logits lie.
    task (Task): The task, with its labels.
    logits (Floats2d): What its head says, shape (documents, labels).
    gold (tuple[ndarray, ndarray]): Truths and mask, as `gold_of` gives them; some are known.
    examples (Sequence[Example]): The batch, for messages.
    class_weights (Mapping[str, Mapping[str, float]]): What `find_class_weights` gave.
    name (str): The component's name, for messages.
    RETURNS (tuple[float, Floats2d]): The loss and its gradient.
    RAISES (ClintlError): When the loss or its gradient is not finite, or a loss of the user's own
        breaks the rules.
    """
    truths, mask = gold
    weights = None
    if task.class_weights is not None:
        if task.name not in class_weights:
            raise ClintlError(Errors.CL333.format(task=task.name, name=name))
        weights = ops.asarray2f(spread(task, class_weights[task.name], truths))
    loss = _checked(task, weights)
    value, gradient = mean_loss(loss, logits, ops.asarray2f(truths), ops.asarray2f(mask), weights)
    if not math.isfinite(value) or not ops.xp.isfinite(gradient).all():
        strange = ~(ops.xp.isfinite(logits) & ops.xp.isfinite(gradient)).all(axis=1)
        _complain_of_numbers(task, examples, ops.to_numpy(strange), name)
    return value, gradient


def _checked(task: Task, weights: Floats2d | None) -> Loss:
    """Wrap a task's loss so that wrong shapes, which might be broadcast unseen, are an error."""
    loss = task.loss or (cross_entropy if task.exclusive else binary_cross_entropy)

    def checked(logits: Floats2d, truths: Floats2d, mask: Floats2d) -> tuple[Floats2d, Floats2d]:
        values, gradient = loss(logits, truths, mask)
        by_label, by_document = logits.shape, (len(logits), 1)
        weighs_labels = weights is not None and weights.shape == by_label
        _check_shape(
            task, "values", values, {by_label} if weighs_labels else {by_label, by_document}
        )
        _check_shape(task, "a gradient", gradient, {by_label})
        return values, gradient

    return checked


def _check_shape(task: Task, what: str, array: Any, allowed: set[tuple[int, ...]]) -> None:
    shape = tuple(getattr(array, "shape", ()))
    if shape not in allowed:
        expected = " or ".join(map(str, sorted(allowed)))
        raise ClintlError(
            Errors.CL334.format(task=task.name, what=what, shape=shape, expected=expected)
        )


def _complain_of_numbers(
    task: Task, examples: Sequence[Example], strange: Sequence[bool], name: str
) -> None:
    ids = [_name_of(example, number) for number, example in enumerate(examples, 1)]
    few = [doc_id for doc_id, is_strange in zip(ids, strange) if is_strange]
    where = f" Not a number for: {', '.join(few)}." if 0 < len(few) < len(ids) else ""
    raise ClintlError(
        Errors.CL330.format(task=task.name, name=name, ids=", ".join(ids), where=where)
    )


def _name_of(example: Example, number: int) -> str:
    for doc in (example.reference, example.predicted):
        if doc.user_data.get("id") is not None:
            return str(doc.user_data["id"])
    return f"number {number} of the batch, which has no id"
