"""Calibrating the tasks of a classifier on development documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example

from ..evaluation.calibration import (
    at_temperature,
    best_threshold,
    expected_calibration_error,
    fit_temperature,
    to_logits,
)
from ..evaluation.classification import classification_scores
from .tasks import Task, gold_of

# What the JSON of a saved component keeps.
DECIMALS = 9
# Where `doc.user_data` has them, with the name of the component.
LOGITS = "clintl_logits"


@dataclass(frozen=True)
class Calibration:
    """What was found for one task.

    task (str): Its name.
    documents (int): How many were annotated for it.
    temperature (float): What its logits are divided by.
    thresholds (dict[str, float]): By label, for scores at that temperature. Empty where labels
        exclude each other.
    not_found (dict[str, str]): Labels for which no threshold could be found, and why. They go by
        the threshold of the settings; one found earlier was for other scores and does not stay.
    macro_f (tuple[float, float]): Macro-F1 on these documents before and after.
    error (tuple[float, float]): Expected calibration error before and after, 0 to 1.
    """

    task: str
    documents: int
    temperature: float
    thresholds: dict[str, float] = field(default_factory=dict)
    macro_f: tuple[float, float] = (0.0, 0.0)
    error: tuple[float, float] = (0.0, 0.0)
    not_found: dict[str, str] = field(default_factory=dict)


def keep_logits(docs: Sequence[Doc], logits: Mapping[str, np.ndarray], name: str) -> None:
    """Keep what a component's model says beside its scores, which cannot tell a logit of 20 from
    one of 40.

    docs (Sequence[Doc]): The documents.
    logits (Mapping[str, ndarray]): Of each task, shape (documents, labels).
    name (str): The component's name.
    """
    for row, doc in enumerate(docs):
        doc.user_data[LOGITS, name] = {task: values[row] for task, values in logits.items()}


def _logits_of(
    task: Task, examples: Sequence[Example], scores: np.ndarray, name: str
) -> np.ndarray:
    kept = [eg.predicted.user_data.get((LOGITS, name), {}).get(task.name) for eg in examples]
    if all(row is not None and len(row) == len(task.labels) for row in kept):
        return np.array(kept, dtype="float64")
    return to_logits(scores, task.exclusive)


def find_calibration(
    tasks: Sequence[Task],
    examples: Sequence[Example],
    name: str,
    *,
    precision: float | None = None,
    recall: float | None = None,
) -> list[Calibration]:
    """Find temperatures and thresholds.

    tasks (Sequence[Task]): The tasks, with their labels.
    examples (Sequence[Example]): References with gold, predictions with scores at temperature 1
        and, if `keep_logits` had them, logits.
    name (str): The component's name, for messages.
    precision (Optional[float]): A number sets thresholds for the highest recall at this precision
        or above.
    recall (Optional[float]): A number sets them for the highest precision at this recall or above.
        With neither, they are set for the highest F1 of each label.
    RETURNS (list[Calibration]): One a task that has gold. Gold labels that a task does not know are
        left out.
    """
    found = []
    for task in tasks:
        truths, mask = gold_of(task, examples, name, strict=False)
        gold = np.where(mask > 0, truths >= 0.5, np.nan)
        if task.exclusive:
            # What is soft, and no one label likelier than not, tells no right label.
            gold[(truths >= 0.5).sum(axis=1) != 1] = np.nan
        if np.isnan(gold).all():
            continue
        scores = np.array([[eg.predicted.cats[key] for key in task.keys] for eg in examples])
        logits = _logits_of(task, examples, scores, name)
        found.append(_calibrate(task, gold, scores, logits, precision, recall))
    return found


def _calibrate(
    task: Task,
    gold: np.ndarray,
    scores: np.ndarray,
    logits: np.ndarray,
    precision: float | None,
    recall: float | None,
) -> Calibration:
    temperature = round(fit_temperature(logits, gold, task.exclusive), DECIMALS)
    mended = at_temperature(logits, temperature, task.exclusive)
    thresholds: dict[str, float] = {}
    not_found: dict[str, str] = {}
    if not task.exclusive:
        for column, label in enumerate(task.labels):
            known = ~np.isnan(gold[:, column])
            truth = gold[known, column] >= 0.5
            threshold = best_threshold(mended[known, column], truth, precision, recall)
            if threshold is not None:
                thresholds[label] = round(threshold, DECIMALS)
                continue
            not_found[label] = _why_not(truth)
            if label in task.thresholds:
                not_found[label] += f", {task.thresholds[label]:.3f} is reset"

    def macro_f(scores: np.ndarray, thresholds: dict[str, float]) -> float:
        by_label = [thresholds.get(label, task.threshold) for label in task.labels]
        result = classification_scores(gold, scores, task.labels, task.exclusive, by_label)
        return result["macro_f"]

    return Calibration(
        task.name,
        int((~np.isnan(gold)).any(axis=1).sum()),
        temperature,
        thresholds,
        (macro_f(scores, {}), macro_f(mended, thresholds)),
        (
            expected_calibration_error(scores, gold, task.exclusive) or 0.0,
            expected_calibration_error(mended, gold, task.exclusive) or 0.0,
        ),
        not_found,
    )


def _why_not(truth: np.ndarray) -> str:
    """Say why a label gets no threshold, from the documents that are annotated for it."""
    if not truth.any():
        return "never holds" if len(truth) else "not annotated"
    return "always holds" if truth.all() else "precision out of reach"
