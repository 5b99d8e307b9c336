"""Another way to train the heads of a pipeline that goes on learning: a callback for
[initialize.after_init].

A component that is sourced comes with its settings; spaCy does not read others beside `source`.
The following keeps the tagger and one classification head as they are and lets another count less:

    [initialize.after_init]
    @callbacks = "spacy_clintl.TuneHeads.v1"

    [initialize.after_init.components]

    [initialize.after_init.components.multitask_textcat]

    [initialize.after_init.components.multitask_textcat.tasks]

    [initialize.after_init.components.multitask_textcat.tasks.diagnosis]
    frozen = true

    [initialize.after_init.components.multitask_textcat.tasks.findings]
    weight = 0.5
    warm_up = 100

    [initialize.after_init.components.iob_ner]
    frozen = true

`spacy_clintl.InTurn.v1` takes it beside other callbacks.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from spacy.language import Language

from ..errors import ClintlError, Errors
from .iob_ner import IobEntityRecognizer
from .multitask_textcat import MultiTaskTextCategorizer
from .score_weights import name_all_scores

OF_TASKS = ("frozen", "weight", "warm_up")
OF_TAGGERS = ("frozen", "loss_weight", "warm_up", "prior_correction")


def make_tune_heads_v1(
    components: dict[str, dict[str, Any]],
) -> Callable[[Language], Language]:
    """Create a callback that changes how the heads of a trained pipeline learn.

    components (dict[str, dict[str, Any]]): From the name of a `multitask_textcat` or `iob_ner` to
        what is changed, as in the component's own settings. Of an `iob_ner`: `frozen`,
        `loss_weight`, `warm_up`, `prior_correction`. Of a `multitask_textcat`: `tasks`, a table
        from tasks to `frozen`, `weight`, `warm_up`; and `frozen`, of all tasks that do not say. A
        `warm_up` begins anew. What is not named stays as it is.
    RETURNS (Callable[[Language], Language]): The callback; the settings are saved with the
        pipeline.
    """

    def tune(nlp: Language) -> Language:
        for name, settings in components.items():
            if name not in nlp.component_names:
                _complain(name, f"but the pipeline has: {', '.join(nlp.component_names)}")
            if name in nlp.config["training"].get("frozen_components", ()):
                _complain(name, "which is in 'frozen_components' and does not learn")
            component = nlp.get_pipe(name)
            if isinstance(component, MultiTaskTextCategorizer):
                _tune_textcat(nlp, component, settings)
            elif isinstance(component, IobEntityRecognizer):
                _check_settings(name, settings, OF_TAGGERS)
                component.retune(settings)
                nlp.get_pipe_config(name).update(settings)
            else:
                _complain(name, "which is neither a multitask_textcat nor an iob_ner")
        name_all_scores(nlp)
        return nlp

    return tune


def _tune_textcat(
    nlp: Language, component: MultiTaskTextCategorizer, settings: Mapping[str, Any]
) -> None:
    _check_settings(component.name, settings, ("tasks", "frozen"))
    of_all = {"frozen": settings["frozen"]} if "frozen" in settings else {}
    changes = {task: dict(of_all) for task in component.tasks}
    for task, values in settings.get("tasks", {}).items():
        if task not in component.tasks:
            known = ", ".join(component.tasks)
            raise ClintlError(Errors.CL487.format(name=component.name, task=task, known=known))
        _check_settings(f"{component.name}.tasks.{task}", values, OF_TASKS)
        changes[task].update(values)
    component.retune(changes)
    # Tasks that were added in Python may stand in the component's own data only.
    written = nlp.get_pipe_config(component.name)["tasks"]
    for task, values in changes.items():
        if task in written:
            written[task].update(values)


def _check_settings(place: str, settings: Iterable[str], known: Iterable[str]) -> None:
    for setting in settings:
        if setting not in known:
            raise ClintlError(
                Errors.CL486.format(place=place, setting=setting, known=", ".join(known))
            )


def _complain(name: str, what: str) -> None:
    raise ClintlError(Errors.CL485.format(name=name, what=what))
