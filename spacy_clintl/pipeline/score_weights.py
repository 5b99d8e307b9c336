"""The weights of scores: which ones a pipeline's meta gets, and which ones choose its best model.

`spacy train` stores the scores that stand in [training.score_weights], and no others, in the
pipeline's meta. One that the development documents do not give is stored as 0.0, which
`spacy_clintl.DropUnscored.v1` takes out again. What stands there already is left as it is.
"""

from collections.abc import Callable, Iterable
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
CALLBACK = "spacy_clintl.DropUnscored.v1"


def name_all_scores(nlp: Language) -> None:
    """Let all components name their scores: those that are sourced are never initialized.

    nlp (Language): The pipeline.
    """
    for _, component in nlp.components:
        if hasattr(component, "name_scores"):
            component.name_scores(nlp)
    training = nlp.config["training"]
    if training.get("before_to_disk") is None:
        training["before_to_disk"] = {"@callbacks": CALLBACK}


def make_drop_unscored_v1() -> Callable[[Language], Language]:
    """Create a callback for [training.before_to_disk]: scores of tasks for which no development
    document has gold are not in the meta's `performance`.

    It is put there unless another callback is. Where there is one, `spacy_clintl.InTurn.v1` takes
    both.
    """
    return drop_unscored


def drop_unscored(nlp: Language) -> Language:
    """Take out of a pipeline's `performance` what its components did not score the last time."""
    given: dict[str, bool] = {}
    for _, component in nlp.pipeline:
        for score, was_given in getattr(component, "given_scores", {}).items():
            given[score] = given.get(score, False) or was_given
    performance = nlp.meta.get("performance", {})
    for score, was_given in given.items():
        # Other components may give a score of the same name.
        if not was_given and not performance.get(score):
            performance.pop(score, None)
    return nlp


def which_given(names: Iterable[str], scores: dict[str, Any]) -> dict[str, bool]:
    """Say which scores were given, for `drop_unscored`.

    names (Iterable[str]): The scores that a component can give.
    scores (dict[str, Any]): Those that it gave; what is None was not.
    """
    return {name: scores.get(name) is not None for name in names}


def list_scores(nlp: Language, tasks: Iterable[str]) -> None:
    """Name the scores of classification tasks, with no weight.

    nlp (Language): The pipeline.
    tasks (Iterable[str]): The names of the tasks.
    """
    weights = _weights(nlp)
    for task in tasks:
        for score in TASK_SCORES:
            weights.setdefault(f"cats_{task}_{score}", None)


def share_macro_f(nlp: Language, names: Iterable[str]) -> None:
    """Where several classifiers give `multitask_macro_f`, of which only the last one's is kept,
    give its weight to the scores of each, `{name}_macro_f`.

    nlp (Language): The pipeline.
    names (Iterable[str]): The names of the classifiers.
    """
    names = list(names)
    keys = [f"{name}_macro_f" for name in names]
    weights = _weights(nlp)
    weight = weights.get(MACRO_F)
    if len(names) > 1 and weight and not any(weights.get(key) for key in keys):
        weights.update({key: weight / len(names) for key in keys}, **{MACRO_F: None})


def list_span_scores(nlp: Language, key: str) -> None:
    """Name the scores of a tagger of a group of spans, with no weight; where no component of the
    pipeline sets `doc.ents`, they get the weights of the scores of entities, which nothing gives.

    nlp (Language): The pipeline.
    key (str): The group of `doc.spans`.
    """
    weights = _weights(nlp)
    fresh = f"spans_{key}_f" not in weights
    for score in ENTITY_SCORES:
        weights.setdefault(f"spans_{key}_{score}", None)
    # Not `pipe_names`: what is sourced is disabled while the others are initialized.
    frozen = nlp.config["training"].get("frozen_components", ())
    names = [name for name in nlp.component_names if name not in frozen]
    keys = [k for name in names if (k := _spans_key(nlp, name))]
    if not fresh or not keys or any(_sets_entities(nlp, name) for name in names):
        return
    weights = _weights(nlp)
    weight = weights.get("ents_f") or sum(weights.get(f"spans_{k}_f") or 0.0 for k in keys)
    weights.update({f"spans_{k}_f": weight / len(keys) for k in keys})
    weights.update({f"ents_{score}": None for score in ENTITY_SCORES})


def _weights(nlp: Language) -> dict[str, Any]:
    # To be read anew after each look at `nlp.config`, which puts another table there.
    return nlp.config["training"]["score_weights"]


def _spans_key(nlp: Language, name: str) -> str | None:
    return getattr(nlp.get_pipe(name), "spans_key", None)


def _sets_entities(nlp: Language, name: str) -> bool:
    return "doc.ents" in nlp.get_pipe_meta(name).assigns and not _spans_key(nlp, name)
