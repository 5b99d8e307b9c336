"""Tables from a dict of scores, whichever component they came from."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

TASK = re.compile(r"cats_(?:(?P<task>.+)_)?f_per_type")
GROUP = re.compile(r"spans_(?P<key>.+)_per_type")


class Table(NamedTuple):
    """A title, a header and rows of the same length, all text."""

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]


def tables(scores: Mapping[str, Any]) -> list[Table]:
    """Lay out scores: one table a classification task, one for the entities, one a group of spans.

    scores (Mapping[str, Any]): Keys `cats_{task}_…` as `score_tasks` gives them (or spaCy's own
        `cats_…`), `ents_p`, `ents_r`, `ents_f` and `ents_per_type`, and the same with
        `spans_{key}_`. Other keys are not shown.
    RETURNS (list[Table]): Scores in per cent with two decimals, '-' where there is none.
    """
    result = []
    for key, per_type in scores.items():
        match = TASK.fullmatch(key)
        if match and isinstance(per_type, Mapping):
            result.append(task_table(scores, match["task"] or ""))
    if scores.get("ents_f") is not None:
        result.append(entity_table(scores))
    for key in scores:
        group = GROUP.fullmatch(key)
        if group and scores.get(f"spans_{group['key']}_f") is not None:
            result.append(entity_table(scores, group["key"]))
    return result


def task_table(scores: Mapping[str, Any], task: str) -> Table:
    """Lay out one task: a row a label, then the averages.

    scores (Mapping[str, Any]): The scores, as for `tables`.
    task (str): The task's name, or "" for spaCy's own `cats_…` keys.
    RETURNS (Table): Columns label, P, R, F, AUC.
    """
    prefix = f"cats_{task}_" if task else "cats_"
    auc = scores.get(f"{prefix}auc_per_type") or {}
    rows = _label_rows(scores[f"{prefix}f_per_type"], auc)
    rows.append(
        ("macro", *(percent(scores.get(f"{prefix}macro_{x}")) for x in ("p", "r", "f", "auc")))
    )
    rows.append(("micro", "-", "-", percent(scores.get(f"{prefix}micro_f")), "-"))
    if scores.get(f"{prefix}acc") is not None:
        rows.append(("accuracy", "-", "-", percent(scores[f"{prefix}acc"]), "-"))
    title = f"Task {task}" if task else "Categories"
    if scores.get(f"{prefix}n") is not None:
        title += f" ({scores[f'{prefix}n']:,} documents)"
    return Table(title, ("", "P", "R", "F", "AUC"), rows)


def entity_table(scores: Mapping[str, Any], group: str | None = None) -> Table:
    """Lay out entities: a row a label, then all together.

    scores (Mapping[str, Any]): The scores, as for `tables`.
    group (Optional[str]): Their group of `doc.spans`; None is `doc.ents`.
    RETURNS (Table): Columns label, P, R, F.
    """
    prefix = "ents_" if group is None else f"spans_{group}_"
    rows = [row[:4] for row in _label_rows(scores.get(f"{prefix}per_type") or {}, {})]
    rows.append(("all", *(percent(scores.get(f"{prefix}{x}")) for x in "prf")))
    title = "Entities" if group is None else f"Entities of doc.spans['{group}']"
    return Table(title, ("", "P", "R", "F"), rows)


def percent(value: float | None) -> str:
    """Write a score from 0 to 1 in per cent, or '-' for None."""
    return "-" if value is None else f"{100 * value:.2f}"


def _label_rows(
    per_type: Mapping[str, Mapping[str, float]], auc: Mapping[str, float | None]
) -> list[tuple[str, ...]]:
    labels = [*per_type, *(label for label in auc if label not in per_type)]
    return [
        (
            label,
            *(percent(per_type.get(label, {}).get(x)) for x in "prf"),
            percent(auc.get(label)),
        )
        for label in labels
    ]
