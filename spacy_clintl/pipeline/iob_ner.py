"""`iob_ner`: an IOB2 entity tagger over any token vectors.

Nothing here imports torch: spaCy imports every factory in every user's process.
"""

import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from spacy.attrs import ENT_IOB, ENT_TYPE
from spacy.language import Language
from spacy.pipeline.ner import ner_score
from spacy.pipeline.spancat import spancat_score
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config, Model, Optimizer
from thinc.types import Floats2d

from ..errors import ClintlError, Errors, Warnings
from ..models.crf import add_gradients, entity_probabilities, get_chain, marginal_loss
from ..models.iob import MISSING, Chain, decode, gold_tags, n_tags, spans_of
from ..models.iob_tagger import resize_tagger
from ..models.losses import softmax
from ..models.weighting import Weighting
from .growing import check_new_label
from .prior_correction import count_tokens, tag_corrections
from .score_weights import ENTITY_SCORES, list_span_scores, name_all_scores, which_given
from .warm_up import count_updates, is_warm_up, require_shares, share_of
from .weighting import check_weighting

# The attribute `span._.confidence`.
CONFIDENCE = "confidence"
# What the one task is called where tasks have names; a component may be renamed.
TASK = "entities"
# How many documents an error names.
NAMED = 10

DEFAULT_MODEL = """
[model]
@architectures = "spacy_clintl.IobTagger.v1"

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
    "iob_ner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type"],
    default_config={
        "model": Config().from_str(DEFAULT_MODEL)["model"],
        "loss_weight": 1.0,
        "weighting": None,
        "frozen": False,
        "warm_up": 0,
        "confidence": True,
        "spans_key": None,
        "prior_correction": 0.0,
        "scorer": {"@scorers": "spacy.ner_scorer.v1"},
    },
    default_score_weights={
        "ents_f": 1.0,
        "ents_p": 0.0,
        "ents_r": 0.0,
        "ents_per_type": None,
    },
)
def make_iob_ner(
    nlp: Language,
    name: str,
    model: Model[list[Doc], list[Floats2d]],
    loss_weight: float,
    weighting: Any,
    frozen: bool,
    warm_up: int,
    confidence: bool,
    spans_key: str | None,
    prior_correction: float,
    scorer: Callable | None,
) -> "IobEntityRecognizer":
    """Create an IOB2 entity tagger.

    model (Model[List[Doc], List[Floats2d]]): Gives one logit a tag for each token.
    loss_weight (float): What the loss is multiplied by, beside those of other components; with 0
        nothing is learned.
    weighting (Optional[Weighting]): What the loss is multiplied by beside `loss_weight`, see
        `models.weighting`; None is nothing.
    frozen (bool): Whether the weights stay as they are: it gives no loss and no gradient to
        anything, and still predicts. The last component that listens to a shared encoder should
        be frozen by this and not by `frozen_components` of training: it is the one that hands the
        gradients of all components on to the encoder.
    warm_up (int): During how many updates with gold the gradient that goes to the token vectors
        rises from 0 to all of it; the output layer learns at the full rate. See `warm_up`.
    confidence (bool): Whether `span._.confidence` of each entity found is set to its probability.
    spans_key (Optional[str]): Learn from and write to this group of `doc.spans` instead of
        `doc.ents`, so that one pipeline holds taggers of several schemata. A document without the
        group is not annotated; confidences are in the group's `attrs["scores"]`.
    prior_correction (float): How far decoding favours labels that are rare in training, from 0,
        not at all, to 1, see `prior_correction`. Confidences stay those that were learned.
    scorer (Optional[Callable]): Scores predictions. With `spans_key`, the default one is replaced
        by that of `spancat`: `spans_{key}_f` and so on.
    RAISES (ClintlError): For a negative loss weight, correction or warm-up, or a weighting that is
        none or needs several tasks.
    """
    return IobEntityRecognizer(
        nlp.vocab,
        model,
        name,
        loss_weight=loss_weight,
        weighting=weighting,
        frozen=frozen,
        warm_up=warm_up,
        confidence=confidence,
        spans_key=spans_key,
        prior_correction=prior_correction,
        scorer=scorer,
    )


class Tagging(NamedTuple):
    """What is predicted for a document.

    tags (ndarray): Tag numbers, a valid IOB2 sequence; int64, shape (tokens,).
    confidences (Optional[ndarray]): The probability of each entity of the tags, in their order;
        float64, shape (entities,).
    """

    tags: np.ndarray
    confidences: np.ndarray | None = None


class IobEntityRecognizer(TrainablePipe):
    """Finds entities by tagging tokens; the tags are always a valid IOB2 sequence.

    The model is a softmax a token or, where its architecture has a CRF, a linear chain. Tokens
    without gold (documents without entity annotation, tokens marked as missing, entities that do
    not fall on tokens) give no loss and no gradient to the softmax; the chain sums over their tags.

    An entity's confidence is the probability that it begins, goes on and ends just there with its
    label, among all valid tag sequences of the document: see `models.crf.entity_probabilities`. It
    is kept in `doc.user_data`, so that it passes through `nlp.pipe(n_process=2)`, `doc.to_bytes`
    and `DocBin(store_user_data=True)`; where documents are read without the pipeline, register
    the extension: `Span.set_extension("confidence", default=None)`.

    Labels can be added after training, see `add_label`.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model[list[Doc], list[Floats2d]],
        name: str = "iob_ner",
        *,
        loss_weight: float = 1.0,
        weighting: Weighting | None = None,
        frozen: bool = False,
        warm_up: int = 0,
        confidence: bool = True,
        spans_key: str | None = None,
        prior_correction: float = 0.0,
        scorer: Callable | None = get_ner_prf,
    ):
        self.vocab = vocab
        self.model = model
        self.name = name
        settings = {
            "loss_weight": loss_weight,
            "frozen": frozen,
            "warm_up": warm_up,
            "prior_correction": prior_correction,
        }
        self._check_settings(settings)
        self.loss_weight = loss_weight
        self.weighting = check_weighting(weighting, name, several=False)
        self.frozen = frozen
        self.warm_up = warm_up
        self.spans_key = spans_key
        self.prior_correction = prior_correction
        self.confidence = confidence and (spans_key is not None or _can_be_set(CONFIDENCE, name))
        # The default scorers read doc.ents.
        of_ents = scorer in (get_ner_prf, ner_score)
        self.scorer = (
            partial(spancat_score, spans_key=spans_key) if spans_key and of_ents else scorer
        )
        self.cfg: dict[str, Any] = {
            "labels": [],
            "waiting": [],
            "tokens": {},
            "weighting": {},
            "warm_up": {},
        }
        self._unused_losses: list[float] = []  # those whose gradients no update has used yet
        self.given_scores: dict[str, bool] = {}  # which scores there were the last time

    def _check_settings(self, settings: Mapping[str, Any]) -> None:
        for setting, value in settings.items():
            if setting == "frozen":
                if not isinstance(value, bool):
                    raise ClintlError(
                        Errors.CL488.format(setting=setting, name=self.name, value=value)
                    )
            elif setting == "warm_up":
                if not is_warm_up(value):
                    raise ClintlError(Errors.CL483.format(name=self.name, value=value))
                if value:
                    require_shares(self.model, "encoder_share", self.name)
            elif not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise ClintlError(Errors.CL339.format(setting=setting, name=self.name, value=value))

    def retune(self, settings: Mapping[str, Any]) -> None:
        """Change settings by which the tagger learns, or decodes. A `warm_up` begins anew.

        settings (Mapping[str, Any]): Any of `frozen`, `loss_weight`, `warm_up` and
            `prior_correction`; what is not there stays.
        RAISES (ClintlError): For an impossible value, or a correction without the counts that
            training with one makes; nothing has changed then.
        """
        self._check_settings(settings)
        if settings.get("prior_correction") and not self.cfg["tokens"]:
            raise ClintlError(Errors.CL349.format(name=self.name))
        for setting, value in settings.items():
            setattr(self, setting, value)
        if "warm_up" in settings:
            self.cfg["warm_up"] = {}

    @property
    def labels(self) -> tuple[str, ...]:
        """RETURNS (tuple[str]): The entity labels."""
        return (*self.cfg["labels"], *self.cfg["waiting"])

    @property
    def label_data(self) -> list[str]:
        """RETURNS (list[str]): The entity labels, for `spacy init labels`."""
        return list(self.labels)

    @property
    def is_resizable(self) -> bool:
        """RETURNS (bool): True, see `add_label`."""
        return True

    def add_label(self, label: str) -> int:
        """Add an entity label. It waits until the first update with an entity of it.

        Until then entities and confidences stay as they were, to the last bit. Then it gets its two
        tags: the logits of new tags, and a CRF's scores between them and others, start at 0, and
        the optimizer's moments of that layer start anew. In documents that were annotated before
        there was the label its entities count as outside, unless their tokens are marked as
        missing.

        label (str): The label.
        RETURNS (int): 1 if it was added, 0 if it was there.
        RAISES (ClintlError): For an impossible label.
        """
        if check_new_label(label, self.name) in self.labels:
            return 0
        self.vocab.strings.add(label)
        self.cfg["waiting"].append(label)
        return 1

    def _take_in(self, examples: Sequence[Example]) -> None:
        """Give tags to the labels that wait and for which a batch has entities on tokens."""
        labels, waiting = self.cfg["labels"], self.cfg["waiting"]
        found: set[int] = set()
        for example in examples:
            if any(entity.label_ in waiting for entity in self.entities_of(example.reference)):
                found.update(gold_tags(example, [*labels, *waiting], self.spans_key).tolist())
        numbers = {(tag - 1) // 2 - len(labels) for tag in found if tag > 0}
        known = [label for number, label in enumerate(waiting) if number in numbers]
        if known:
            self.cfg["labels"] = [*labels, *known]
            self.cfg["waiting"] = [label for label in waiting if label not in known]
            resize_tagger(self.model, n_tags(len(self.cfg["labels"])))

    @property
    def task_weights(self) -> dict[str, float]:
        """RETURNS (dict[str, float]): What the loss is multiplied by now, by its name."""
        factor = self.weighting.factors([TASK], self.cfg["weighting"])[TASK]
        return {self.name: 0.0 if self.frozen else self.loss_weight * factor}

    def _chain(self) -> Chain | None:
        # Read anew each time: training and averaging change the weights.
        return get_chain(self.model.get_ref("crf")) if self.model.has_ref("crf") else None

    def _to_numpy(self, scores: Sequence[Floats2d]) -> list[np.ndarray]:
        # One array goes from the GPU and not one a document.
        flat = self.model.ops.to_numpy(self.model.ops.xp.concatenate(list(scores)))
        return np.split(flat, np.cumsum([len(rows) for rows in scores])[:-1])

    def predict(self, docs: Iterable[Doc]) -> list[Tagging]:
        """Tag documents.

        docs (Iterable[Doc]): The documents.
        RETURNS (list[Tagging]): Each document's tags, and the confidences of their entities.
        """
        if not self.cfg["labels"]:
            raise ClintlError(Errors.CL323.format(name=self.name))
        docs = list(docs)
        if not docs:
            return []
        logits, chain = self._to_numpy(self.model.predict(docs)), self._chain()
        tags = decode(self._corrected(logits), chain)
        if not self.confidence:
            return [Tagging(numbers) for numbers in tags]
        return list(map(Tagging, tags, entity_probabilities(logits, tags, chain)))

    def _corrected(self, logits: list[np.ndarray]) -> list[np.ndarray]:
        if not self.prior_correction:
            return logits
        if not self.cfg["tokens"]:
            raise ClintlError(Errors.CL349.format(name=self.name))
        labels = self.cfg["labels"]
        corrections = tag_corrections(self.cfg["tokens"], labels, self.prior_correction)
        return [rows + corrections for rows in logits]

    def set_annotations(self, docs: Iterable[Doc], taggings: Sequence[Tagging]) -> None:
        """Write the entities to the documents; entities set before stay, blocked tokens get none.

        docs (Iterable[Doc]): The documents.
        taggings (Sequence[Tagging]): What `predict` gave.
        """
        if self.spans_key is not None:
            self._set_spans(docs, taggings, self.spans_key)
            return
        for doc, (tags, confidences) in zip(docs, taggings):
            taken = {token.i for entity in doc.ents for token in entity}
            blocked = _blocked(doc)
            taken.update(span.start for span in blocked)
            found = []
            for number, (start, end, label) in enumerate(spans_of(tags, self.cfg["labels"])):
                entity = _trimmed(doc, start, end, label)
                if entity is None or not taken.isdisjoint(range(entity.start, entity.end)):
                    continue
                found.append(entity)
                if confidences is not None:
                    # A Python number, as a NumPy one cannot be serialized in every way.
                    entity._.set(CONFIDENCE, float(confidences[number]))
            doc.set_ents([*doc.ents, *found], blocked=blocked, default="outside")

    def _set_spans(self, docs: Iterable[Doc], taggings: Sequence[Tagging], key: str) -> None:
        for doc, (tags, confidences) in zip(docs, taggings):
            spans, scores = [], []
            for number, (start, end, label) in enumerate(spans_of(tags, self.labels)):
                entity = _trimmed(doc, start, end, label)
                if entity is not None:
                    spans.append(entity)
                    if confidences is not None:
                        scores.append(float(confidences[number]))
            attrs = {"scores": scores} if confidences is not None else {}
            doc.spans[key] = SpanGroup(doc, name=key, spans=spans, attrs=attrs)

    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        """Score predictions: `ents_…`, or `spans_{key}_…` with `spans_key`."""
        if self.scorer is None:
            return {}
        scores = self.scorer(examples, **kwargs)
        kind = "ents" if self.spans_key is None else f"spans_{self.spans_key}"
        self.given_scores = which_given([f"{kind}_{score}" for score in ENTITY_SCORES], scores)
        return scores

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Learn from a batch, see `TrainablePipe.update` and `add_label`."""
        if self.cfg["waiting"] and self.loss_weight and not self.frozen:
            examples = list(examples)
            self._take_in(examples)
        return super().update(examples, drop=drop, sgd=sgd, losses=losses)

    def get_loss(
        self, examples: Iterable[Example], scores: Sequence[Floats2d]
    ) -> tuple[float, list[Floats2d] | None]:
        """Compute the mean loss of the annotated tokens, and its gradients.

        For the softmax this is their mean cross-entropy; for the CRF the sum of the documents'
        negative log-likelihoods over the number of annotated tokens of the batch, so that
        `loss_weight` means the same. A learned weighting adds a number of its own, see
        `models.weighting`.

        examples (Iterable[Example]): The batch.
        scores (Sequence[Floats2d]): The model's logits, one array (tokens, tags) a document.
        RETURNS (tuple[float, Optional[list[Floats2d]]]): The loss and its gradients, None where
            no token of the batch is annotated, or nothing is to be learned. Those of the CRF's
            scores are in the model.
        RAISES (ClintlError): When the loss is not a number.
        """
        weight = self.task_weights[self.name]
        if not weight:
            return 0.0, None
        examples = list(examples)
        gold = [
            gold_tags(example, self.cfg["labels"], self.spans_key, number)
            for number, example in enumerate(examples, start=1)
        ]
        n_annotated = sum(int((tags != MISSING).sum()) for tags in gold)
        if not n_annotated:
            return 0.0, None
        factor = weight / n_annotated
        chain = self._chain()
        if chain is None:
            loss, gradients = self._token_loss(scores, np.concatenate(gold), factor)
        else:
            total, d_scores, d_chain = marginal_loss(self._to_numpy(scores), gold, chain)
            loss = factor * total
            gradients = [self.model.ops.asarray2f(factor * d) for d in d_scores]
        if not math.isfinite(loss):
            ids = self._unsound(examples, scores)
            raise ClintlError(Errors.CL337.format(name=self.name, ids=ids))
        if chain is not None:
            add_gradients(self.model.get_ref("crf"), d_chain, factor)
        self._unused_losses.append(loss / weight)
        share = share_of(self.warm_up, self.cfg["warm_up"].get(TASK, 0))
        self.model.attrs["encoder_share"] = share
        penalty = self.weighting.penalty(TASK, self.cfg["weighting"])
        return loss + self.loss_weight * penalty, gradients

    def _token_loss(
        self, scores: Sequence[Floats2d], gold: np.ndarray, factor: float
    ) -> tuple[float, list[Floats2d]]:
        xp = self.model.ops.xp
        annotated = np.flatnonzero(gold != MISSING)
        probs = softmax(xp.concatenate(list(scores)))
        rows, columns = xp.asarray(annotated), xp.asarray(gold[annotated])
        loss = -factor * float(xp.log(probs[rows, columns] + 1e-12).sum())
        gradient = xp.zeros_like(probs)
        gradient[rows] = probs[rows]
        gradient[rows, columns] -= 1.0
        gradient *= factor
        borders = np.cumsum([len(score) for score in scores])[:-1]
        return loss, xp.split(gradient, borders.tolist())

    def _unsound(self, examples: Sequence[Example], scores: Sequence[Floats2d]) -> str:
        """List the documents whose logits are not numbers; all if it is not the logits."""
        bad = [not np.isfinite(rows).all() for rows in self._to_numpy(scores)]
        ids = [
            str(example.reference.user_data.get("id") or f"(number {number}, without id)")
            for number, (example, is_bad) in enumerate(zip(examples, bad), start=1)
            if is_bad or not any(bad)
        ]
        more = [f"and {len(ids) - NAMED} more"] if len(ids) > NAMED else []
        return ", ".join([*ids[:NAMED], *more])

    def finish_update(self, sgd: Optimizer) -> None:
        """Update the model if there was gold since the last time.

        Thinc keeps gradients as zeros after an update, with which weight decay and momentum would
        move the weights without gold.

        sgd (Optimizer): The optimizer.
        """
        losses, self._unused_losses = self._unused_losses, []
        if not losses:
            return
        self.model.finish_update(sgd)
        state, weights = self.cfg["weighting"], {TASK: self.loss_weight}
        self.weighting.finish_update({TASK: losses}, weights, state, sgd, self.model.id)
        count_updates(self.cfg["warm_up"], {TASK: self.warm_up}, [TASK])

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: Sequence[str] | None = None,
    ) -> None:
        """Size the output layer.

        get_examples (Callable): Gives the training examples.
        nlp (Optional[Language]): The pipeline.
        labels (Optional[Sequence[str]]): The entity labels. None collects them from all
            examples, in alphabetical order. Labels that were added before come first.
        RAISES (ClintlError): When there are none, or others than the tagger was trained with.
        """
        validate_get_examples(get_examples, "IobEntityRecognizer.initialize")
        found: set[str] = set()
        for example in get_examples():
            found.update(entity.label_ for entity in self.entities_of(example.reference))
            if labels is not None and found:
                break
        if not found:
            place = "doc.ents" if self.spans_key is None else f"doc.spans['{self.spans_key}']"
            raise ClintlError(Errors.CL320.format(name=self.name, place=place))
        known = self.label_data
        given = [*known, *sorted(found.difference(known))] if labels is None else list(labels)
        if not self.cfg["labels"]:
            given += [label for label in known if label not in given]
        if not given and self.model.has_ref("crf"):
            raise ClintlError(Errors.CL338.format(n=n_tags(0)))
        if not given or len(set(given)) < len(given):
            raise ClintlError(Errors.CL321.format(name=self.name, labels=given))
        if self.cfg["labels"] and known != given:
            raise ClintlError(
                Errors.CL310.format(
                    what=f"'{self.name}'",
                    given=", ".join(given),
                    trained=", ".join(known),
                )
            )
        output, needed = self.model.get_ref("output_layer"), n_tags(len(given))
        if self.cfg["waiting"] and self.cfg["labels"]:
            resize_tagger(self.model, needed)
        if output.has_dim("nO") and output.get_dim("nO") != needed:
            raise ClintlError(
                Errors.CL340.format(
                    name=self.name, n=output.get_dim("nO"), n_labels=len(given), needed=needed
                )
            )
        self.cfg["labels"], self.cfg["waiting"] = given, []
        self.cfg["weighting"], self.cfg["warm_up"] = {}, {}
        sample = list(islice(get_examples(), 10))
        for number, example in enumerate(sample, start=1):
            gold_tags(example, given, self.spans_key, number)  # complains about unknown labels
        # Not otherwise: it is one more pass over what may be a large corpus.
        if self.prior_correction:
            gold = partial(gold_tags, spans_key=self.spans_key)
            self.cfg["tokens"] = count_tokens(get_examples(), given, gold)
        output.set_dim("nO", needed)
        if nlp is not None:
            name_all_scores(nlp)
        self.model.initialize(X=[example.predicted for example in sample])

    def name_scores(self, nlp: Language) -> None:
        """Name the scores in [training.score_weights], see there."""
        if self.spans_key is not None:
            list_span_scores(nlp, self.spans_key)

    def entities_of(self, doc: Doc) -> Iterable[Span]:
        """Return a document's entities: those of `doc.ents`, or of the group it reads."""
        return doc.ents if self.spans_key is None else doc.spans.get(self.spans_key, [])


def _blocked(doc: Doc) -> list[Span]:
    """List the tokens that `doc.set_ents(…, blocked=…)` keeps out of entities: B without a type."""
    iob, types = doc.to_array([ENT_IOB, ENT_TYPE]).reshape(-1, 2).T
    return [Span(doc, i, i + 1) for i in np.flatnonzero((iob == 3) & (types == 0)).tolist()]


def _trimmed(doc: Doc, start: int, end: int, label: str) -> Span | None:
    """Cut whitespace tokens off an entity's edges, where spaCy does not allow them."""
    while start < end and doc[start].is_space:
        start += 1
    while end > start and doc[end - 1].is_space:
        end -= 1
    return Span(doc, start, end, label=label) if start < end else None


def _can_be_set(attribute: str, name: str) -> bool:
    """Register an attribute of spans, unless there is one of that name, and say if it takes values.

    A user's own extension stays: values are written to it if it holds values, else not.
    """
    if not Span.has_extension(attribute):
        Span.set_extension(attribute, default=None)
    _, method, getter, setter = Span.get_extension(attribute)
    if setter is None and (method is not None or getter is not None):
        warnings.warn(Warnings.CW341.format(attribute=attribute, name=name), stacklevel=2)
        return False
    return True
