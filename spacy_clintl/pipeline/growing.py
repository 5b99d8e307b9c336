"""Labels and tasks that join a trained component.

They wait: until the first update with gold for it, a new label has no output, so that all that was
there is predicted to the last bit as before. Until then it is among the `labels` of the component,
but not in `doc.cats`. Which labels wait is stored with the component. What gets an output starts
with new weights, and the optimizer's moments of its head start anew.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import srsly
from catalogue import RegistryError
from confection import ConfigValidationError
from spacy.language import Language
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.training import Example
from spacy.util import ensure_path, registry

from ..errors import ClintlError, Errors
from ..models.heads.linear import linear_head_v1
from ..models.multitask_textcat import add_head, resize_head, sort_heads, start_head
from .class_weights import find_class_weights
from .score_weights import list_scores
from .tasks import (
    SEPARATOR,
    Task,
    check_labels,
    check_settings,
    find_labels,
    gold_of,
    read_tasks,
)
from .warm_up import require_shares


def check_new_label(label: Any, name: str) -> str:
    """Check a label to add.

    label (Any): The label.
    name (str): The component's name, for messages.
    RETURNS (str): The label.
    RAISES (ClintlError): When it is not a text, or an empty one.
    """
    if not isinstance(label, str) or not label.strip():
        raise ClintlError(Errors.CL490.format(label=label, name=name))
    return label


def split_label(label: Any, task: str | None, tasks: Iterable[str], name: str) -> tuple[str, str]:
    """Tell the task of a label to add.

    label (Any): The label or, if no task is given, 'task/label'.
    task (Optional[str]): The name of its task.
    tasks (Iterable[str]): The names of the component's tasks.
    name (str): The component's name, for messages.
    RETURNS (tuple[str, str]): The task's name, and the label without it.
    RAISES (ClintlError): For an impossible label, or a task that is unknown or not given.
    """
    label = check_new_label(label, name)
    if task is None:
        task, _, label = label.partition(SEPARATOR)
    if task not in tasks or not label.strip():
        raise ClintlError(Errors.CL491.format(task=task, name=name, known=", ".join(tasks)))
    return task, label


def read_added_task(task: str, settings: Mapping[str, Any], name: str) -> Task:
    """Check and build a task that is added to a component.

    task (str): Its name.
    settings (Mapping[str, Any]): Its settings as in a config: architectures and losses are tables
        with "@architectures" and "@misc".
    name (str): The component's name, for messages.
    RETURNS (Task): The task.
    RAISES (ClintlError): For settings that cannot be stored or built.
    """
    for setting, value in settings.items():
        if not srsly.is_json_serializable(value):
            raise ClintlError(Errors.CL492.format(task=task, setting=setting, name=name))
    try:
        resolved = registry.resolve({"task": dict(settings)})["task"]
    except (RegistryError, ConfigValidationError) as error:
        raise ClintlError(Errors.CL493.format(task=task, reason=str(error).strip())) from error
    return read_tasks({task: resolved}, name)[task]


def labels_with_gold(task: Task, examples: Sequence[Example], name: str) -> list[str]:
    """List those waiting labels of a task that a batch has gold for.

    task (Task): The task. If its labels exclude each other, gold for a label is that it is true,
        else that it is true or false.
    examples (Sequence[Example]): The batch.
    name (str): The component's name, for messages.
    RETURNS (list[str]): The labels, in the order in which they were added. All if the task has no
        others and the batch has gold for any.
    RAISES (ClintlError): For gold that is impossible, see `tasks.gold_of`.
    """
    whole = replace(task, labels=[*task.labels, *task.waiting], waiting=[])
    truths, mask = gold_of(whole, examples, name)
    has_gold = ((mask > 0) & (truths > 0) if task.exclusive else mask > 0).any(axis=0)
    found = [label for label, known in zip(whole.labels, has_gold) if known]
    if found and not task.labels:
        return list(task.waiting)
    return [label for label in task.waiting if label in found]


class GrowingTasks(TrainablePipe):
    """What `multitask_textcat` has for growing: its tasks are `tasks`, and `cfg` holds the labels
    that have outputs ("labels"), those that wait ("waiting") and the settings of added tasks
    ("added").
    """

    tasks: dict[str, Task]
    cfg: dict[str, Any]

    @property
    def is_resizable(self) -> bool:
        """RETURNS (bool): True, see `add_label`."""
        return True

    def add_label(self, label: str, task: str | None = None) -> int:
        """Add a label to a task. It waits for an output until the first update with gold for it.

        In a task whose labels exclude each other, that is gold by which the label is true; until
        then it takes no probability from the others. In documents that were annotated before there
        was the label, the others go on to exclude it. Its threshold is that of the settings, its
        class weight 1.

        label (str): The label or, if no task is given, 'task/label'.
        task (Optional[str]): The name of its task.
        RETURNS (int): 1 if it was added, 0 if it was there.
        RAISES (ClintlError): For an impossible label or an unknown task.
        """
        task, label = split_label(label, task, self.tasks, self.name)
        if label in self.label_data[task]:
            return 0
        self.cfg["waiting"].setdefault(task, []).append(label)
        return 1

    def require_own_tasks(self, nlp: Language, tasks: Iterable[str] | None = None) -> None:
        """Complain about a task that another component of a pipeline has, too: of two that write
        the same categories only the last one's are left.

        nlp (Language): The pipeline.
        tasks (Optional[Iterable[str]]): The names of the tasks. None is all of this component.
        RAISES (ClintlError): When there is one.
        """
        tasks = list(self.tasks if tasks is None else tasks)
        for other, component in nlp.components:
            if component is self or not isinstance(component, GrowingTasks):
                continue
            for task in tasks:
                if task in component.tasks:
                    raise ClintlError(Errors.CL317.format(task=task, one=other, two=self.name))

    def add_task(
        self,
        name: str,
        labels: Sequence[str] | None = None,
        *,
        get_examples: Callable[[], Iterable[Example]] | None = None,
        nlp: Language | None = None,
        **settings: Any,
    ) -> int:
        """Add a task. It waits for its head's weights until the first update with gold for it.

        name (str): Its name.
        labels (Optional[Sequence[str]]): Its labels. None takes them from `get_examples` or, where
            there is none and the component is yet to be initialized, leaves them to that.
        get_examples (Optional[Callable]): Gives training examples: for labels, and for class
            weights that are worked out.
        nlp (Optional[Language]): The pipeline. If given, its config lists the task, and so does
            that of the saved pipeline; the component's own data have it anyway.
        settings (Any): As in the component's `tasks`, see `tasks.Task`: `exclusive`, `weight`, …;
            `head` and `loss` are tables with "@architectures" and "@misc", as in a config.
        RETURNS (int): 1 if it was added. 0 if there is a task of this name: it stays as it is.
        RAISES (ClintlError): For settings, labels or class weights that are impossible, a head
            that reads a task that is not there or waits itself, or a name that another component
            of the pipeline has for a task.
        """
        if name in self.tasks:
            return 0
        if nlp is not None:
            self.require_own_tasks(nlp, [name])
        task = read_added_task(name, settings, self.name)
        if task.holds_back:
            require_shares(self.model, "encoder_shares", self.name)
        trained = any(self.cfg["labels"].values())
        if labels is None and get_examples is not None:
            labels = sorted(find_labels(get_examples()).get(name, ()))
        if trained:
            for other in task.head.attrs.get("reads", ()) if task.head else ():
                if not self.cfg["labels"].get(other):
                    raise ClintlError(
                        Errors.CL494.format(task=name, other=other, known=", ".join(self.tasks))
                    )
            task.labels = check_labels(task, labels or (), self.name)
            if task.class_weights is not None:
                if get_examples is None:
                    raise ClintlError(Errors.CL495.format(task=name))
                self.cfg["class_weights"] |= find_class_weights([task], get_examples, self.name)
        self._put_on(task, settings)
        self.cfg["waiting"][name] = list(dict.fromkeys(map(str, labels or ())))
        if nlp is not None:
            nlp.get_pipe_config(self.name)["tasks"][name] = dict(settings)
            list_scores(nlp, [name])
        return 1

    def _put_on(self, task: Task, settings: dict[str, Any]) -> None:
        add_head(self.model, task.name, task.head or linear_head_v1(), exclusive=task.exclusive)
        self.tasks[task.name] = task
        self.cfg["labels"].setdefault(task.name, [])
        self.cfg["added"][task.name] = dict(settings)

    def retune(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        """Change settings of tasks by which they learn. A `warm_up` begins anew.

        changes (Mapping[str, Mapping[str, Any]]): From a task's name to its new settings, see
            `tasks.Task`; what is not there stays.
        RAISES (ClintlError): For an impossible value; nothing has changed then.
        """
        for task, values in changes.items():
            changed = replace(self.tasks[task], **values)
            check_settings(changed)
            if changed.holds_back:
                require_shares(self.model, "encoder_shares", self.name)
        for task, values in changes.items():
            for setting, value in values.items():
                setattr(self.tasks[task], setting, value)
            if "warm_up" in values:
                self.cfg["warm_up"].pop(task, None)
            if task in self.cfg["added"]:
                self.cfg["added"][task].update(values)

    def take_in(self, examples: Sequence[Example]) -> None:
        """Give outputs to the labels that wait and for which a batch has gold.

        examples (Sequence[Example]): The batch. One without any token teaches nothing.
        RAISES (ClintlError): For gold that is impossible, see `tasks.gold_of`.
        """
        if not any(len(example.predicted) for example in examples):
            return
        for name, waiting in list(self.cfg["waiting"].items()):
            task = self.named(self.tasks[name])
            found = labels_with_gold(task, examples, self.name) if waiting and task.learns else []
            if not found:
                continue
            known = self.cfg["labels"][name]
            if known:
                resize_head(self.model, name, len(known) + len(found))
            else:
                start_head(self.model, name, len(found))
            self.cfg["labels"][name] = [*known, *found]
            self.cfg["waiting"][name] = [label for label in waiting if label not in found]

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> "GrowingTasks":
        """Load what `to_bytes` gave, with the tasks that were added."""
        if "cfg" in (message := srsly.msgpack_loads(bytes_data)):
            self._put_on_added(srsly.json_loads(message["cfg"]))
        return super().from_bytes(bytes_data, exclude=exclude)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "GrowingTasks":
        """Load what `to_disk` wrote, with the tasks that were added."""
        if (cfg := ensure_path(path) / "cfg").exists():
            self._put_on_added(srsly.read_json(cfg))
        return super().from_disk(path, exclude=exclude)

    def _put_on_added(self, cfg: dict[str, Any]) -> None:
        for name, settings in cfg.get("added", {}).items():
            if name not in self.tasks:
                self._put_on(read_added_task(name, settings, self.name), settings)
        # Weights are stored in the order in which tasks joined, whatever that of the config is.
        order = list(cfg.get("labels", {}))
        if order != list(self.tasks) and set(order) == set(self.tasks):
            sort_heads(self.model, order)
            self.tasks = {name: self.tasks[name] for name in order}
