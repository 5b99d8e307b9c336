"""The tasks of a multi-task classifier: their settings, labels and gold annotation."""

import configparser
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from catalogue import RegistryError
from confection import ConfigValidationError
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import registry
from thinc.api import Config

from ..errors import ClintlError, Errors
from ..models.losses import suits
from ..util import place_of
from .warm_up import is_warm_up, share_of

SEPARATOR = "/"
BALANCED = "balanced"
EFFECTIVE_NUMBER = "effective_number"
# How far probabilities may be from summing to 1.
TOLERANCE = 1e-3
_CLASS_WEIGHTS = (
    f'a table from labels to numbers of 0 or more, "{BALANCED}", "{EFFECTIVE_NUMBER}", or null; '
    "where a label holds what no key of a config can, such as ':' or '=', a list of pairs: "
    '[["E11:9", 2.0], ["I10", 1.5]]'
)


@dataclass
class Task:
    """One classification task.

    name (str): Its name, the part of `doc.cats` keys before the first slash.
    exclusive (bool): Whether exactly one of its labels is true.
    head (Optional[Model[List[Floats2d], Floats2d]]): Its head; None is a linear one.
    loss (Optional[Callable]): Its loss; None is cross-entropy if exclusive, else binary
        cross-entropy. See `models.losses`.
    weight (float): What its loss is multiplied by before the losses are added.
    class_weights (Optional[Union[str, dict[str, float], list]]): How much each label counts in its
        loss: a table from labels to weights, or pairs of them, "balanced", "effective_number", or
        None for all the same. See `class_weights`.
    class_weights_beta (float): Of "effective_number": 0 is no weighting; the closer to 1, the more
        like "balanced".
    threshold (float): The score from which a label counts as true, if not exclusive.
    frozen (bool): Whether its head keeps its weights: it gives no loss and no gradient to anything,
        and still predicts. The token vectors may change below it.
    warm_up (int): During how many updates with gold for it the gradient that its head sends to the
        token vectors rises from 0 to all of it; the head itself learns at the full rate. See
        `warm_up`.
    adversarial (float): Above 0, the token vectors' model learns to hide what the head learns to
        see: it gets the head's gradient times minus this. With the domain of a document as the
        labels, vectors become alike across domains (domain-adversarial training, Ganin et al. 2016,
        section 4.2). Goes well with a `warm_up`, in which the factor rises from 0. Unlike there,
        documents that the head gets no better than by guessing send nothing, see
        `warm_up.is_seen`.
    labels (list[str]): Its labels, in the order of its head's outputs.
    thresholds (dict[str, float]): What calibration found: thresholds of single labels, which go
        before `threshold`.
    waiting (list[str]): Labels that were added and have no output yet, see `growing`.
    """

    name: str
    exclusive: bool = True
    head: Any = None
    loss: Any = None
    weight: float = 1.0
    class_weights: Any = None
    class_weights_beta: float = 0.999
    threshold: float = 0.5
    frozen: bool = False
    warm_up: int = 0
    adversarial: float = 0.0
    labels: list[str] = field(default_factory=list)
    thresholds: dict[str, float] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)

    @property
    def keys(self) -> list[str]:
        """RETURNS (list[str]): Its labels as `doc.cats` has them."""
        return [f"{self.name}{SEPARATOR}{label}" for label in self.labels]

    @property
    def scoring(self) -> dict[str, Any]:
        """RETURNS (dict[str, Any]): What `evaluation.classification.score_tasks` asks of it."""
        labels = [*self.labels, *self.waiting]
        return {
            "exclusive": self.exclusive,
            "labels": labels,
            "threshold": [self.thresholds.get(label, self.threshold) for label in labels],
        }

    @property
    def learns(self) -> bool:
        """RETURNS (bool): Whether its gold is used for training."""
        return bool(self.weight) and not self.frozen

    @property
    def holds_back(self) -> bool:
        """RETURNS (bool): Whether its head's gradient may reach the token vectors changed."""
        return bool(self.warm_up or self.adversarial)

    def encoder_share(self, n_updates: int) -> float:
        """RETURNS (float): What the head's gradient is multiplied by on its way to the token
        vectors, after so many updates with gold."""
        share = share_of(self.warm_up, n_updates)
        return -self.adversarial * share if self.adversarial else share


_NOT_SET = ("name", "labels", "thresholds", "waiting")
SETTINGS = tuple(f.name for f in fields(Task) if f.name not in _NOT_SET)


