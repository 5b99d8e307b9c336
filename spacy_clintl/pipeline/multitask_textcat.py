"""`multitask_textcat`: many text classifiers over one set of token vectors.

Nothing here imports torch: spaCy imports every factory in every user's process.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example, validate_get_examples
from spacy.util import logger
from spacy.vocab import Vocab
from thinc.api import Config, Model, Optimizer
from thinc.types import Floats2d

from ..errors import ClintlError, Errors
from ..evaluation.classification import score_tasks
from ..models.heads.linear import linear_head_v1
from ..models.losses import sigmoid, softmax
from ..models.multitask_textcat import (
    add_head,
    has_labels,
    heads_of,
    require_pairs,
    resize_head,
)
from ..models.weighting import Weighting
from .calibration import Calibration, find_calibration, keep_logits
from .class_weights import find_class_weights
from .growing import GrowingTasks
from .score_weights import (
    MACRO_F,
    TASK_SCORES,
    list_scores,
    name_all_scores,
    share_macro_f,
    which_given,
)
from .task_loss import task_loss
from .tasks import SEPARATOR, Task, check_labels, find_labels, gold_of, read_tasks, set_cats
from .warm_up import count_updates, is_seen, require_shares
from .weighting import check_weighting

DEFAULT_MODEL = """
[model]
@architectures = "spacy_clintl.MultiTaskTextCat.v1"

