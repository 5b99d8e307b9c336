"""Growing a trained pipeline by its config: a callback for [initialize.after_init].

In a config whose components have `source`, the following adds a label to a task, two tasks of which
the second takes its labels from the training corpus, and all entity labels that the corpus has.

    [initialize]

    [initialize.after_init]
    @callbacks = "spacy_clintl.Grow.v1"

    [initialize.after_init.components]

    [initialize.after_init.components.multitask_textcat]

    [initialize.after_init.components.multitask_textcat.labels]
    diagnosis = ["copd"]

    [initialize.after_init.components.multitask_textcat.tasks]

    [initialize.after_init.components.multitask_textcat.tasks.triage]
    exclusive = true
    labels = ["home","ward"]

    [initialize.after_init.components.multitask_textcat.tasks.triage.head]
    @architectures = "spacy_clintl.LinearHead.v1"
    pooling = "max"

    [initialize.after_init.components.multitask_textcat.tasks.codes]
    exclusive = false

    [initialize.after_init.components.iob_ner]

An update after loading is the one there would have been without saving, but for what spaCy saves
nowhere: the optimizer's moments and averages, the step of its schedules, the state of random
numbers and, after `nlp.update(sgd=…)` in Python, the last gradients of a shared encoder, which
spaCy applies in the update that follows.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import srsly
from spacy.language import Language
from spacy.training import Example
from spacy.util import resolve_dot_names

from ..errors import ClintlError, Errors
from .iob_ner import IobEntityRecognizer
from .multitask_textcat import MultiTaskTextCategorizer
from .score_weights import name_all_scores
from .tasks import find_labels

GetExamples = Callable[[], Iterable[Example]]
# How many documents of a streamed corpus are read, as spaCy does.
STREAMED = 100
CALLBACK = "spacy_clintl.Grow.v1"


def make_grow_v1(
    components: dict[str, dict[str, Any]],
) -> Callable[[Language], Language]:
    """Create a callback that adds tasks and labels to trained components.

    What a component has already is left as it is. The scores of all tasks and groups of spans are
    named in [training.score_weights], see `score_weights`.

    components (dict[str, dict[str, Any]]): From the name of a `multitask_textcat` or `iob_ner` to
        what it gets. `labels`: a table from tasks to lists, or for `iob_ner` a list; where it is
        null or left out, all labels that the training corpus has of the tasks that are there, or
        all entity labels. `tasks`: a table from new tasks to settings as in the component's own
        `tasks`, and their `labels`, null or left out to take them from the training corpus.
    RETURNS (Callable[[Language], Language]): The callback.
    """

    def grow(nlp: Language) -> Language:
        frozen = nlp.config["training"].get("frozen_components", ())
        for name, settings in components.items():
            if name not in nlp.component_names:
                _complain(name, f"but the pipeline has: {', '.join(nlp.component_names)}")
            if name in frozen:
                _complain(name, "which is frozen and could not learn what is new")
            component = nlp.get_pipe(name)
            if isinstance(component, MultiTaskTextCategorizer):
                _check_settings(name, settings, ("tasks", "labels"))
                _grow_textcat(nlp, component, settings)
            elif isinstance(component, IobEntityRecognizer):
                _check_settings(name, settings, ("labels",))
                labels = settings.get("labels")
                for label in _entity_labels(nlp, component) if labels is None else labels:
                    component.add_label(label)
            else:
                _complain(name, "which is neither a multitask_textcat nor an iob_ner")
        name_all_scores(nlp)
        return nlp

    return grow


def _complain(name: str, what: str) -> None:
    raise ClintlError(Errors.CL496.format(name=name, what=what))


def _check_settings(name: str, settings: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for setting in settings:
        if setting not in known:
            raise ClintlError(
                Errors.CL497.format(name=name, setting=setting, known=", ".join(known))
            )


def _grow_textcat(
    nlp: Language, component: MultiTaskTextCategorizer, settings: Mapping[str, Any]
) -> None:
    labels = settings.get("labels")
    if labels is None:
        found = find_labels(_training_examples(nlp)())
        labels = {task: sorted(found.get(task, ())) for task in component.tasks}
    for task, names in labels.items():
        for label in names:
            component.add_label(label, task)
    for task, values in settings.get("tasks", {}).items():
        own = _as_written(nlp, component.name, task, values)
        names = own.pop("labels", None)
        if not component.add_task(
            task, names, get_examples=_training_examples(nlp), nlp=nlp, **own
        ):
            for label in names or ():
                component.add_label(label, task)


def _as_written(
    nlp: Language, component: str, task: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a task's settings without what spaCy has built from them already: the component stores
    how its head is built, and not the head."""
    if not srsly.is_json_serializable(settings):
        for block in _blocks(nlp.config.interpolate()["initialize"]["after_init"]):
            written = block["components"].get(component, {}).get("tasks", {})
            settings = written.get(task, settings)
    return dict(settings)


def _blocks(config: Any) -> Iterator[Mapping[str, Any]]:
    """Find the blocks of this callback: it may be one of several, as in `InTurn.v1`."""
    if isinstance(config, Mapping):
        if config.get("@callbacks") == CALLBACK:
            yield config
        for value in config.values():
            yield from _blocks(value)


def _training_examples(nlp: Language) -> GetExamples:
    config = nlp.config.interpolate()
    training = config["training"]
    limit = STREAMED if training.get("max_epochs") == -1 else None

    def get_examples() -> Iterable[Example]:
        (corpus,) = resolve_dot_names(config, [training["train_corpus"]])
        return islice(corpus(nlp), limit)

    return get_examples


def _entity_labels(nlp: Language, component: IobEntityRecognizer) -> list[str]:
    examples = _training_examples(nlp)()
    return sorted({e.label_ for eg in examples for e in component.entities_of(eg.reference)})