def read_tasks(settings: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, Task]:
    """Check the `tasks` table of a component's config.

    settings (Mapping[str, Mapping[str, Any]]): From a task's name to its settings.
    name (str): The component's name, for messages.
    RETURNS (dict[str, Task]): The tasks by name.
    RAISES (ClintlError): For an impossible name, an unknown setting or an impossible value.
    """
    if not settings:
        raise ClintlError(Errors.CL300.format(name=name))
    return {task: _read_task(task, values) for task, values in settings.items()}


def _read_task(task: str, values: Mapping[str, Any]) -> Task:
    if not isinstance(task, str) or not task.strip() or SEPARATOR in task or not _is_key(task):
        raise ClintlError(Errors.CL301.format(task=task))
    if not isinstance(values, Mapping):
        raise ClintlError(
            Errors.CL303.format(task=task, setting="tasks", value=values, expected="a table")
        )
    for setting in values:
        if setting not in SETTINGS:
            raise ClintlError(
                Errors.CL302.format(task=task, setting=setting, known=", ".join(SETTINGS))
            )
    result = Task(task, **values)
    check_settings(result)
    return result


def check_settings(result: Task) -> None:
    """Check the settings of a task, and bring its class weights into one form.

    result (Task): The task; pairs of class weights become a table.
    RAISES (ClintlError): For an impossible value.
    """
    task = result.name
    if _is_pairs(result.class_weights):
        result.class_weights = dict(result.class_weights)
    elif isinstance(result.class_weights, Mapping):
        for label in result.class_weights:
            if not _is_key(str(label)):
                raise ClintlError(Errors.CL313.format(task=task, label=label))
    beta = result.class_weights_beta
    checks = (
        ("exclusive", isinstance(result.exclusive, bool), "true or false"),
        ("weight", _is_number(result.weight) and result.weight >= 0, "a number, 0 or more"),
        ("threshold", _is_number(result.threshold) and 0 < result.threshold < 1, "between 0 and 1"),
        ("head", result.head is None or hasattr(result.head, "predict"), "an architecture"),
        ("loss", result.loss is None or callable(result.loss), "a registered loss"),
        ("class_weights", _is_class_weights(result.class_weights), _CLASS_WEIGHTS),
        ("class_weights_beta", _is_number(beta) and 0 <= beta < 1, "0 or more and below 1"),
        ("frozen", isinstance(result.frozen, bool), "true or false"),
        ("warm_up", is_warm_up(result.warm_up), "a whole number of updates, 0 or more"),
        (
            "adversarial",
            _is_number(result.adversarial) and result.adversarial >= 0,
            "a number, 0 or more",
        ),
    )
    for setting, valid, expected in checks:
        if not valid:
            value = getattr(result, setting)
            raise ClintlError(
                Errors.CL303.format(task=task, setting=setting, value=value, expected=expected)
            )
    if not suits(result.loss, result.exclusive):
        message = Errors.CL319 if result.exclusive else Errors.CL335
        raise ClintlError(message.format(task=task))


def _is_key(name: str) -> bool:
    """Say whether a name comes through a saved config, as part of sections and of keys."""
    if name == "*":  # to a config a list of arguments
        return False
    data = {"tasks": {name: {"weight": 1.0}}, "weights": {name: 1.0, f"cats_{name}_n": 1.0}}
    try:
        # What begins with "@" is a reference.
        registry.resolve(data)
        return Config().from_str(Config(data).to_str(interpolate=False)) == data
    except (ValueError, TypeError, RegistryError, ConfigValidationError, configparser.Error):
        return False


