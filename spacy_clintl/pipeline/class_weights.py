"""Class weights: how much each label counts in its task's loss.

Where labels exclude each other, a document's loss is multiplied by the weight of its label. Where
they do not, a label's loss is multiplied by its weight in the documents where it is true (what
PyTorch calls `pos_weight`); false labels count 1.

The setting `class_weights` of a task is one of

- a table from labels to weights; a label that is not in it has the weight 1;
- "balanced". If labels exclude each other: n / (k * n_label), for n documents with the task's k
  labels, as in scikit-learn. If not: n_false / n_true of the label;
- "effective_number" (Cui et al. 2019, section 4): as before, but n_label documents count as
  (1 - beta ** n_label) / (1 - beta), beta being `class_weights_beta`. If labels exclude each other,
  the weights sum to k;
- None: all weights are 1.

Labels that no training document has are not counted among the k and keep the weight 1, as do
labels that are true, or false, in every document where labels do not exclude each other.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from spacy.training import Example
from spacy.util import minibatch

from ..errors import ClintlError, Errors
from .tasks import BALANCED, Task, gold_of

# How many examples are counted at a time.
BATCH = 1000
# Few enough for the JSON of a saved component, so that training goes on with the same weights.
DECIMALS = 9


def find_class_weights(
    tasks: Sequence[Task], get_examples: Callable[[], Iterable[Example]], name: str
) -> dict[str, dict[str, float]]:
    """Work out the weights of the labels of tasks that want them.

    tasks (Sequence[Task]): The tasks, with their labels.
    get_examples (Callable): Gives the training examples, all of which are counted.
    name (str): The component's name, for messages.
    RETURNS (dict[str, dict[str, float]]): From a task's name to the weights of its labels. A label
        that is not there has the weight 1; a task without class weights is not there.
    RAISES (ClintlError): When a weight is given for a label that the task does not have, or that
        is true in no example.
    """
    tasks = [task for task in tasks if task.class_weights is not None]
    for task in tasks:
        _check_given(task)
    if not tasks:
        return {}
    n_true = {task.name: np.zeros(len(task.labels)) for task in tasks}
    n_false = {task.name: np.zeros(len(task.labels)) for task in tasks}
    for examples in minibatch(get_examples(), BATCH):
        for task in tasks:
            truths, mask = gold_of(task, examples, name)
            n_true[task.name] += (truths * mask).sum(axis=0)
            n_false[task.name] += ((1.0 - truths) * mask).sum(axis=0)
    return {task.name: _weights(task, n_true[task.name], n_false[task.name]) for task in tasks}


def _check_given(task: Task) -> None:
    if isinstance(task.class_weights, Mapping):
        for label in task.class_weights:
            if label not in task.labels:
                known = ", ".join(task.labels)
                raise ClintlError(Errors.CL331.format(task=task.name, label=label, known=known))


def _weights(task: Task, n_true: np.ndarray, n_false: np.ndarray) -> dict[str, float]:
    if isinstance(task.class_weights, Mapping):
        for label in task.class_weights:
            if not n_true[task.labels.index(label)]:
                raise ClintlError(Errors.CL332.format(task=task.name, label=label))
        return {str(k): round(float(v), DECIMALS) for k, v in task.class_weights.items()}
    counted = n_true > 0 if task.exclusive else (n_true > 0) & (n_false > 0)
    size_true, size_false = n_true[counted], n_false[counted]
    if task.class_weights != BALANCED:
        beta = task.class_weights_beta
        size_true, size_false = _effective(size_true, beta), _effective(size_false, beta)
    if not task.exclusive:
        weights = size_false / size_true
    elif task.class_weights == BALANCED:
        weights = size_true.sum() / (len(size_true) * size_true)
    else:
        weights = len(size_true) / size_true / (1.0 / size_true).sum()
    labels = [label for label, was_counted in zip(task.labels, counted) if was_counted]
    return {label: round(float(w), DECIMALS) for label, w in zip(labels, weights)}


def _effective(sizes: np.ndarray, beta: float) -> np.ndarray:
    """Compute effective numbers of documents (Cui et al. 2019, section 3.2)."""
    return (1.0 - beta**sizes) / (1.0 - beta)


def spread(task: Task, weights: Mapping[str, float], truths: np.ndarray) -> np.ndarray:
    """Turn the weights of labels into those of a batch's losses.

    task (Task): The task, with its labels.
    weights (Mapping[str, float]): The weights of its labels, 1 where there is none.
    truths (ndarray): Target probabilities, shape (documents, labels). A probability between 0 and
        1 gives a weight in between.
    RETURNS (ndarray): The weights: float32, shape (documents, 1) if the task's labels exclude each
        other, else (documents, labels).
    """
    surplus = np.array([weights.get(label, 1.0) for label in task.labels], dtype="float32") - 1.0
    if task.exclusive:
        return 1.0 + truths @ surplus[:, None]
    return 1.0 + truths * surplus
