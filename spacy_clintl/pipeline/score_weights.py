"""The weights of scores: which ones a pipeline's meta gets, and which ones choose its best model.

`spacy train` stores the scores that stand in [training.score_weights], and no others, in the
pipeline's meta. One that the development documents do not give is stored as 0.0. What stands there
already is left as it is.
"""

from collections.abc import Iterable
from typing import Any

from spacy.language import Language

# Of a task; `cats_{task}_n` says on how many documents the others rest.
TASK_SCORES = (
    "macro_f",
    "macro_p",
    "macro_r",
    "micro_f",
    "acc",
    "macro_auc",
    "f_per_type",
    "auc_per_type",
    "n",
)
ENTITY_SCORES = ("f", "p", "r", "per_type")
MACRO_F = "multitask_macro_f"


def list_scores(nlp: Language | None, tasks: Iterable[str]) -> None:
    """Name the scores of classification tasks, with no weight.

    nlp (Optional[Language]): The pipeline.
    tasks (Iterable[str]): The names of the tasks.
    """
    for weights in _weights(nlp):
        for task in tasks:
            for score in TASK_SCORES:
                weights.setdefault(f"cats_{task}_{score}", None)


def share_macro_f(nlp: Language | None, names: Iterable[str]) -> None:
    """Where several classifiers give `multitask_macro_f`, of which only the last one's is kept,
    give its weight to the scores of each, `{name}_macro_f`.

    nlp (Optional[Language]): The pipeline.
    names (Iterable[str]): The names of the classifiers.
    """
    names = list(names)
    for weights in _weights(nlp):
        keys = [f"{name}_macro_f" for name in names]
        weight = weights.get(MACRO_F)
        if len(names) < 2 or not weight or any(weights.get(key) for key in keys):
            continue
        weights.update({key: weight / len(names) for key in keys}, **{MACRO_F: None})


def list_span_scores(nlp: Language | None, key: str) -> None:
    """Name the scores of a tagger of a group of spans, with no weight; where no component of the
    pipeline sets `doc.ents`, they get the weights of the scores of entities, which nothing gives.

    nlp (Optional[Language]): The pipeline.
    key (str): The group of `doc.spans`.
    """
    for weights in _weights(nlp):
        assert nlp is not None
        fresh = f"spans_{key}_f" not in weights
        for score in ENTITY_SCORES:
            weights.setdefault(f"spans_{key}_{score}", None)
        if not fresh or any(_sets_entities(nlp, name) for name in nlp.pipe_names):
            continue
        keys = [k for name in nlp.pipe_names if (k := _spans_key(nlp, name))]
        weight = weights.get("ents_f") or sum(weights.get(f"spans_{k}_f") or 0.0 for k in keys)
        weights.update({f"spans_{k}_f": weight / len(keys) for k in keys})
        weights.update({f"ents_{score}": None for score in ENTITY_SCORES})


def _weights(nlp: Language | None) -> Iterable[dict[str, Any]]:
    return () if nlp is None else (nlp.config["training"]["score_weights"],)


def _spans_key(nlp: Language, name: str) -> str | None:
    return getattr(nlp.get_pipe(name), "spans_key", None)


def _sets_entities(nlp: Language, name: str) -> bool:
    return "doc.ents" in nlp.get_pipe_meta(name).assigns and not _spans_key(nlp, name)