def _is_pairs(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(
        isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str)
        for pair in value
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_class_weights(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(value) and all(_is_number(w) and w >= 0 for w in value.values())
    return value is None or value in (BALANCED, EFFECTIVE_NUMBER)


def labels_by_task(cats: Iterable[str]) -> dict[str, list[str]]:
    """Sort `doc.cats` keys into tasks; keys without a slash belong to nobody here."""
    found: dict[str, list[str]] = {}
    for key in cats:
        task, separator, label = key.partition(SEPARATOR)
        if separator:
            found.setdefault(task, []).append(label)
    return found


def find_labels(
    examples: Iterable[Example],
    enough: Iterable[str] | None = None,
    true: set[str] | None = None,
) -> dict[str, set[str]]:
    """Collect the labels that gold annotation has of each task.

    examples (Iterable[Example]): The references carry the categories.
    enough (Optional[Iterable[str]]): Tasks; once a label of each was true, no further example is
        read.
    true (Optional[set[str]]): Gets the tasks of which a label is true anywhere.
    RETURNS (dict[str, set[str]]): From a task's name to its labels.
    """
    found: dict[str, set[str]] = {}
    true = set() if true is None else true
    for example in examples:
        cats = example.reference.cats
        for task, labels in labels_by_task(cats).items():
            found.setdefault(task, set()).update(labels)
            if task not in true and any(cats[task + SEPARATOR + label] > 0 for label in labels):
                true.add(task)
        if enough is not None and true >= set(enough):
            break
    return found


def check_labels(task: Task, labels: Sequence[str], name: str) -> list[str]:
    """Check a list of labels for a task.

    task (Task): The task.
    labels (Sequence[str]): Its labels, in the order of its head's outputs.
    name (str): The component's name, for messages.
    RETURNS (list[str]): The labels.
    RAISES (ClintlError): When they are too few, repeated, or not those the task has already.
    """
    labels = [str(label) for label in labels]
    for label, n in Counter(labels).items():
        if n > 1:
            raise ClintlError(Errors.CL306.format(task=task.name, label=label))
    least = 2 if task.exclusive else 1
    if len(labels) < least:
        raise ClintlError(
            Errors.CL307.format(
                task=task.name,
                least=least,
                why=", since they exclude each other" if task.exclusive else "",
                labels=", ".join(labels) or "none",
            )
        )
    if task.labels and task.labels != labels:
        raise ClintlError(
            Errors.CL310.format(
                what=f"task '{task.name}'",
                given=", ".join(labels),
                trained=", ".join(task.labels),
            )
        )
    return labels


def gold_of(
    task: Task, examples: Sequence[Example], name: str, *, strict: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Read a task's gold annotation.

    A document without any category of the task is not annotated for it. If labels exclude each
    other, one true label settles them all, and so do values that sum to 1, the probabilities of the
    labels; a document with neither is not annotated. If they do not, each label without a key in
    `doc.cats` is not annotated. Labels that wait for an output are left out.

    task (Task): The task.
    examples (Sequence[Example]): The references carry the categories.
    name (str): The component's name, for messages.
    strict (bool): Whether a gold label that the task does not know is an error, or left out.
    RETURNS (tuple[ndarray, ndarray]): Truths, 0 to 1, and mask, 1 where known; both float32,
        shape (documents, labels).
    RAISES (ClintlError): For a gold label the task does not know, two that exclude each other, or
        a value that is not from 0 to 1. It names the document by `doc.user_data["id"]`, or by its
        place among the examples.
    """
    truths = np.zeros((len(examples), len(task.labels)), dtype="float32")
    mask = np.zeros_like(truths)
    columns = {key: i for i, key in enumerate(task.keys)}
    prefix = task.name + SEPARATOR
    for row, example in enumerate(examples):
        for key, value in example.reference.cats.items():
            if key.startswith(prefix) and key[len(prefix) :] not in task.waiting:
                if key not in columns and not strict:
                    continue
                if key not in columns:
                    _complain_of_label(task, key, name, place_of(example, row + 1))
                if not 0 <= value <= 1:
                    where = place_of(example, row + 1)
                    raise ClintlError(Errors.CL314.format(where=where, value=value, label=key))
                truths[row, columns[key]] = value
                mask[row, columns[key]] = 1.0
    if task.exclusive:
        _settle_exclusive(task, truths, mask, examples)
    return truths, mask


def _complain_of_label(task: Task, key: str, name: str, where: str) -> None:
    label, known = key.partition(SEPARATOR)[2], ", ".join(task.labels)
    raise ClintlError(
        Errors.CL309.format(where=where, task=task.name, label=label, known=known, name=name)
    )


def _settle_exclusive(
    task: Task, truths: np.ndarray, mask: np.ndarray, examples: Sequence[Example]
) -> None:
    n_true, sums = (truths >= 0.5).sum(axis=1), truths.sum(axis=1)
    # Soft labels, probabilities that sum to one, may be split evenly.
    soft = np.abs(sums - 1.0) < TOLERANCE
    wrong = np.flatnonzero((sums > 1.0) & ~soft)
    if len(wrong):
        row = int(wrong[0])
        where = place_of(examples[row], row + 1)
        labels = ", ".join(task.labels[i] for i in np.flatnonzero(truths[row] >= 0.5))
        if n_true[row] > 1:
            raise ClintlError(
                Errors.CL312.format(task=task.name, where=where, n=n_true[row], labels=labels)
            )
        raise ClintlError(
            Errors.CL318.format(task=task.name, where=where, total=f"{sums[row]:.3g}")
        )
    known = (n_true == 1) | soft
    mask[:] = known[:, None]
    truths *= mask


def set_cats(doc: Doc, task: Task, scores: Sequence[float]) -> None:
    """Write a task's scores into `doc.cats`."""
    doc.cats.update(zip(task.keys, map(float, scores)))
