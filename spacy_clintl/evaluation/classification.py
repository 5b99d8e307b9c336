"""Scores for classification tasks, computed by scikit-learn.

Imported by factories, so scikit-learn itself is imported inside the functions.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import ClintlError, Errors

if TYPE_CHECKING:
    import numpy
    from spacy.training import Example

POSITIVE = 0.5


def classification_scores(
    gold: "numpy.ndarray",
    scores: "numpy.ndarray",
    labels: Sequence[str],
    exclusive: bool,
    threshold: "float | Sequence[float] | numpy.ndarray" = 0.5,
) -> dict[str, Any]:
    """Score one task.

    Exclusive: the gold label is the one with the highest value, the prediction the one with the
    highest score; documents without a positive gold label, or with several alike, are left out, and
    averages are over the labels that occur in gold or predictions. Multi-label: a gold value of NaN
    says 'not annotated for this label', and each label is scored over its annotated documents only;
    micro averages pool all annotated pairs of document and label, the accuracy is that of whole
    label sets.

    gold (numpy.ndarray): Gold values, shape (n documents, k labels), 1, 0 or NaN.
    scores (numpy.ndarray): Predicted scores, same shape. NaN stands for no prediction.
    labels (Sequence[str]): The k labels.
    exclusive (bool): Whether a document has exactly one label.
    threshold (float | array): Multi-label: from which score on a label is predicted, one number
        or k. Exclusive tasks need none.
    RETURNS (dict[str, Any]): macro_p, macro_r, macro_f, micro_f, acc, n, f_per_type {label: {p, r,
        f}}; and, where a label has positive and negative documents, macro_auc and auc_per_type.
        Empty if there is no annotated document.
    RAISES (ClintlError): The shapes do not fit together.
    """
    import numpy

    gold = numpy.asarray(gold, dtype=float)
    scores = numpy.asarray(scores, dtype=float)
    k = len(labels)
    if gold.size == 0 and scores.size == 0:
        return {}
    if gold.shape != scores.shape or gold.ndim != 2 or gold.shape[1] != k:
        raise ClintlError(Errors.CL521.format(gold=gold.shape, scores=scores.shape, n=k))
    if exclusive:
        values = numpy.nan_to_num(gold)
        highest = values.max(axis=1, keepdims=True)
        known = (highest[:, 0] >= POSITIVE) & ((values == highest).sum(axis=1) == 1)
        if not known.any():
            return {}
        return _exclusive(gold[known], scores[known], labels)
    known = ~numpy.isnan(gold).all(axis=1)
    if not known.any():
        return {}
    return _multi_label(gold[known], numpy.nan_to_num(scores[known]), labels, threshold)


def score_tasks(
    examples: Iterable["Example"], tasks: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Score the categories of several tasks, each over the documents annotated for it.

    A gold label that the task does not know counts as missed; it is not left out.

    examples (Iterable[Example]): Gold in `reference.cats`, scores in `predicted.cats`, keys
        `task/label`.
    tasks (Mapping[str, Mapping[str, Any]]): A task's settings by its name: `exclusive` (bool),
        `labels` (Sequence[str]) and, for multi-label tasks, `threshold` (one number, one a label
        in the order of `labels`, or a mapping from label to number; default 0.5).
    RETURNS (dict[str, Any]): `cats_{task}_macro_f`, `_macro_p`, `_macro_r`, `_micro_f`, `_acc`,
        `_macro_auc`, `_f_per_type`, `_auc_per_type` and `_n`, the number of documents scored. A
        task without any annotated document has no key.
    RAISES (ClintlError): Thresholds that do not fit the labels.
    """
    import numpy

    pairs = [(eg.reference.cats, eg.predicted.cats) for eg in examples]
    result = {}
    for task, settings in tasks.items():
        exclusive = bool(settings["exclusive"])
        labels = list(settings["labels"])
        thresholds = thresholds_of(task, labels, settings.get("threshold", 0.5))
        prefix = f"{task}/"
        annotated = []
        unknown: dict[str, None] = {}
        for gold_cats, predicted_cats in pairs:
            gold = {
                key[len(prefix) :]: value
                for key, value in gold_cats.items()
                if key.startswith(prefix)
            }
            positive = [label for label, value in gold.items() if value >= POSITIVE]
            unknown.update(dict.fromkeys(sorted(set(positive) - set(labels))))
            if positive or (gold and not exclusive):
                annotated.append((gold, predicted_cats))
        labels += unknown
        thresholds += [0.5] * len(unknown)
        nan = math.nan
        gold_table = [[gold.get(label, nan) for label in labels] for gold, _ in annotated]
        score_table = [[cats.get(prefix + label, nan) for label in labels] for _, cats in annotated]
        scores = classification_scores(
            numpy.array(gold_table),
            numpy.array(score_table),
            labels,
            exclusive,
            numpy.array(thresholds),
        )
        result.update({f"cats_{task}_{key}": value for key, value in scores.items()})
    return result