[model.tok2vec]
@architectures = "spacy.HashEmbedCNN.v2"
pretrained_vectors = null
width = 96
depth = 4
embed_size = 2000
window_size = 1
maxout_pieces = 3
subword_features = true
"""


@Language.factory(
    "multitask_textcat",
    assigns=["doc.cats"],
    default_config={
        "model": Config().from_str(DEFAULT_MODEL)["model"],
        "tasks": {},
        "weighting": None,
        "scorer": {"@scorers": "spacy_clintl.multitask_textcat_scorer.v1"},
    },
    default_score_weights={"multitask_macro_f": 1.0},
)
def make_multitask_textcat(
    nlp: Language,
    name: str,
    model: Model[list[Doc], dict[str, Floats2d]],
    tasks: dict[str, dict[str, Any]],
    weighting: Any,
    scorer: Callable | None,
) -> "MultiTaskTextCategorizer":
    """Create a multi-task text classifier.

    model (Model[List[Doc], Dict[str, Floats2d]]): The token vectors; heads are put on here.
    tasks (dict[str, dict[str, Any]]): From a task's name to its settings, see `tasks.Task`.
    weighting (Optional[Weighting]): What the tasks' losses are multiplied by beside `weight`, see
        `models.weighting`; None is nothing.
    scorer (Optional[Callable]): Scores predictions.
    """
    return MultiTaskTextCategorizer(
        nlp.vocab, model, name, tasks=tasks, weighting=weighting, scorer=scorer
    )


def make_multitask_textcat_scorer() -> Callable:
    """Create the scorer of `multitask_textcat`."""
    return multitask_textcat_score


def multitask_textcat_score(
    examples: Iterable[Example], *, tasks: dict[str, Task], **kwargs: Any
) -> dict[str, Any]:
    """Score each task over the documents that are annotated for it.

    examples (Iterable[Example]): References carry gold, predictions carry scores.
    tasks (dict[str, Task]): The tasks by name.
    RETURNS (dict[str, Any]): `cats_{task}_…`, see `evaluation.classification`, and
        `multitask_macro_f`, the mean macro-F1 of the tasks that were scored, if any was.
    """
    scores = score_tasks(examples, {name: task.scoring for name, task in tasks.items()})
    macro = [v for task in tasks if (v := scores.get(f"cats_{task}_macro_f")) is not None]
    if macro:
        scores["multitask_macro_f"] = float(np.mean(macro))
    return scores


class MultiTaskTextCategorizer(GrowingTasks):
    """Classifies texts for several tasks at once.

    A document may be annotated for some tasks only: a head without gold in a batch gets no loss
    and no gradient, and in the scores a task counts the documents annotated for it.

    Tasks and labels can be added after training, see `growing`.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model[list[Doc], dict[str, Floats2d]],
        name: str = "multitask_textcat",
        *,
        tasks: dict[str, dict[str, Any]],
        weighting: Weighting | None = None,
        scorer: Callable | None = multitask_textcat_score,
    ):
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self.tasks = read_tasks(tasks, name)
        self.weighting = check_weighting(weighting, name)
        for task in self.tasks.values():
            head = task.head or linear_head_v1()
            add_head(model, task.name, head, exclusive=task.exclusive)
        if any(task.holds_back for task in self.tasks.values()):
            require_shares(model, "encoder_shares", name)
        self.cfg: dict[str, Any] = {
            "labels": {task: [] for task in self.tasks},
            "waiting": {},
            "added": {},
            "class_weights": {},
            "temperatures": {},
            "thresholds": {},
            "weighting": {},
            "warm_up": {},
        }
        # Of each task with gradients that no update has used yet, the losses.
        self._unused_losses: dict[str, list[float]] = {}
        self._task_losses: dict[str, float] = {}  # those of the last batch
        self._keeps_logits = False
        self.given_scores: dict[str, bool] = {}  # which scores there were the last time

    @property
    def labels(self) -> tuple[str, ...]:
        """RETURNS (tuple[str]): The labels of all tasks, as `doc.cats` has them."""
        return tuple(
            f"{task}{SEPARATOR}{label}"
            for task, labels in self.label_data.items()
            for label in labels
        )

    @property
    def label_data(self) -> dict[str, list[str]]:
        """RETURNS (dict[str, list[str]]): The labels of each task, for `spacy init labels`."""
        waiting = self.cfg["waiting"]
        return {
            task: [*self.cfg["labels"].get(task, ()), *waiting.get(task, ())] for task in self.tasks
        }

    def named(self, task: Task) -> Task:
        """Give a task its labels and thresholds, which live in `cfg`: that is what is saved."""
        task.labels = self.cfg["labels"].get(task.name, [])
        task.thresholds = self.cfg.get("thresholds", {}).get(task.name, {})
        task.waiting = self.cfg["waiting"].get(task.name, [])
        return task

    def predict(self, docs: Iterable[Doc]) -> dict[str, np.ndarray]:
        """Score documents.

        docs (Iterable[Doc]): The documents.
        RETURNS (dict[str, ndarray]): Each task's probabilities; shape (documents, labels). Tasks
            that wait for their first gold are not there.
        """
        docs = list(docs)
        self._require_labels()
        logits = self.model.predict(docs)
        if self._keeps_logits:
            to_numpy = self.model.ops.to_numpy
            keep_logits(docs, {task: to_numpy(rows) for task, rows in logits.items()}, self.name)
        temperatures = self.cfg.get("temperatures", {})
        scores = {}
        for name, task in self.tasks.items():
            if name not in logits:
                continue
            squash = softmax if task.exclusive else sigmoid
            scores[name] = self.model.ops.to_numpy(squash(logits[name] / temperatures.get(name, 1)))
        return scores

    def set_annotations(self, docs: Iterable[Doc], scores: dict[str, np.ndarray]) -> None:
        """Write the scores to `doc.cats`; categories of other components stay.

        docs (Iterable[Doc]): The documents.
        scores (dict[str, ndarray]): What `predict` gave.
        """
        for row, doc in enumerate(docs):
            for name in scores:
                set_cats(doc, self.named(self.tasks[name]), scores[name][row])

    def calibrate(
        self,
        examples: Iterable[Example],
        *,
        precision: float | None = None,
        recall: float | None = None,
    ) -> list[Calibration]:
        """Find and keep a temperature for each task and a threshold for each label.

        Tasks without gold keep what they have.

        examples (Iterable[Example]): Development documents: references with gold, predictions
            with the scores of this component within `uncalibrated`.
        precision (Optional[float]): See `calibration.find_calibration`.
        recall (Optional[float]): See there.
        RETURNS (list[Calibration]): What was found, a task with gold each.
        """
        examples = list(examples)
        tasks = [self.named(task) for task in self.tasks.values()]
        found = find_calibration(tasks, examples, self.name, precision=precision, recall=recall)
        for result in found:
            self.cfg["temperatures"][result.task] = result.temperature
            self.cfg["thresholds"][result.task] = result.thresholds
        return found

    def unknown_gold(self, examples: Iterable[Example]) -> Counter[str]:
        """Count the documents by categories that are of a task here, but no label of it.

        examples (Iterable[Example]): The references carry the categories.
        RETURNS (Counter[str]): By categories as `doc.cats` has them.
        """
        labels = set(self.labels)
        return Counter(
            key
            for example in examples
            for key in example.reference.cats
            if key.partition(SEPARATOR)[0] in self.tasks and SEPARATOR in key and key not in labels
        )

    def forget_calibration(self) -> None:
        """Give scores at temperature 1 again, and go by the thresholds of the settings."""
        self.cfg["temperatures"] = {}
        self.cfg["thresholds"] = {}

    @contextmanager
    def uncalibrated(self) -> Iterator[None]:
        """Give scores at temperature 1 within a `with`, and keep logits in `doc.user_data` for
        `calibrate`; what was found before is kept."""
        kept = {key: self.cfg.get(key, {}) for key in ("temperatures", "thresholds")}
        self.forget_calibration()
        self._keeps_logits = True
        try:
            yield
        finally:
            self._keeps_logits = False
            self.cfg.update(kept)

    def scoring_of(self, task: str) -> dict[str, Any]:
        """Return a task's labels, thresholds and kind, as `score_tasks` takes them."""
        return self.named(self.tasks[task]).scoring

    def loss_name(self, task: str) -> str:
        """Return the key of a task's loss in the `losses` of `update`."""
        return f"{self.name}{SEPARATOR}{task}"

    @property
    def task_weights(self) -> dict[str, float]:
        """RETURNS (dict[str, float]): What a task's loss is multiplied by now, by `loss_name`."""
        learning = [name for name, task in self.tasks.items() if task.learns]
        factors = self.weighting.factors(learning, self.cfg["weighting"])
        return {
            self.loss_name(name): task.weight * factors.get(name, 0.0)
            for name, task in self.tasks.items()
        }

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Learn from a batch, see `TrainablePipe.update`.

        losses (Optional[dict[str, float]]): Gets two kinds of keys: the component's name, with the
            objective (see `get_loss`), and 'component/task' for each task, with its loss
            before it is weighted. `spacy_clintl.ConsoleLogger.v1` and the loggers of spacy-loggers
            show both; spaCy's own console loggers show the first.
        """
        losses = {} if losses is None else losses
        self._task_losses = {}
        examples = list(examples)
        self.take_in(examples)
        losses = super().update(examples, drop=drop, sgd=sgd, losses=losses)
        for task in self.tasks:
            key = self.loss_name(task)
            losses[key] = losses.get(key, 0.0) + self._task_losses.get(task, 0.0)
        return losses

    def get_loss(
        self, examples: Iterable[Example], scores: dict[str, Floats2d]
    ) -> tuple[float, dict[str, Floats2d | None]]:
        """Compute the sum of the tasks' weighted losses, and its gradients.

        With a learned weighting the sum has addends of its own, see `models.weighting`.

        examples (Iterable[Example]): The batch.
        scores (dict[str, Floats2d]): The model's logits.
        RETURNS (tuple[float, dict[str, Optional[Floats2d]]]): The loss and each task's gradient,
            None where no document of the batch is annotated for it, or it does not learn.
        RAISES (ClintlError): When a loss is not a number, see `task_loss`.
        """
        examples = list(examples)
        total = 0.0
        gradients: dict[str, Floats2d | None] = {}
        shares: dict[str, float | list[float]] = {}
        task_weights = self.task_weights
        for name, task in self.tasks.items():
            gradients[name] = None
            if not task.learns:
                continue
            truths, mask = gold_of(self.named(task), examples, self.name)
            if not mask.any():
                continue
            require_pairs(self.model, name, examples, mask)
            weights = self.cfg["class_weights"]
            loss, gradient = task_loss(
                self.model.ops, task, scores[name], (truths, mask), examples, weights, self.name
            )
            self._task_losses[name] = loss
            self._unused_losses.setdefault(name, []).append(loss)
            weight = task_weights[self.loss_name(name)]
            total += weight * loss
            total += task.weight * self.weighting.penalty(name, self.cfg["weighting"])
            gradients[name] = gradient * weight
            if task.holds_back:
                share = task.encoder_share(self.cfg["warm_up"].get(name, 0))
                shares[name] = share
                if task.adversarial:
                    logits = self.model.ops.to_numpy(scores[name])
                    seen = is_seen(logits, truths, mask, exclusive=task.exclusive)
                    shares[name] = [share if one else 0.0 for one in seen]
        self.model.attrs["encoder_shares"] = shares
        return total, gradients

    def finish_update(self, sgd: Optimizer) -> None:
        """Update the heads that had gold since the last time and, if any had, the token vectors'
        model and what the weighting learns.

        Thinc keeps gradients as zeros after an update, with which weight decay and momentum would
        move the other heads too.

        sgd (Optimizer): The optimizer.
        """
        losses, self._unused_losses = self._unused_losses, {}
        if not losses:
            return
        self.model.get_ref("tok2vec").finish_update(sgd)
        for name, head in heads_of(self.model).items():
            if name in losses:
                head.finish_update(sgd)
        weights = {name: task.weight for name, task in self.tasks.items()}
        self.weighting.finish_update(losses, weights, self.cfg["weighting"], sgd, self.model.id)
        warm_ups = {name: task.warm_up for name, task in self.tasks.items()}
        count_updates(self.cfg["warm_up"], warm_ups, losses)

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: dict[str, Sequence[str]] | None = None,
    ) -> None:
        """Size the heads.

        get_examples (Callable): Gives the training examples.
        nlp (Optional[Language]): The pipeline.
        labels (Optional[dict[str, Sequence[str]]]): The labels of each task. None collects them
            from all examples, in alphabetical order. Labels that were added before come first.
        RAISES (ClintlError): When labels are unknown, missing or clash, a task has no gold, or the
            name of one of another component, or class weights are given for labels that are not
            there.
        """
        if nlp is not None:
            self.require_own_tasks(nlp)
        validate_get_examples(get_examples, "MultiTaskTextCategorizer.initialize")
        true: set[str] = set()
        found = find_labels(get_examples(), None if labels is None else self.tasks, true)
        known = self.label_data
        if labels is None:
            labels = {
                task: [*known[task], *sorted(found.get(task, set()).difference(known[task]))]
                for task in self.tasks
            }
        for name in labels:
            if name not in self.tasks:
                raise ClintlError(
                    Errors.CL304.format(task=name, name=self.name, known=", ".join(self.tasks))
                )
        for name, task in self.tasks.items():
            if name not in found:
                seen = ", ".join(sorted(found)) or "none"
                raise ClintlError(Errors.CL308.format(task=name, found=seen))
            if task.exclusive and name not in true:
                raise ClintlError(Errors.CL315.format(task=name))
            if name not in labels:
                raise ClintlError(Errors.CL305.format(task=name, name=self.name))
            wanted = list(labels[name])
            if self.cfg["labels"][name]:
                task.labels = known[name]
            else:
                wanted += [label for label in known[name] if label not in wanted]
            self.cfg["labels"][name] = check_labels(task, wanted, self.name)
        self.cfg["waiting"] = {}
        for name in sorted(set(found) - set(self.tasks)):
            logger.info("'%s' leaves the categories '%s/…' to other components.", self.name, name)
        sample = list(islice(get_examples(), 10))
        for task in self.tasks.values():
            gold_of(self.named(task), sample, self.name)  # complains about unknown labels
        tasks = list(self.tasks.values())
        self.cfg["class_weights"] = find_class_weights(tasks, get_examples, self.name)
        self.cfg["weighting"], self.cfg["warm_up"] = {}, {}
        self.forget_calibration()
        for name, head in heads_of(self.model).items():
            n_labels = len(self.cfg["labels"][name])
            if has_labels(head):
                resize_head(self.model, name, n_labels)
            else:
                head.get_ref("output_layer").set_dim("nO", n_labels)
        if nlp is not None:
            name_all_scores(nlp)
        self.model.initialize(X=[example.predicted for example in sample])

    def name_scores(self, nlp: Language) -> None:
        """Name the scores in [training.score_weights], see there."""
        self.require_own_tasks(nlp)  # of two tasks with one name only one is scored
        list_scores(nlp, self.tasks)
        share_macro_f(nlp, [name for name, p in nlp.components if isinstance(p, type(self))])

    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        """Score predictions, see `multitask_textcat_score`; `{name}_macro_f` is the mean of the
        tasks of this component alone."""
        if self.scorer is None:
            return {}
        tasks = {name: self.named(task) for name, task in self.tasks.items()}
        scores = self.scorer(examples, tasks=tasks, **kwargs)
        own_macro_f = f"{self.name}_macro_f"
        if MACRO_F in scores:
            # Of several classifiers only the last one's score would be left.
            scores[own_macro_f] = scores[MACRO_F]
        names = [f"cats_{task}_{score}" for task in tasks for score in TASK_SCORES]
        self.given_scores = which_given([MACRO_F, own_macro_f, *names], scores)
        return scores

    def _require_labels(self) -> None:
        if not any(self.cfg["labels"].values()) or not all(self.label_data.values()):
            raise ClintlError(Errors.CL323.format(name=self.name))