def thresholds_of(task: str, labels: Sequence[str], threshold: Any) -> list[float]:
    """Spread a task's thresholds over its labels.

    task (str): The task, for messages.
    labels (Sequence[str]): Its k labels.
    threshold (Any): One number, k of them, or a mapping from labels; 0.5 for those it lacks.
    RETURNS (list[float]): k numbers.
    RAISES (ClintlError): They do not fit the labels.
    """
    if isinstance(threshold, Mapping):
        if not set(threshold) <= set(labels):
            raise ClintlError(Errors.CL522.format(task=task))
        return [float(threshold.get(label, 0.5)) for label in labels]
    if isinstance(threshold, int | float):
        return [float(threshold)] * len(labels)
    values = [float(value) for value in threshold]
    if len(values) != len(labels):
        raise ClintlError(Errors.CL522.format(task=task))
    return values


def _exclusive(
    gold: "numpy.ndarray", scores: "numpy.ndarray", labels: Sequence[str]
) -> dict[str, Any]:
    import numpy
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    gold_index = numpy.nan_to_num(gold).argmax(axis=1)
    # -1 is no label of the task: a document without any score is predicted as nothing.
    predicted = numpy.where(
        numpy.isnan(scores).all(axis=1), -1, numpy.nan_to_num(scores, nan=-numpy.inf).argmax(axis=1)
    )
    used = sorted({*gold_index.tolist(), *predicted.tolist()} - {-1})
    averaged = {
        average: precision_recall_fscore_support(
            gold_index, predicted, labels=used, average=average, zero_division=0
        )
        for average in ("macro", "micro", None)
    }
    one_hot = numpy.eye(len(labels), dtype=int)[gold_index]
    return {
        "macro_p": float(averaged["macro"][0]),
        "macro_r": float(averaged["macro"][1]),
        "macro_f": float(averaged["macro"][2]),
        "micro_f": float(averaged["micro"][2]),
        "acc": float(accuracy_score(gold_index, predicted)),
        "n": len(gold_index),
        "f_per_type": _per_type([labels[i] for i in used], *averaged[None][:3]),
        **_auc(one_hot.astype(float), numpy.nan_to_num(scores), labels),
    }


def _multi_label(
    gold: "numpy.ndarray",
    scores: "numpy.ndarray",
    labels: Sequence[str],
    threshold: "float | Sequence[float] | numpy.ndarray",
) -> dict[str, Any]:
    import numpy
    from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

    known = ~numpy.isnan(gold)
    truth = numpy.nan_to_num(gold) >= POSITIVE
    predicted = scores >= numpy.asarray(threshold)
    used = [i for i in range(len(labels)) if known[:, i].any()]
    per_label = [
        precision_recall_fscore_support(
            truth[known[:, i], i], predicted[known[:, i], i], average="binary", zero_division=0
        )[:3]
        for i in used
    ]
    # Labels are annotated on different documents, so scikit-learn cannot average them in one call.
    # Without NaN this mean is its own average="macro"; a test holds that.
    p, r, f = numpy.mean(per_label, axis=0)
    result: dict[str, Any] = {
        "macro_p": float(p),
        "macro_r": float(r),
        "macro_f": float(f),
        "micro_f": float(f1_score(truth[known], predicted[known], zero_division=0)),
        "n": len(gold),
        "f_per_type": _per_type([labels[i] for i in used], *zip(*per_label)),
        **_auc(gold, scores, labels),
    }
    whole = known.all(axis=1)
    if whole.any():
        # One label only: scikit-learn takes a column of booleans for a binary task all the same.
        result["acc"] = float(accuracy_score(truth[whole], predicted[whole]))
    return result


def _auc(gold: "numpy.ndarray", scores: "numpy.ndarray", labels: Sequence[str]) -> dict[str, Any]:
    import numpy
    from sklearn.metrics import roc_auc_score

    per_type = {}
    for i, label in enumerate(labels):
        known = ~numpy.isnan(gold[:, i])
        truth = gold[known, i] >= POSITIVE
        if truth.any() and not truth.all():
            per_type[label] = float(roc_auc_score(truth, scores[known, i]))
    if not per_type:
        return {}
    return {"macro_auc": float(numpy.mean(list(per_type.values()))), "auc_per_type": per_type}


def _per_type(
    labels: Sequence[str], p: Sequence[float], r: Sequence[float], f: Sequence[float]
) -> dict[str, dict[str, float]]:
    return {
        label: {"p": float(p[i]), "r": float(r[i]), "f": float(f[i])}
        for i, label in enumerate(labels)
    }
